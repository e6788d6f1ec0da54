//! Delivery against an edge that fails in every way an edge can: at least once on the wire, exactly once in the store.
//!
//! The edge here validates with the real rules of `aap` and is told how to fail; the oracle at the end of each test is the
//! same: what was accepted has arrived, once, and nothing else has.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aap::chain::Digest;
use aap::limits::MAX_BATCH_TRACES;
use aap::wire::{CardAnswer, ItemResult, Status, StreamHead, SubmitAnswer};
use aap::{Judged, Outcome, Submission, ToolCall, Verdict, paths};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use trace_plugin::desk::Finished;
use trace_plugin::dialect::Dialect;
use trace_plugin::spool::Depth;
use trace_plugin::{ShipOptions, Shipper, clock};

mod judge;
mod support;

use support::{Agent, refused, serve, unpacked};

/// How the next submission goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    /// It does not.
    None,
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
    /// Of what was stored, in order.
    seqs: Vec<u64>,
    requests: Vec<(Instant, usize)>,
    cards: usize,
    heads: Vec<StreamHead>,
}

type Shared = Arc<Mutex<Edge>>;

async fn submit(State(edge): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let text = unpacked(&headers, &body);
    let mut edge = edge.lock().unwrap();
    let submission = Submission::read(&text, &|_| None).unwrap();
    edge.requests.push((Instant::now(), submission.len()));
    let fault = edge.faults.pop_front();
    match fault {
        Some(Fault::Status(status, after)) => return refused(status, after),
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
                        edge.seqs
                            .extend(trace.place().map(|place| place.header.seq));
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
    agent: Agent,
    edge: Shared,
    url: String,
}

impl Bench {
    async fn new(faults: &[Fault]) -> Self {
        let edge = Shared::default();
        edge.lock().unwrap().faults.extend(faults.iter().cloned());
        let router = Router::new()
            .route(paths::TRACES, post(submit))
            .route("/v1/agents/{id}/card", put(take_card))
            .with_state(Arc::clone(&edge));
        Self {
            agent: Agent::new(),
            edge,
            url: serve(router).await,
        }
    }

    /// A backlog of calls that were allowed.
    fn record_many(&mut self, calls: usize) {
        let one = |number: usize| {
            let at = clock::now();
            Finished {
                call: ToolCall::new(
                    "test",
                    "exec",
                    json!({"command": format!("ls # {number}.")}),
                ),
                judged: Judged {
                    trace_id: clock::trace_id(at),
                    verdict: Verdict::allow("nothing objects"),
                    approval: None,
                },
                at,
                outcome: Some(Outcome::completed(Value::Null, 1)),
            }
        };
        let calls: Vec<Finished> = (0..calls).map(one).collect();
        self.agent.desk.finished(&calls).unwrap();
    }

    /// Ships until nothing waits.
    async fn ship(&self) -> Depth {
        let options = ShipOptions {
            api_url: self.url.clone(),
            batch_size: 1,
            timeout: Duration::from_secs(5),
            spool: self.agent.spool_file(),
        };
        let signed = self
            .agent
            .desk
            .judge()
            .card()
            .clone()
            .sign(self.agent.identity.key());
        let shipper = Shipper::new(&options, self.agent.identity.clone(), signed).unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(shipper.run(Arc::default(), stop.clone()));
        let spool = self.agent.spool();
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
    bench.agent.record(["a", "b", "c", "d"]);
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
async fn a_backlog_goes_batch_by_batch_whatever_happens_in_between() {
    let faults = [
        Fault::None,
        Fault::None,
        Fault::AnswerLost,
        Fault::None,
        Fault::NamesOne,
        Fault::None,
        Fault::Status(429, Some("0")),
        Fault::None,
        Fault::Status(413, None),
    ];
    let mut bench = Bench::new(&faults).await;
    let calls = 3 * MAX_BATCH_TRACES + 7;
    bench.edge().poison = Some("ls # 777.");
    bench.record_many(calls);
    let depth = bench.ship().await;
    let edge = bench.edge();
    assert_eq!(edge.stored.len(), calls);
    assert_eq!((depth.quarantined, edge.held_back), (1, 1), "the poison's");
    assert_eq!((depth.dropped, edge.cards), (0, 1));
    let sizes: Vec<usize> = edge.requests.iter().map(|(_, size)| *size).collect();
    // A whole batch, half of one after the lost answer; nothing goes before what was not named.
    assert_eq!(sizes[..2], [MAX_BATCH_TRACES; 2], "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= MAX_BATCH_TRACES));
    assert!(edge.duplicates > 0);
}

#[tokio::test]
async fn a_backlog_goes_in_order_each_batch_after_the_last_was_answered() {
    let mut bench = Bench::new(&[]).await;
    bench.record_many(5 * MAX_BATCH_TRACES);
    let depth = bench.ship().await;
    let edge = bench.edge();
    let sizes: Vec<usize> = edge.requests.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [MAX_BATCH_TRACES; 5]);
    assert_eq!((edge.duplicates, depth.waiting), (0, 0));
    let all: Vec<u64> = (1..=5 * MAX_BATCH_TRACES as u64).collect();
    assert_eq!(edge.seqs, all);
}

#[tokio::test]
async fn an_edge_that_asks_for_time_gets_it() {
    let mut bench = Bench::new(&[Fault::Status(429, Some("1"))]).await;
    bench.agent.record(["a"]);
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
    bench.agent.record(["a", "b", "c", "d", "e"]);
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
    bench.agent.record(["a", "b", "c", "d", "e", "f", "g", "h"]);
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
        bench.agent.record(["a"]);
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
    bench.agent.record(["a", "b"]);
    let stream = bench.agent.spool().head().unwrap().unwrap().stream;
    // The edge has heard more of this stream than this spool remembers.
    bench.edge().heads = vec![StreamHead {
        stream,
        seq: 9,
        digest: Digest::of(b"told before the restore"),
    }];
    bench.ship().await;
    let head = bench.agent.spool().head().unwrap().unwrap();
    assert_ne!(head.stream, stream);
    assert_eq!((head.succeeds, head.seq), (Some(stream), 2));
    assert_eq!(bench.edge().stored.len(), 2);
}

#[tokio::test]
async fn the_intake_takes_hooks_from_its_owner_alone() {
    let bench = Bench::new(&[]).await;
    let judge = Arc::clone(bench.agent.desk.judge());
    let recorder =
        trace_plugin::Recorder::start(judge, bench.agent.spool_file().with_file_name("intake.db"))
            .unwrap();
    let stop = CancellationToken::new();
    let socket = bench.agent.spool_file().with_file_name("s.sock");
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
        tokio::sync::watch::Sender::new(token.clone()).subscribe(),
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
