//! Delivery against an edge that fails in every way an edge can: at least once on the wire, exactly once in the store.
//!
//! The edge here validates with the real rules of `aap` and is told how to fail; the oracle at the end of each test is the
//! same: what was accepted has arrived, once, and nothing else has.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aap::card::AlignmentCard;
use aap::chain::Digest;
use aap::wire::{CardAnswer, ItemResult, Status, StreamHead, SubmitAnswer};
use aap::{Submission, paths};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use conscience::Conscience;
use redact::{Level, Redactor};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::Dialect;
use trace_plugin::spool::{Depth, Spool, Use};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, ShipOptions, Shipper, clock, hook};

/// How the next submission goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    /// This status, and `Retry-After`.
    Status(u16, Option<&'static str>),
    /// 200 with a body that is no answer.
    Garbage,
    /// Stored, and the answer is lost.
    AnswerLost,
    /// Stored, and only the first trace is named.
    NamesOne,
}

#[derive(Debug, Default)]
struct Edge {
    faults: VecDeque<Fault>,
    /// A trace whose document holds this is rejected.
    poison: Option<&'static str>,
    stored: BTreeMap<String, Digest>,
    held_back: usize,
    duplicates: usize,
    requests: Vec<(Instant, usize)>,
    cards: usize,
    heads: Vec<StreamHead>,
}

type Shared = Arc<Mutex<Edge>>;

async fn submit(State(edge): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut text = Vec::new();
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "gzip")
    {
        flate2::read::GzDecoder::new(&body[..])
            .read_to_end(&mut text)
            .unwrap();
    } else {
        text.extend_from_slice(&body);
    }
    let mut edge = edge.lock().unwrap();
    let submission = Submission::read(&text, &|_| None).unwrap();
    edge.requests.push((Instant::now(), submission.len()));
    let fault = edge.faults.pop_front();
    match fault {
        Some(Fault::Status(status, after)) => {
            let mut answer = (StatusCode::from_u16(status).unwrap(), "no").into_response();
            if let Some(after) = after {
                answer
                    .headers_mut()
                    .insert(header::RETRY_AFTER, after.parse().unwrap());
            }
            return answer;
        }
        Some(Fault::Garbage) => {
            return "<html>welcome to the captive portal</html>".into_response();
        }
        _ => {}
    }
    let mut results = store(&mut edge, submission);
    match fault {
        Some(Fault::AnswerLost) => StatusCode::BAD_GATEWAY.into_response(),
        Some(Fault::NamesOne) => {
            results.truncate(1);
            axum::Json(SubmitAnswer::new(results)).into_response()
        }
        _ => {
            let answer = SubmitAnswer::new(results);
            let status = if answer.success {
                StatusCode::CREATED
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            (status, axum::Json(answer)).into_response()
        }
    }
}

fn store(edge: &mut Edge, submission: Submission) -> Vec<ItemResult> {
    let validated = submission.validate(None);
    let mut traces = validated.batch.traces().iter();
    validated
        .answers
        .into_iter()
        .map(|answer| {
            if let Some(rejection) = answer {
                return rejection;
            }
            let trace = traces.next().unwrap();
            let id = trace.facts().trace_id.to_string();
            let poisoned = edge
                .poison
                .is_some_and(|poison| trace.document().is_some_and(|text| text.contains(poison)));
            let status = if poisoned {
                Status::Rejected
            } else {
                match edge.stored.insert(id.clone(), trace.fingerprint()) {
                    None => {
                        edge.held_back += usize::from(trace.document().is_none());
                        Status::Stored
                    }
                    Some(before) => {
                        assert_eq!(
                            before,
                            trace.fingerprint(),
                            "what is sent again is the same"
                        );
                        edge.duplicates += 1;
                        Status::Duplicate
                    }
                }
            };
            ItemResult {
                trace_id: Some(id),
                status,
                reason: poisoned.then(|| "poison".to_owned()),
            }
        })
        .collect()
}

async fn take_card(State(edge): State<Shared>) -> axum::Json<CardAnswer> {
    let mut edge = edge.lock().unwrap();
    edge.cards += 1;
    axum::Json(CardAnswer {
        card_id: "ac".to_owned(),
        status: Status::Stored,
        streams: edge.heads.clone(),
    })
}

/// An agent with a spool and an edge to ship to.
struct Bench {
    dir: TempDir,
    identity: Identity,
    desk: Desk,
    edge: Shared,
    url: String,
    card: AlignmentCard,
}

impl Bench {
    async fn new(faults: &[Fault]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
        let card = AlignmentCard::default_for(
            identity.agent_id(),
            clock::now(),
            "http://localhost/v1/traces",
        );
        let judge = Judge::new(
            Arc::new(Conscience::builtin()),
            Machine::default(),
            Redactor::new(Level::Preview),
            card.clone(),
        );
        let spool = open(&dir, &identity);
        let edge = Shared::default();
        edge.lock().unwrap().faults.extend(faults.iter().cloned());
        let router = Router::new()
            .route(paths::TRACES, post(submit))
            .route("/v1/agents/{id}/card", put(take_card))
            .with_state(Arc::clone(&edge));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            desk: Desk::new(Arc::new(judge), spool),
            dir,
            identity,
            edge,
            url,
            card,
        }
    }

    /// Refusals, each a trace of its own.
    fn record(&mut self, words: &[&str]) {
        for word in words {
            let event = json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash",
                               "tool_use_id": word, "tool_input": {"command": format!("rm -rf / # {word}")}});
            let reply = hook::run(
                &mut self.desk,
                Dialect::ClaudeCode,
                event.to_string().as_bytes(),
            );
            assert_eq!(reply.stderr, "");
        }
    }

    /// Ships until nothing waits.
    async fn ship(&self) -> Depth {
        let options = ShipOptions {
            api_url: self.url.clone(),
            batch_size: 1,
            timeout: Duration::from_secs(5),
            spool: self.dir.path().join("spool.db"),
        };
        let signed = self.card.clone().sign(self.identity.key());
        let shipper = Shipper::new(&options, self.identity.clone(), signed).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(shipper.run(Arc::default(), stop.clone()));
        let spool = open(&self.dir, &self.identity);
        let began = Instant::now();
        while spool.depth().unwrap().waiting > 0 {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{:?}",
                self.edge.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        running.await.unwrap();
        spool.depth().unwrap()
    }

    fn edge(&self) -> std::sync::MutexGuard<'_, Edge> {
        self.edge.lock().unwrap()
    }
}

fn open(dir: &TempDir, identity: &Identity) -> Spool {
    let path = dir.path().join("spool.db");
    Spool::open(
        &path,
        identity.agent_id(),
        Duration::from_secs(5),
        Use::Resident,
    )
    .unwrap()
}

#[tokio::test]
async fn whatever_the_edge_does_everything_arrives_once() {
    let faults = [
        Fault::Status(500, None),
        Fault::Status(503, Some("0")),
        Fault::Garbage,
        Fault::AnswerLost,
        Fault::NamesOne,
        Fault::Status(429, Some("nonsense")),
    ];
    let mut bench = Bench::new(&faults).await;
    bench.record(&["a", "b", "c", "d"]);
    let depth = bench.ship().await;
    let edge = bench.edge();
    assert_eq!(edge.stored.len(), 4);
    assert_eq!(edge.cards, 1, "the card goes first, once");
    assert!(
        edge.duplicates >= 4,
        "the lost answer was made good by sending again"
    );
    assert_eq!((depth.quarantined, depth.dropped), (0, 0));
    assert!(depth.last_ack_at.is_some());
}

#[tokio::test]
async fn an_edge_that_asks_for_time_gets_it() {
    let mut bench = Bench::new(&[Fault::Status(429, Some("1"))]).await;
    bench.record(&["a"]);
    bench.ship().await;
    let edge = bench.edge();
    let waited = edge.requests[1].0 - edge.requests[0].0;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert_eq!(edge.stored.len(), 1);
}

#[tokio::test]
async fn poison_is_set_aside_and_its_place_is_kept() {
    let mut bench = Bench::new(&[]).await;
    bench.edge().poison = Some("# c\"");
    bench.record(&["a", "b", "c", "d", "e"]);
    let depth = bench.ship().await;
    let edge = bench.edge();
    assert_eq!(depth.quarantined, 1);
    assert_eq!(
        edge.stored.len(),
        5,
        "four contents, and a header in the place of the fifth"
    );
    assert_eq!(edge.held_back, 1);
}

#[tokio::test]
async fn a_body_that_is_refused_whole_is_halved_until_the_fault_is_found() {
    // Refused whole, its first half refused again, then each part as it comes.
    let faults = [
        Fault::Status(413, None),
        Fault::Status(422, None),
        Fault::Status(400, None),
    ];
    let mut bench = Bench::new(&faults).await;
    bench.record(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    let depth = bench.ship().await;
    let edge = bench.edge();
    let sizes: Vec<usize> = edge.requests.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes[..4], [8, 4, 2, 1], "{sizes:?}");
    assert_eq!(edge.stored.len(), 8);
    assert_eq!(depth.quarantined, 0);
}

#[tokio::test]
async fn an_edge_that_will_not_talk_to_us_costs_nothing() {
    for status in [401, 403, 404] {
        let mut bench = Bench::new(&[Fault::Status(status, None)]).await;
        bench.record(&["a"]);
        let depth = bench.ship().await;
        assert_eq!(
            (depth.quarantined, bench.edge().stored.len()),
            (0, 1),
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_restored_spool_goes_on_in_a_new_stream() {
    let mut bench = Bench::new(&[]).await;
    bench.record(&["a", "b"]);
    let stream = open(&bench.dir, &bench.identity)
        .head()
        .unwrap()
        .unwrap()
        .stream;
    // The edge has heard more of this stream than this spool remembers.
    bench.edge().heads = vec![StreamHead {
        stream,
        seq: 9,
        digest: Digest::of(b"told before the restore"),
    }];
    bench.ship().await;
    let head = open(&bench.dir, &bench.identity).head().unwrap().unwrap();
    assert_ne!(head.stream, stream);
    assert_eq!((head.succeeds, head.seq), (Some(stream), 2));
    assert_eq!(bench.edge().stored.len(), 2);
}

#[tokio::test]
async fn the_intake_takes_hooks_from_its_owner_alone() {
    let bench = Bench::new(&[]).await;
    let judge = Arc::clone(bench.desk.judge());
    let recorder =
        trace_plugin::Recorder::start(judge, bench.dir.path().join("intake.db")).unwrap();
    let stop = CancellationToken::new();
    let socket = bench.dir.path().join("s.sock");
    let left_behind = trace_plugin::intake::bind(&socket).unwrap();
    assert!(
        trace_plugin::intake::bind(&socket).is_err(),
        "somebody listens there"
    );
    drop(left_behind);
    // The file is still there, and nobody behind it.
    let unix = trace_plugin::intake::bind(&socket).unwrap();
    tokio::spawn(trace_plugin::intake::serve_unix(
        unix,
        Arc::clone(&recorder),
        stop.clone(),
    ));
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/hook/claude-code", tcp.local_addr().unwrap());
    let token = "0123456789abcdef".to_owned();
    tokio::spawn(trace_plugin::intake::serve_tcp(
        tcp,
        Arc::clone(&recorder),
        token.clone(),
        stop.clone(),
    ));
    let event = r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"rm -rf /"}}"#;

    let client = reqwest::Client::new();
    let ask = |token: Option<&str>, origin: bool| {
        let mut request = client.post(&url).body(event);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if origin {
            request = request.header("origin", "http://evil.example");
        }
        request.send()
    };
    assert_eq!(ask(None, false).await.unwrap().status(), 401);
    assert_eq!(ask(Some("wrong"), false).await.unwrap().status(), 401);
    assert_eq!(ask(Some(&token), true).await.unwrap().status(), 401);
    let answer: Value = serde_json::from_str(
        &ask(Some(&token), false)
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    )
    .unwrap();
    assert!(answer["stdout"].as_str().unwrap().contains("deny"));

    let budget = Duration::from_secs(5);
    let over_socket = tokio::task::spawn_blocking(move || {
        trace_plugin::client::ask(&socket, Dialect::ClaudeCode, event.as_bytes(), budget)
    });
    assert!(over_socket.await.unwrap().unwrap().stdout.contains("deny"));
    stop.cancel();
    recorder.stop();
}
