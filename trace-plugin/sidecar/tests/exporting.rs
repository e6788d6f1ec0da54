//! The live exporter against a receiver that fails in every way a receiver can: everything arrives at least once, in spite of what
//! fails; what does not is counted; and nobody who records waits for any of it.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use otlp::{Answer, PROTOBUF, Span, read_protobuf};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trace_plugin::otlp::{Endpoint, Exporter, MAX_SPANS, Sender};
use trace_plugin::spool::{MAX_QUEUED_BYTES, SpanQueue};

mod judge;
mod support;

use support::{Agent, refused, serve, unpacked};

#[derive(Debug, Default)]
struct Receiver {
    /// How the next requests are answered: a status, and `Retry-After`.
    faults: VecDeque<(u16, Option<&'static str>)>,
    /// A request that holds a call with this id is answered 400.
    poison: Option<&'static str>,
    /// What is said not to have been taken.
    partial: Answer,
    /// The calls' ids of each request that was taken.
    requests: Vec<Vec<String>>,
    spans: Vec<Span>,
    headers: Vec<HeaderMap>,
}

type Shared = Arc<Mutex<Receiver>>;

fn call_id(span: &Span) -> String {
    let told = span
        .attributes
        .iter()
        .find(|(key, _)| key == "gen_ai.tool.call.id");
    told.unwrap().1.as_text().unwrap().to_owned()
}

async fn receive(State(receiver): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let bytes = unpacked(&headers, &body);
    assert_eq!(headers[header::CONTENT_TYPE], PROTOBUF);
    let mut receiver = receiver.lock().unwrap();
    if let Some((status, after)) = receiver.faults.pop_front() {
        return refused(status, after);
    }
    let spans: Vec<_> = read_protobuf(&bytes)
        .unwrap()
        .into_iter()
        .flat_map(|told| told.spans)
        .collect();
    let ids: Vec<_> = spans.iter().map(call_id).collect();
    if receiver
        .poison
        .is_some_and(|poison| ids.iter().any(|id| id == poison))
    {
        return StatusCode::BAD_REQUEST.into_response();
    }
    receiver.requests.push(ids);
    receiver.spans.extend(spans);
    receiver.headers.push(headers);
    (
        [(header::CONTENT_TYPE, PROTOBUF)],
        receiver.partial.to_protobuf(),
    )
        .into_response()
}

struct Bench {
    agent: Agent,
    receiver: Shared,
    url: String,
}

impl Bench {
    async fn new() -> Self {
        let agent = Agent::new();
        let receiver = Shared::default();
        let router = Router::new()
            .route("/otel/v1/traces", post(receive))
            .with_state(Arc::clone(&receiver));
        // As the exporter does when it starts.
        agent.spool().queue_spans().unwrap();
        Self {
            agent,
            receiver,
            url: serve(router).await + "/otel",
        }
    }

    fn receiver(&self) -> std::sync::MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap()
    }

    fn queue(&self) -> SpanQueue {
        self.agent.spool().span_queue().unwrap().unwrap()
    }

    fn exporter(&self) -> Exporter {
        let headers = [("x-key".to_owned(), "s3cret".to_owned())];
        let endpoint = Endpoint::new(&self.url, &headers).unwrap();
        let sender = Sender::new(endpoint, Duration::from_secs(5)).unwrap();
        let path = self.agent.spool_file();
        Exporter::new(sender, &path, self.agent.identity.agent_id()).unwrap()
    }

    /// Exports until `done`.
    async fn export(&self, done: impl Fn(&SpanQueue) -> bool) -> SpanQueue {
        let exporter = self.exporter();
        let stop = CancellationToken::new();
        let running = tokio::spawn(exporter.run(Arc::default(), stop.clone()));
        let began = Instant::now();
        while !done(&self.queue()) {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{:?} {:?}",
                self.queue(),
                self.receiver()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
        self.queue()
    }

    fn arrived(&self) -> BTreeSet<String> {
        self.receiver().requests.concat().into_iter().collect()
    }
}

fn empty(queue: &SpanQueue) -> bool {
    queue.waiting == 0
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn what_is_recorded_arrives_with_its_headers_as_a_refusal() {
    let mut bench = Bench::new().await;
    bench.agent.record(["a", "b"]);
    let queue = bench.export(empty).await;
    assert_eq!(bench.arrived(), set(&["a", "b"]));
    assert_eq!(
        (queue.sent, queue.rejected, queue.dropped, queue.last_error),
        (2, 0, 0, None)
    );
    assert!(queue.last_sent_at.is_some());
    let receiver = bench.receiver();
    assert_eq!(receiver.headers[0]["x-key"], "s3cret");
    let span = &receiver.spans[0];
    assert_eq!(span.name, "execute_tool Bash");
    assert!(
        span.error.as_ref().unwrap().contains("root directory"),
        "{span:?}"
    );
    let told = |key: &str| span.attributes.iter().any(|(known, _)| known == key);
    assert!(
        told("smoltbot.digest") && told("gen_ai.tool.call.arguments") && told("smoltbot.rule_id")
    );
}

#[tokio::test]
async fn failures_hold_nothing_up_and_lose_nothing() {
    let mut bench = Bench::new().await;
    bench.receiver().faults.extend([
        (503, Some("0")),
        (429, Some("0")),
        (502, Some("0")),
        (401, Some("0")),
    ]);
    let ids: Vec<_> = (0..MAX_SPANS + 10)
        .map(|number| number.to_string())
        .collect();
    bench.agent.record(&ids);
    let waiting = bench.queue();
    assert_eq!((waiting.waiting, waiting.sent), (ids.len() as u64, 0));
    let queue = bench.export(empty).await;
    assert_eq!(bench.arrived(), ids.iter().cloned().collect());
    assert_eq!(queue.sent, ids.len() as u64);
    let sizes: Vec<_> = bench.receiver().requests.iter().map(Vec::len).collect();
    assert_eq!(sizes, [MAX_SPANS, 10]);
    let spool = bench.agent.spool();
    assert_eq!(
        spool.depth().unwrap().waiting,
        ids.len() as u64,
        "the edge's are all there"
    );
}

#[tokio::test]
async fn a_span_that_the_receiver_cannot_take_is_given_up_alone() {
    let mut bench = Bench::new().await;
    bench.receiver().poison = Some("c");
    bench.agent.record(["a", "b", "c", "d", "e"]);
    let queue = bench.export(empty).await;
    assert_eq!(bench.arrived(), set(&["a", "b", "d", "e"]));
    assert_eq!((queue.sent, queue.rejected), (4, 1));
}

#[tokio::test]
async fn what_a_receiver_says_it_has_not_taken_is_counted() {
    let mut bench = Bench::new().await;
    bench.receiver().partial = Answer {
        rejected: 2,
        message: "too old".to_owned(),
    };
    bench.agent.record(["a", "b", "c"]);
    let queue = bench.export(empty).await;
    assert_eq!((queue.sent, queue.rejected), (1, 2));
}

#[tokio::test]
async fn a_receiver_that_is_away_is_told_and_its_spans_wait() {
    let mut bench = Bench::new().await;
    let real = std::mem::replace(&mut bench.url, "http://127.0.0.1:1/otel".to_owned());
    bench.agent.record(["a"]);
    let queue = bench.export(|queue| queue.last_error.is_some()).await;
    assert_eq!((queue.waiting, queue.sent), (1, 0));
    bench.url = real;
    let queue = bench.export(empty).await;
    assert_eq!((queue.sent, queue.last_error), (1, None));
    assert_eq!(bench.arrived(), set(&["a"]));
}

#[tokio::test]
async fn a_full_queue_leaves_out_what_comes_and_counts_it() {
    let mut bench = Bench::new().await;
    bench.agent.record(["a"]);
    let path = bench.agent.spool_file();
    let other = rusqlite::Connection::open(path).unwrap();
    other
        .execute("UPDATE otlp_state SET bytes = ?1", [MAX_QUEUED_BYTES])
        .unwrap();
    bench.agent.record(["b", "c"]);
    let queue = bench.queue();
    assert_eq!((queue.waiting, queue.dropped), (1, 2));
    let queue = bench.export(empty).await;
    assert_eq!((queue.sent, queue.dropped), (1, 2));
    bench.agent.record(["d"]);
    bench.export(empty).await;
    assert_eq!(bench.arrived(), set(&["a", "d"]));
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_queued() {
    let mut bench = Bench::new().await;
    bench.agent.record(["a"]);
    bench.agent.spool().stop_queueing_spans().unwrap();
    bench.agent.record(["b"]);
    let queue = bench.queue();
    assert_eq!((queue.waiting, queue.sent), (0, 0));
    let spool = bench.agent.spool();
    assert_eq!(spool.depth().unwrap().waiting, 2);
    spool.queue_spans().unwrap();
    bench.agent.record(["c"]);
    bench.export(empty).await;
    assert_eq!(bench.arrived(), set(&["c"]));
}

#[tokio::test]
async fn what_is_recorded_later_is_sent_when_that_is_told() {
    let mut bench = Bench::new().await;
    let recorded = Arc::new(Notify::new());
    let exporter = bench.exporter();
    let stop = CancellationToken::new();
    let running = tokio::spawn(exporter.run(Arc::clone(&recorded), stop.clone()));
    for id in ["a", "b"] {
        bench.agent.record([id]);
        recorded.notify_one();
        let began = Instant::now();
        while bench.queue().waiting > 0 {
            assert!(began.elapsed() < Duration::from_mins(1), "nobody woke it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(bench.arrived().contains(id));
    }
    stop.cancel();
    running.await.unwrap();
}
