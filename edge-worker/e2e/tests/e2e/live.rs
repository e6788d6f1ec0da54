//! Live events: new traces as they come, and going on after a break without a gap or a double.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use edge_e2e::{Agent, Client, Oracle, flat, flat_of, unproven_agent};

/// Longer than anything here takes; a stream that says nothing tells so every 15 seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// A client's end of a stream.
struct Events {
    response: Response,
    text: String,
}

struct Event {
    id: i64,
    data: Value,
}

impl Events {
    async fn open(client: &Client, query: &str, last: Option<i64>) -> Self {
        let mut request = client.request("GET", &format!("/v1/live{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = client.open(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        let text = String::new();
        let mut events = Self { response, text };
        let first = events.block().await.expect("a first block");
        assert!(first.contains("retry: "), "{first}");
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
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes").ok()??;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let mut lines = block.lines();
            let Some(id) = lines.next().and_then(|line| line.strip_prefix("id: ")) else {
                assert!(
                    block.starts_with(':'),
                    "neither an event nor a comment: {block}"
                );
                continue;
            };
            assert_eq!(lines.next(), Some("event: trace"));
            let data = lines
                .next()
                .and_then(|line| line.strip_prefix("data: "))
                .expect("data");
            assert_eq!(lines.next(), None);
            let id = id.parse().expect("a position");
            return Event {
                id,
                data: serde_json::from_str(data).expect("JSON"),
            };
        }
    }

    /// The next `count` events; ids must rise.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        while events.len() < count {
            let event = self.event().await;
            assert!(
                events.last().is_none_or(|last| last.id < event.id),
                "ids rise"
            );
            events.push(event);
        }
        events
    }
}

fn ids(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| event.data["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn new_traces_arrive_as_listings_show_them_without_bodies() {
    let client = Client::new();
    let agent = unproven_agent();
    client
        .submit(flat_of(agent).to_string())
        .await
        .all_stored(1);
    let mut events = Events::open(&client, &format!("?agent_id={agent}"), None).await;
    let mut trace = flat_of(agent);
    trace["action_type"] = json!("deny");
    trace["result"] = json!("a result that stays at home");
    trace["metadata"] =
        json!({"conscience_reason": "because", "values_violated": ["care"], "rule_id": "r"});
    client.submit(flat().to_string()).await.all_stored(1);
    client.submit(trace.to_string()).await.all_stored(1);
    let event = events.event().await;
    assert_eq!(
        event.data["id"], trace["id"],
        "neither what was there before nor another agent's"
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
    assert_eq!(
        (&event.data["reason"], &event.data["rule_id"]),
        (&json!("because"), &json!("r"))
    );
    assert_eq!(
        (&event.data["values_violated"], &event.data["signed"]),
        (&json!(["care"]), &json!(false))
    );
    assert!(!event.data.to_string().contains("stays at home"));
    let description = edge_e2e::Description::get().await;
    let schema = json!({"$ref": "#/components/schemas/LiveEvent"});
    description.check_body("a live event", &schema, &event.data);
}

#[tokio::test]
async fn a_broken_stream_goes_on_without_a_gap_or_a_double() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let query = format!("?agent_id={}", agent.id);
    let mut sent = Vec::new();
    let mut batch = |agent: &mut Agent, count: usize| {
        let items = agent.links(count);
        sent.extend(items.iter().map(|item| item.header.trace_id.to_string()));
        agent.sign(&items)
    };
    let mut events = Events::open(&client, &query, None).await;
    let body = batch(&mut agent, 50);
    oracle.submit(&client, body).await.all_stored(50);
    let first = events.events(20).await;
    let last = first[19].id;
    drop(events);
    // While nobody listens; more than is read from a store at once.
    for _ in 0..3 {
        let body = batch(&mut agent, 150);
        oracle.submit(&client, body).await.all_stored(150);
    }
    let mut events = Events::open(&client, &query, Some(last)).await;
    // And while it catches up.
    let body = batch(&mut agent, 200);
    let (answer, rest) = tokio::join!(oracle.submit(&client, body), events.events(480 + 200));
    answer.all_stored(200);
    let mut seen = ids(&first);
    seen.extend(ids(&rest));
    assert_eq!(seen.len(), sent.len());
    let (mut seen, mut sent) = (seen, sent);
    seen.sort();
    sent.sort();
    assert_eq!(seen, sent);
    // For who cannot send the header.
    let mut events = Events::open(&client, &format!("{query}&last_event_id={last}"), None).await;
    assert_eq!(ids(&events.events(680).await), ids(&rest));
}

#[tokio::test]
async fn a_stream_may_ask_for_refusals_only() {
    let client = Client::new();
    let mut agent = Agent::new();
    let query = format!("?agent_id={}&action_type=deny", agent.id);
    let mut events = Events::open(&client, &query, None).await;
    let mut items = agent.links(2);
    let refusal = agent.refusal("r", "because", &[]);
    items.push(agent.link(refusal));
    client.submit(agent.sign(&items)).await.all_stored(3);
    let event = events.event().await;
    assert_eq!(event.data["id"], json!(items[2].header.trace_id));
    assert_eq!(
        (&event.data["action_type"], &event.data["signed"]),
        (&json!("deny"), &json!(true))
    );
}

#[tokio::test]
async fn wrong_questions_are_answered_before_a_stream_begins() {
    let client = Client::new();
    for (query, parameter) in [
        ("?agent_id=x", "agent_id"),
        ("?action_type=x", "action_type"),
        ("?last_event_id=x", "last_event_id"),
        ("?last_event_id=-1", "last_event_id"),
        ("?tool=exec", "tool"),
    ] {
        let answer = client.get(&format!("/v1/live{query}")).await;
        answer.problem(400);
        assert_eq!(answer.body["parameter"], parameter);
    }
    let request = client
        .request("GET", "/v1/live")
        .header("last-event-id", "yesterday");
    let answer = client.send(request).await;
    assert!(
        answer.problem(400).contains("whole number"),
        "{}",
        answer.text
    );
}
