//! An edge on a real store: served on a socket, or in this process with clocks that the test turns.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate and uses a part"
)]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aap::batch::{Batch, Item};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use edge_core::{Live, Ports};
use edge_server::{Counts, Limits, serve};
use governor::clock::FakeRelativeClock;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use trace_store::conformance::{Agent, now};
use trace_store_sqlite::SqliteStore;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Null when it is not JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    fn new(status: StatusCode, headers: HeaderMap, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self {
            status,
            headers,
            body,
            text,
        }
    }

    /// The statuses of a submission's results.
    pub fn statuses(&self) -> Vec<&str> {
        let results = self.body["results"].as_array().expect("results");
        results
            .iter()
            .map(|result| result["status"].as_str().expect("status"))
            .collect()
    }

    pub fn reason(&self, index: usize) -> &str {
        self.body["results"][index]["reason"]
            .as_str()
            .expect("a reason")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    /// Checks that this is a problem with this status, and gives its detail.
    pub fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(self.body["type"].as_str().is_some() && self.body["title"].as_str().is_some());
        self.body["detail"].as_str().expect("a detail")
    }
}

pub const OFF: Limits = Limits {
    per_minute: 0,
    ip_per_minute: 0,
    new_agents_per_hour: 0,
    global_per_minute: 0,
};

/// An edge on a socket.
pub struct Served {
    pub url: String,
    pub client: reqwest::Client,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
    _directory: TempDir,
}

pub async fn served() -> Served {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(&directory.path().join("edge.db")).expect("a store");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let shutdown = CancellationToken::new();
    let serving = serve(listener, Arc::new(store), OFF, shutdown.clone());
    let task = tokio::spawn(async move { serving.await.expect("it serves") });
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    Served {
        url,
        client,
        shutdown,
        task,
        _directory: directory,
    }
}

impl Served {
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer::new(
            status,
            headers,
            &response.bytes().await.expect("a whole answer"),
        )
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    pub async fn submit(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self
            .request("POST", "/v1/traces")
            .header("content-type", "application/json");
        self.send(request.body(body)).await
    }

    pub async fn put_card(&self, agent: &Agent) -> Answer {
        let path = aap::paths::card(agent.id);
        let body = serde_json::to_vec(&agent.card.clone().sign(agent.key())).expect("JSON");
        self.send(self.request("PUT", &path).body(body)).await
    }
}

/// An edge in this process.
pub struct InProcess {
    pub router: Router,
    pub counts: Arc<Counts<FakeRelativeClock>>,
    pub clock: FakeRelativeClock,
    _directory: TempDir,
}

pub fn in_process(limits: Limits) -> InProcess {
    let directory = tempfile::tempdir().expect("a directory");
    let store = SqliteStore::open(&directory.path().join("edge.db")).expect("a store");
    let clock = FakeRelativeClock::default();
    let counts = Counts::new(limits, clock.clone());
    let router = edge_core::router(Ports {
        store: Arc::new(store),
        limiter: Arc::clone(&counts),
        clock: Arc::new(|| now(1000)),
        monotonic: Arc::new(|| Duration::ZERO),
        sleep: Arc::new(|span| Box::pin(tokio::time::sleep(span))),
        render_metrics: Arc::new(String::new),
        live: Arc::new(Live::new()),
        readable_by_other_sites: true,
        proofs: edge_core::proof::Proofs::off(),
    });
    InProcess {
        router,
        counts,
        clock,
        _directory: directory,
    }
}

impl InProcess {
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a whole answer");
        Answer::new(parts.status, parts.headers, &bytes)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request"))
            .await
    }

    pub async fn submit(&self, body: impl Into<Body>) -> Answer {
        self.send(
            Request::post("/v1/traces")
                .body(body.into())
                .expect("a request"),
        )
        .await
    }

    pub async fn put_card(&self, agent: &Agent) -> Answer {
        let body = serde_json::to_vec(&agent.card.clone().sign(agent.key())).expect("JSON");
        let request = Request::put(aap::paths::card(agent.id)).body(body.into());
        self.send(request.expect("a request")).await
    }
}

/// The request body of these links, signed.
pub fn signed(agent: &Agent, items: Vec<Item>) -> Vec<u8> {
    Batch::new(items)
        .expect("a run of one stream")
        .sign(agent.key())
        .into_body()
}

/// The request body of so many new calls, signed.
pub fn calls(agent: &mut Agent, count: u32) -> Vec<u8> {
    let made = agent.calls(count, 0);
    let items = made.into_iter().map(|made| agent.link(made)).collect();
    signed(agent, items)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
