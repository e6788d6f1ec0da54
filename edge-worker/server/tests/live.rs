//! Live events over a real socket: in order, without a gap or a double, and an orderly end.

mod common;

use std::time::Duration;

use common::{Served, calls, served};
use edge_core::live::{MAX_LIVE_PER_NETWORK, RECONNECT};
use edge_server::DRAIN_TIMEOUT;
use serde_json::{Value, json};
use tokio::time::timeout;
use trace_store::conformance::{Agent, flat};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client's end of a stream.
struct Events {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug)]
struct Event {
    id: i64,
    data: Value,
}

impl Events {
    async fn open(edge: &Served, path: &str, last: Option<i64>) -> Self {
        let mut request = edge.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self {
            response,
            text: String::new(),
        };
        let first = events.block().await.expect("a first block");
        assert!(first.contains(&format!("retry: {}", RECONNECT.as_millis())));
        events
    }

    /// Everything up to the next blank line; none at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("something comes");
            self.text
                .push_str(std::str::from_utf8(&chunk.ok()??).expect("UTF-8"));
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let mut lines = block.lines();
            let Some(id) = lines.next().and_then(|line| line.strip_prefix("id: ")) else {
                continue;
            };
            assert_eq!(lines.next(), Some("event: trace"));
            let data = lines
                .next()
                .and_then(|line| line.strip_prefix("data: "))
                .expect("data");
            assert_eq!(lines.next(), None);
            return Event {
                id: id.parse().expect("a position"),
                data: serde_json::from_str(data).expect("JSON"),
            };
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<Value> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.event().await.data["id"].clone());
        }
        ids
    }
}

/// Makes a batch, and notes its ids.
fn batch(agent: &mut Agent, count: u32, sent: &mut Vec<Value>) -> Vec<u8> {
    let body = calls(agent, count);
    let read: Value = serde_json::from_slice(&body).expect("JSON");
    let traces = read["batch"].as_array().expect("a batch").iter();
    sent.extend(traces.map(|trace| trace["trace_id"].clone()));
    body
}

#[tokio::test]
async fn new_traces_arrive_as_they_are_listed_without_bodies() {
    let edge = served().await;
    edge.submit(flat(1, 1, 0, "before").to_string()).await;
    let mut events = Events::open(&edge, "/v1/live", None).await;
    let trace = flat(1, 2, 0, "a result");
    edge.submit(trace.to_string()).await;
    let event = events.event().await;
    assert_eq!(
        event.data["id"], trace["id"],
        "what was there before is not sent"
    );
    for key in [
        "agent_id",
        "timestamp",
        "tool_name",
        "action_type",
        "duration_ms",
    ] {
        assert_eq!(event.data[key], trace[key], "{key}");
    }
    assert_eq!(event.data["signed"], false);
    assert!(!event.data.to_string().contains("a result"));
}

#[tokio::test]
async fn a_broken_stream_goes_on_without_a_gap_or_a_double() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    let mut events = Events::open(&edge, "/v1/live", None).await;
    edge.submit(batch(&mut agent, 50, &mut sent)).await;
    let mut last = 0;
    for _ in 0..20 {
        let event = events.event().await;
        assert!(event.id > last, "ids rise");
        last = event.id;
        seen.push(event.data["id"].clone());
    }
    drop(events);
    // While nobody listens; more than a reader takes from the store at once.
    for _ in 0..3 {
        edge.submit(batch(&mut agent, 150, &mut sent)).await;
    }
    let mut events = Events::open(&edge, "/v1/live", Some(last)).await;
    // And while it catches up.
    let more = batch(&mut agent, 500, &mut sent);
    let (_, ids) = tokio::join!(edge.submit(more), events.ids(480 + 500));
    seen.extend(ids);
    assert!(
        seen == sent,
        "all 1000 traces, each once, in the order of receipt"
    );
}

#[tokio::test]
async fn many_readers_see_the_same_under_concurrent_writers() {
    let edge = served().await;
    let mut readers = Vec::new();
    for _ in 0..8 {
        readers.push(Events::open(&edge, "/v1/live", None).await);
    }
    let writers = (1..=4_u8).map(|number| {
        let edge = &edge;
        async move {
            let mut agent = Agent::new(number);
            for _ in 0..10 {
                assert_eq!(edge.submit(calls(&mut agent, 25)).await.status, 201);
            }
        }
    });
    let writers: Vec<_> = writers.collect();
    let writing = async {
        let mut writers = writers.into_iter();
        tokio::join!(
            writers.next().unwrap(),
            writers.next().unwrap(),
            writers.next().unwrap(),
            writers.next().unwrap()
        );
    };
    let reading = async {
        let mut all = Vec::new();
        for reader in &mut readers {
            all.push(reader.ids(1000).await);
        }
        all
    };
    let ((), seen) = tokio::join!(writing, reading);
    assert!(
        seen.iter().all(|ids| *ids == seen[0]),
        "all readers see one order"
    );
    let mut unique: Vec<_> = seen[0].iter().map(Value::to_string).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 1000);
}

#[tokio::test]
async fn filters_hold_for_what_is_replayed_and_what_is_new() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let mut mixed = || {
        let refusal = agent.refusal(0, "fs.delete.root", "no", &["harm_prevention"]);
        let call = agent.call(0);
        let items = vec![agent.link(call), agent.link(refusal)];
        common::signed(&agent, items)
    };
    edge.submit(mixed()).await;
    edge.submit(flat(2, 1, 0, "ok").to_string()).await;
    let mut denied = Events::open(&edge, "/v1/live?action_type=deny", Some(0)).await;
    let mut theirs = Events::open(
        &edge,
        &format!(
            "/v1/live?agent_id={}&last_event_id=0",
            flat(2, 1, 0, "")["agent_id"].as_str().unwrap()
        ),
        None,
    )
    .await;
    edge.submit(mixed()).await;
    edge.submit(flat(2, 2, 0, "ok").to_string()).await;
    for _ in 0..2 {
        let event = denied.event().await;
        assert_eq!(event.data["action_type"], "deny");
        assert_eq!(event.data["metadata"]["conscience_reason"], "no");
        assert_eq!(event.data["reason"], "no");
        assert_eq!(event.data["rule_id"], "fs.delete.root");
        assert_eq!(event.data["values_violated"], json!(["harm_prevention"]));
        assert_eq!(
            event.data["metadata"]["values_violated"],
            json!(["harm_prevention"])
        );
    }
    assert_eq!(
        theirs.ids(2).await,
        [
            flat(2, 1, 0, "")["id"].clone(),
            flat(2, 2, 0, "")["id"].clone()
        ]
    );
}

#[tokio::test]
async fn what_is_no_position_is_refused_and_one_of_the_future_is_the_newest() {
    let edge = served().await;
    for id in ["x", "-1", "1.5"] {
        let request = edge.request("GET", "/v1/live").header("last-event-id", id);
        assert!(
            edge.send(request)
                .await
                .problem(400)
                .contains("Last-Event-ID"),
            "{id}"
        );
    }
    assert!(
        edge.get("/v1/live?tool=exec")
            .await
            .problem(400)
            .contains("tool: no such parameter")
    );
    let mut events = Events::open(&edge, "/v1/live", Some(1_000_000)).await;
    edge.submit(flat(1, 1, 0, "ok").to_string()).await;
    assert_eq!(events.event().await.data["id"], flat(1, 1, 0, "ok")["id"]);
}

#[tokio::test]
async fn one_network_cannot_take_all_streams() {
    let edge = served().await;
    let mut open = Vec::new();
    for _ in 0..MAX_LIVE_PER_NETWORK {
        open.push(Events::open(&edge, "/v1/live", None).await);
    }
    let refused = edge.get("/v1/live").await;
    assert!(refused.problem(503).contains("32 for one network"));
    assert_eq!(refused.header("retry-after"), "2");
}

#[tokio::test]
async fn a_shutdown_ends_open_streams_at_once_and_lets_requests_finish() {
    let edge = served().await;
    let mut events = Events::open(&edge, "/v1/live", None).await;
    let begun = std::time::Instant::now();
    edge.shutdown.cancel();
    assert!(events.block().await.is_none(), "the stream ends");
    timeout(PATIENCE, edge.task)
        .await
        .expect("it stops")
        .expect("without a panic");
    assert!(begun.elapsed() < DRAIN_TIMEOUT, "nothing had to be cut off");
    assert!(
        edge.client
            .get(format!("{}/health", edge.url))
            .send()
            .await
            .is_err()
    );
}
