//! `GET /v1/export` over a real store: many pages, seats, the time that one export may take.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use edge_core::{
    ClientNet, EXPORT_PAGE, LimitDecision, LimitKey, Limiter, Live, MAX_EXPORT_TIME, MAX_EXPORTS,
    MAX_EXPORTS_PER_NETWORK, Ports, router,
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use trace_store::conformance::now;
use trace_store_sqlite::SqliteStore;

struct Off;

impl Limiter for Off {
    async fn check(&self, _: LimitKey) -> Option<LimitDecision> {
        None
    }
}

struct Edge {
    router: Router,
    /// Seconds on the clock that durations are measured with.
    clock: Arc<AtomicU64>,
    _directory: TempDir,
}

const AGENT: &str = "6f1f8e0c-3c83-4b0b-9a53-0d6ff7a3f1c2";

impl Edge {
    /// With `traces` in it.
    async fn holding(traces: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("edge.db")).expect("a store");
        let clock = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&clock);
        let edge = Self {
            router: router(Ports {
                store: Arc::new(store),
                limiter: Arc::new(Off),
                clock: Arc::new(|| now(1_000_000)),
                monotonic: Arc::new(move || Duration::from_secs(told.load(Ordering::Relaxed))),
                sleep: Arc::new(|_| Box::pin(std::future::pending())),
                render_metrics: Arc::new(String::new),
                live: Arc::new(Live::new()),
                readable_by_other_sites: true,
                proofs: edge_core::proof::Proofs::off(),
            }),
            clock,
            _directory: directory,
        };
        let traces: Vec<_> = (0..traces).map(trace).collect();
        for batch in traces.chunks(500) {
            let body = json!({ "batch": batch }).to_string();
            let request = Request::post("/v1/traces").body(Body::from(body));
            let answer = edge.send(request.expect("a request")).await;
            assert_eq!(answer.status(), StatusCode::CREATED);
        }
        edge
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("the router always answers")
    }

    async fn export(&self, network: u8, query: &str) -> Response {
        let request = Request::get(format!("/v1/export?{query}"));
        let network = ClientNet(IpAddr::from([192, 0, 2, network]));
        let request = request.extension(network).body(Body::empty());
        self.send(request.expect("a request")).await
    }
}

fn trace(number: u32) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012}"),
        "agent_id": AGENT,
        "timestamp": now(i64::from(number)),
        "tool_name": if number.is_multiple_of(7) { "=rare" } else { "exec" },
        "action_type": "allow",
    })
}

async fn text(answer: Response) -> String {
    assert_eq!(answer.status(), StatusCode::OK);
    let bytes = to_bytes(answer.into_body(), usize::MAX)
        .await
        .expect("a whole body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn numbers(text: &str) -> Vec<u32> {
    let number = |line: &str| {
        let trace: Value = serde_json::from_str(line).expect("JSON");
        let id = trace["id"].as_str().expect("an id");
        id[24..].parse().expect("a number")
    };
    text.lines().map(number).collect()
}

#[tokio::test]
async fn every_page_is_written_once_and_in_order() {
    for count in [0, 1, EXPORT_PAGE, EXPORT_PAGE + 1, 3 * EXPORT_PAGE] {
        let edge = Edge::holding(count).await;
        let newest: Vec<_> = (0..count).rev().collect();
        assert_eq!(numbers(&text(edge.export(1, "").await).await), newest);
        let oldest: Vec<_> = (0..count).collect();
        assert_eq!(
            numbers(&text(edge.export(1, "order=oldest").await).await),
            oldest
        );
        let table = text(edge.export(1, "format=csv&order=oldest").await).await;
        assert_eq!(table.matches("\r\n").count(), count as usize + 1);
        assert_eq!(
            table.matches(",\"'=rare\",").count(),
            (count as usize).div_ceil(7)
        );
        let spans: Value =
            serde_json::from_str(&text(edge.export(1, "format=otlp").await).await).expect("JSON");
        let spans = spans["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array()
            .expect("spans");
        assert_eq!(spans.len(), count as usize);
    }
}

#[tokio::test]
async fn nothing_is_read_before_it_is_asked_for() {
    let edge = Edge::holding(3 * EXPORT_PAGE).await;
    let mut body = edge.export(1, "order=oldest").await.into_body();
    let first = body
        .frame()
        .await
        .expect("a piece")
        .expect("in order")
        .into_data()
        .expect("data");
    let first = String::from_utf8(first.to_vec()).expect("text");
    assert_eq!(
        first.lines().count(),
        EXPORT_PAGE as usize,
        "a page at a time"
    );
    // What comes in behind is still found: the pages are read when they are asked for.
    let late = json!({ "batch": [trace(3 * EXPORT_PAGE)] }).to_string();
    let request = Request::post("/v1/traces")
        .body(Body::from(late))
        .expect("a request");
    assert_eq!(edge.send(request).await.status(), StatusCode::CREATED);
    let rest = body.collect().await.expect("the rest").to_bytes();
    let rest = String::from_utf8(rest.to_vec()).expect("text");
    assert_eq!(numbers(&rest).last(), Some(&(3 * EXPORT_PAGE)));
}

#[tokio::test]
async fn seats_are_held_while_an_export_is_read_and_no_longer() {
    let edge = Edge::holding(2 * EXPORT_PAGE).await;
    let mut open = Vec::new();
    for _ in 0..MAX_EXPORTS_PER_NETWORK {
        open.push(edge.export(1, "").await);
    }
    let refused = edge.export(1, "").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "2");
    let bytes = to_bytes(refused.into_body(), usize::MAX)
        .await
        .expect("a body");
    let problem: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(problem["type"], "urn:smoltbot:problem:too-many-exports");
    assert_eq!(problem["limit"], MAX_EXPORTS);
    assert_eq!(
        edge.export(2, "").await.status(),
        StatusCode::OK,
        "others are not concerned"
    );
    // A client that goes away leaves its seat, as one that has read all.
    drop(open.pop());
    let read = text(edge.export(1, "").await).await;
    assert_eq!(read.lines().count(), 2 * EXPORT_PAGE as usize);
    assert_eq!(edge.export(1, "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_export_that_takes_too_long_breaks_off_rather_than_end() {
    let edge = Edge::holding(2 * EXPORT_PAGE).await;
    let body = edge.export(1, "").await.into_body();
    edge.clock
        .store(MAX_EXPORT_TIME.as_secs(), Ordering::Relaxed);
    assert!(
        to_bytes(body, usize::MAX).await.is_err(),
        "a part must not look like the whole"
    );
}
