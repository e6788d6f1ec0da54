//! The oracle: it remembers what was sent and what was answered, and tells at the end whether the store kept its word.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{Answer, Client};

/// How long a trace that was queued may take to be stored.
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);
/// Traces that are read from one network: well below its limit.
const READS_A_NETWORK: usize = 100;

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
pub(crate) struct Oracle {
    sent: BTreeMap<String, Sent>,
}

impl Oracle {
    /// Submits a body, and remembers it with its answer.
    pub(crate) async fn submit(&mut self, client: &Client, body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        self.sending(&body);
        let answer = client.submit(body.clone()).await;
        self.answered(&body, &answer);
        answer
    }

    /// Remembers what is about to be sent, for who sends it in another way.
    pub(crate) fn sending(&mut self, body: &[u8]) {
        for (id, agent, content) in items(body) {
            let sent = self.sent.entry(id).or_default();
            sent.agent = agent;
            if !sent.contents.contains(&content) {
                sent.contents.push(content);
            }
        }
    }

    /// Remembers an answer. Only ids that were sent may be in it, each item of the body in its place.
    pub(crate) fn answered(&mut self, body: &[u8], answer: &Answer) {
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
    pub(crate) fn acknowledged(&self) -> usize {
        self.sent.values().filter(|sent| sent.acknowledged).count()
    }

    /// Asserts that every acknowledged id can be read, is listed exactly once and has a content that was sent for it; and
    /// that no agent shows an id that was never sent.
    pub(crate) async fn settle(&self) {
        self.settle_at(Client::new).await;
    }

    /// The same, asked by clients of another edge than the suite's.
    pub(crate) async fn settle_at(&self, client: impl Fn() -> Client) {
        let taken: Vec<_> = self
            .sent
            .iter()
            .filter(|(_, sent)| sent.acknowledged)
            .collect();
        for part in taken.chunks(READS_A_NETWORK) {
            let client = client();
            let reading = part.iter().map(async |(id, sent)| {
                let whole = read(&client, id).await;
                let fits = sent.contents.iter().any(|content| same(content, &whole));
                assert!(fits, "{id} came back as something else: {whole:#}");
            });
            stream::iter(reading)
                .buffer_unordered(4)
                .collect::<()>()
                .await;
        }
        let agents: BTreeSet<&str> = self.sent.values().map(|sent| sent.agent.as_str()).collect();
        let mut listed: BTreeMap<String, usize> = BTreeMap::new();
        for agent in agents {
            for id in listing(&client(), agent).await {
                *listed.entry(id).or_default() += 1;
            }
        }
        for (id, times) in &listed {
            assert!(self.sent.contains_key(id), "{id} was never sent");
            assert_eq!(*times, 1, "{id} is listed {times} times");
        }
        for (id, _) in taken {
            assert!(
                listed.contains_key(id),
                "{id} is acknowledged and not listed"
            );
        }
    }
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

/// Every id that an agent's listing shows, page by page.
async fn listing(client: &Client, agent: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/traces?limit=200&agent_id={agent}{cursor}");
        let page = client.json(&path).await;
        let traces = page["traces"].as_array().expect("a page");
        ids.extend(
            traces
                .iter()
                .filter_map(|trace| Some(trace["id"].as_str()?.to_owned())),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
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
    let params = match sent.get("params") {
        Some(Value::Object(params)) => json!(params),
        Some(Value::Null) | None => json!({}),
        Some(other) => json!({ "value": other }),
    };
    let told = |key: &str| sent.get(key).cloned().unwrap_or_default();
    whole["agent_id"] == told("agent_id")
        && whole["tool_name"] == told("tool_name")
        && whole["action_type"] == told("action_type")
        && trace["action"]["parameters"] == params
        && metadata["result"] == told("result")
}
