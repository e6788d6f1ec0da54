//! The oracle: it remembers what was sent and what was answered, and tells at the end whether the store kept its word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::{Answer, Client};

/// How long a trace that was queued may take to be stored.
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);
/// Traces whose whole documents are read, in even steps over all of them; the others are looked at as listings show them.
const WHOLE: usize = 60;

/// One id: everything that was sent under it, and whether the edge has taken it.
#[derive(Default)]
struct Sent {
    /// In the order in which they were sent; null for a header whose content was kept back.
    contents: Vec<Value>,
    agent: String,
    acknowledged: bool,
}

/// Remembers every id and every answer.
#[derive(Default)]
pub struct Oracle {
    sent: BTreeMap<String, Sent>,
}

impl Oracle {
    /// Submits a body, and remembers it with its answer.
    pub async fn submit(&mut self, client: &Client, body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        self.sending(&body);
        let answer = client.submit(body.clone()).await;
        self.answered(&body, &answer);
        answer
    }

    /// Remembers what is about to be sent, for who sends it in another way.
    pub fn sending(&mut self, body: &[u8]) {
        for (id, agent, content) in items(body) {
            let sent = self.sent.entry(id).or_default();
            sent.agent = agent;
            if !sent.contents.contains(&content) {
                sent.contents.push(content);
            }
        }
    }

    /// Remembers an answer. Only ids that were sent may be in it, each item of the body in its place.
    pub fn answered(&mut self, body: &[u8], answer: &Answer) {
        let Some(results) = answer.body["results"].as_array() else {
            return;
        };
        let parsed: Value = serde_json::from_slice(body).expect("JSON");
        let count = parsed["batch"].as_array().map_or(1, Vec::len);
        assert_eq!(results.len(), count, "a result for every trace");
        for result in results {
            let known = ["stored", "duplicate", "queued"];
            let taken = known.contains(&result["status"].as_str().unwrap_or_default());
            let id = result["trace_id"].as_str().map(str::to_lowercase);
            match id.and_then(|id| self.sent.get_mut(&id)) {
                Some(sent) => sent.acknowledged |= taken,
                None => assert!(!taken, "an id that was never sent: {result}"),
            }
        }
    }

    /// How many ids were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.sent.values().filter(|sent| sent.acknowledged).count()
    }

    /// Asserts that every acknowledged id is listed exactly once, can be read, and has a content that was sent for it; and
    /// that no agent shows an id that was never sent.
    pub async fn settle(&self) {
        self.settle_at(Client::new).await;
    }

    /// The same, asked by clients of another edge than the suite's.
    pub async fn settle_at(&self, client: impl Fn() -> Client) {
        let agents: BTreeSet<&str> = self.sent.values().map(|sent| sent.agent.as_str()).collect();
        let taken = || self.sent.iter().filter(|(_, sent)| sent.acknowledged);
        let mut listed = list(&agents, &client).await;
        let late: Vec<_> = taken()
            .filter(|(id, _)| !listed.contains_key(*id))
            .collect();
        if !late.is_empty() {
            for (id, _) in late {
                read(&client(), id).await;
            }
            listed = list(&agents, &client).await;
        }
        for (id, rows) in &listed {
            assert!(self.sent.contains_key(id), "{id} was never sent");
            assert_eq!(rows.len(), 1, "{id} is listed {} times", rows.len());
        }
        for (id, sent) in taken() {
            let rows = listed.get(id);
            let row = &rows.unwrap_or_else(|| panic!("{id} is acknowledged and not listed"))[0];
            let fits = sent.contents.iter().any(|content| shown(content, row));
            assert!(fits, "{id} is listed as something else: {row:#}");
        }
        let taken: Vec<_> = taken().collect();
        let reader = client();
        let reading = taken
            .iter()
            .step_by(taken.len() / WHOLE + 1)
            .map(async |(id, sent)| {
                let whole = read(&reader, id).await;
                let fits = sent.contents.iter().any(|content| same(content, &whole));
                assert!(fits, "{id} came back as something else: {whole:#}");
            });
        stream::iter(reading)
            .buffer_unordered(4)
            .collect::<()>()
            .await;
    }
}

/// The rows of every agent's listing, by id.
async fn list(
    agents: &BTreeSet<&str>,
    client: &impl Fn() -> Client,
) -> BTreeMap<String, Vec<Value>> {
    let mut listed: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for agent in agents {
        for row in listing(&client(), agent).await {
            let id = row["id"].as_str().expect("an id").to_owned();
            listed.entry(id).or_default().push(row);
        }
    }
    listed
}

/// The trace; one that was queued may take a while.
async fn read(client: &Client, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let answer = client.get(&format!("/v1/traces/{id}")).await;
        if answer.status == 200 {
            return answer.body;
        }
        assert!(
            answer.status == 404 && begun.elapsed() < QUEUE_PATIENCE,
            "{id} is acknowledged and cannot be read: {}",
            answer.text
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Id, agent and content of each item of a body.
fn items(body: &[u8]) -> Vec<(String, String, Value)> {
    let parsed: Value = serde_json::from_slice(body).expect("the oracle is told of JSON only");
    let batch = match parsed.get("batch") {
        Some(batch) => batch.as_array().cloned().unwrap_or_default(),
        None => vec![parsed],
    };
    let text = |value: &Value| value.as_str().map(str::to_lowercase);
    let item = |item: Value| {
        let (of, content) = match item.get("held_back") {
            Some(header) => (header.clone(), Value::Null),
            None => (item.clone(), item),
        };
        let id = text(&of["trace_id"]).or_else(|| text(&of["id"]))?;
        Some((id, text(&of["agent_id"])?, content))
    };
    batch.into_iter().filter_map(item).collect()
}

/// Every row that an agent's listing shows, page by page.
async fn listing(client: &Client, agent: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/traces?limit=200&agent_id={agent}{cursor}");
        let mut page = client.json(&path).await;
        if let Some(traces) = page["traces"].as_array_mut() {
            rows.append(traces);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

/// Whether a row of a listing shows what was sent: tool, verdict, parameters, result; of an AP-Trace all of its metadata, the
/// commitment to the rest among it.
fn shown(sent: &Value, row: &Value) -> bool {
    if sent.is_null() {
        return row["metadata"]["held_back"] == true;
    }
    let told = |key: &str| sent.get(key).cloned().unwrap_or_default();
    if sent.get("trace_id").is_none() {
        return row["tool_name"] == told("tool_name")
            && row["action_type"] == told("action_type")
            && row["params"] == params(sent)
            && row["result"] == told("result");
    }
    let context = &sent["context"];
    let mut metadata = context["metadata"].clone();
    let result = metadata["result"].take();
    if let (Some(fields), Some(session)) = (metadata.as_object_mut(), context.get("session_id")) {
        fields.remove("result");
        fields.insert("session_id".to_owned(), session.clone());
    }
    row["metadata"] == metadata
        && row["result"] == result
        && row["params"] == sent["action"]["parameters"]
}

/// A flat trace's parameters as an AP-Trace has them.
fn params(sent: &Value) -> Value {
    match sent.get("params") {
        Some(Value::Object(params)) => json!(params),
        Some(Value::Null) | None => json!({}),
        Some(other) => json!({ "value": other }),
    }
}

/// Whether what came back says what was sent.
fn same(sent: &Value, whole: &Value) -> bool {
    if sent.is_null() {
        return whole["held_back"] == true;
    }
    let trace = &whole["trace"];
    if sent.get("trace_id").is_some() {
        return trace == sent;
    }
    let metadata = &trace["context"]["metadata"];
    let told = |key: &str| sent.get(key).cloned().unwrap_or_default();
    whole["agent_id"] == told("agent_id")
        && whole["tool_name"] == told("tool_name")
        && whole["action_type"] == told("action_type")
        && trace["action"]["parameters"] == params(sent)
        && metadata["result"] == told("result")
}
