//! Edges that break HTTP itself: answers cut off, trickling, endless, or sending us elsewhere. Whatever they do, each trace is
//! stored once in the end, nothing is set aside, and no request takes longer than it may.

#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aap::Submission;
use aap::card::AlignmentCard;
use aap::chain::Digest;
use aap::wire::{CardAnswer, ItemResult, Status, SubmitAnswer};
use conscience::Conscience;
use redact::{Level, Redactor};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::Dialect;
use trace_plugin::spool::{Spool, Use};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, ShipOptions, Shipper, clock, hook};

/// How long a request may take here.
const TIMEOUT: Duration = Duration::from_millis(400);

/// Requests that a limited edge takes at once.
const BURST: f64 = 4.0;

/// What happens to one submission.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The connection ends before the request was looked at.
    CutBeforeHeaders,
    /// Stored; the answer stops in the middle of its body.
    CutInBody,
    /// Stored; the connection ends without an answer.
    CutAfterCommit,
    /// Headers at once, then a byte every now and then, without end.
    Trickle,
    /// Nothing at all, without end.
    Silence,
    /// A body without end, as fast as it goes.
    Endless,
    /// To another address, which must not hear of it.
    Redirect(u16),
    /// These headers with status 429.
    TooMany(&'static str),
    /// Stored; 200 with results for traces that nobody sent.
    OthersIds,
    /// Stored; half of the results, twice.
    HalfTwice,
    /// Stored; only the first result.
    NamesOne,
}

#[derive(Debug, Default)]
struct Edge {
    faults: VecDeque<Fault>,
    stored: BTreeMap<String, Digest>,
    requests: Vec<(Instant, usize)>,
    elsewhere: usize,
    /// Requests that may follow at once, as of then; a new one comes every second. It tells so by `RateLimit`, as ours does.
    limit: Option<(f64, Instant)>,
    /// How many were too many.
    too_many: usize,
}

impl Edge {
    /// Counts a request against the limit; what it tells of it.
    fn count(&mut self) -> Result<String, String> {
        let Some((left, at)) = &mut self.limit else {
            return Ok(String::new());
        };
        *left = BURST.min(*left + at.elapsed().as_secs_f64());
        *at = Instant::now();
        let told = |left: f64| format!("ratelimit: \"agent\";r={};t=1\r\n", left.floor().max(0.0));
        if *left < 1.0 {
            let told = told(*left);
            self.too_many += 1;
            return Err(told);
        }
        *left -= 1.0;
        Ok(told(*left))
    }
}

type Shared = Arc<Mutex<Edge>>;

async fn serve(listener: TcpListener, edge: Shared, elsewhere: String) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&edge), elsewhere.clone()));
    }
}

/// One request: its path and its body, unpacked.
async fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8(bytes[..end].to_vec())
                .unwrap()
                .to_lowercase();
            let header = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned())
            };
            let length: usize = header("content-length:").map_or(0, |n| n.parse().unwrap());
            let mut body = bytes.split_off(end + 4);
            while body.len() < length {
                if stream.read_buf(&mut body).await.ok()? == 0 {
                    return None;
                }
            }
            if header("content-encoding:").as_deref() == Some("gzip") {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&body[..])
                    .read_to_end(&mut plain)
                    .unwrap();
                body = plain;
            }
            let path = text.split(' ').nth(1).unwrap().to_owned();
            return Some((path, body));
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[expect(clippy::too_many_lines, reason = "a list of faults")]
async fn connection(mut stream: TcpStream, edge: Shared, elsewhere: String) {
    while let Some((path, body)) = request(&mut stream).await {
        if path.ends_with("/card") {
            let card = CardAnswer {
                card_id: "ac".to_owned(),
                status: Status::Stored,
                streams: Vec::new(),
            };
            let text = answer("200 OK", &serde_json::to_string(&card).unwrap());
            stream.write_all(text.as_bytes()).await.unwrap();
            continue;
        }
        let submission = Submission::read(&body, &|_| None).unwrap();
        let (fault, told) = {
            let mut edge = edge.lock().unwrap();
            edge.requests.push((Instant::now(), submission.len()));
            match edge.count() {
                Ok(told) => (edge.faults.pop_front(), told),
                Err(_) => (Some(Fault::TooMany("retry-after: 1\r\n")), String::new()),
            }
        };
        let unstored = matches!(
            fault,
            Some(
                Fault::CutBeforeHeaders
                    | Fault::Trickle
                    | Fault::Silence
                    | Fault::Endless
                    | Fault::Redirect(_)
                    | Fault::TooMany(_)
            )
        );
        let mut results: Vec<ItemResult> = if unstored {
            Vec::new()
        } else {
            store(&mut edge.lock().unwrap(), submission)
        };
        let text = match fault {
            Some(Fault::CutBeforeHeaders | Fault::CutAfterCommit) => return,
            Some(Fault::CutInBody) => {
                let body = serde_json::to_string(&SubmitAnswer::new(results)).unwrap();
                let text = answer("201 Created", &body);
                let half = text.len() - body.len() / 2;
                let _ = stream.write_all(&text.as_bytes()[..half]).await;
                return;
            }
            Some(Fault::Trickle) => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(TIMEOUT / 20).await;
                }
                return;
            }
            Some(Fault::Silence) => {
                let _ = stream.read(&mut [0]).await;
                return;
            }
            Some(Fault::Endless) => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return;
            }
            Some(Fault::Redirect(status)) => format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
            ),
            Some(Fault::TooMany(headers)) => {
                format!("HTTP/1.1 429 Too Many Requests\r\n{headers}content-length: 0\r\n\r\n")
            }
            Some(Fault::OthersIds) => {
                for result in &mut results {
                    result.trace_id = Some(clock::trace_id(clock::now()).to_string());
                }
                answer(
                    "201 Created",
                    &serde_json::to_string(&SubmitAnswer::new(results)).unwrap(),
                )
            }
            Some(Fault::NamesOne) => {
                results.truncate(1);
                let body = serde_json::to_string(&SubmitAnswer::new(results)).unwrap();
                answer("201 Created", &body).replacen("\r\n", &format!("\r\n{told}"), 1)
            }
            Some(Fault::HalfTwice) => {
                results.truncate(results.len().div_ceil(2));
                let again = results.clone();
                results.extend(again);
                answer(
                    "201 Created",
                    &serde_json::to_string(&SubmitAnswer::new(results)).unwrap(),
                )
            }
            None => answer(
                "201 Created",
                &serde_json::to_string(&SubmitAnswer::new(results)).unwrap(),
            ),
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn store(edge: &mut Edge, submission: Submission) -> Vec<ItemResult> {
    let validated = submission.validate(None);
    assert!(
        validated.answers.iter().all(Option::is_none),
        "all are sound"
    );
    let traces = validated.batch.traces().iter();
    traces
        .map(|trace| {
            let id = trace.facts().trace_id.to_string();
            let status = match edge.stored.insert(id.clone(), trace.fingerprint()) {
                None => Status::Stored,
                Some(before) => {
                    assert_eq!(
                        before,
                        trace.fingerprint(),
                        "what is sent again is the same"
                    );
                    Status::Duplicate
                }
            };
            ItemResult {
                trace_id: Some(id),
                status,
                reason: None,
            }
        })
        .collect()
}

/// Ships `calls` refusals past `faults`; the edge as it is then.
async fn ship(calls: usize, faults: &[Fault]) -> (Shared, TempDir) {
    ship_limited(calls, faults, None).await
}

async fn ship_limited(
    calls: usize,
    faults: &[Fault],
    limit: Option<(f64, Instant)>,
) -> (Shared, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let card = AlignmentCard::default_for(identity.agent_id(), clock::now(), "http://localhost");
    let judge = Judge::new(
        Arc::new(Conscience::builtin()),
        Machine::default(),
        Redactor::new(Level::Preview),
        card.clone(),
    );
    let path = dir.path().join("spool.db");
    let open = || {
        let patience = Duration::from_secs(30);
        Spool::open(&path, identity.agent_id(), patience, Use::Resident).unwrap()
    };
    let mut desk = Desk::new(Arc::new(judge), open());
    let events: String = (0..calls)
        .map(|call| {
            let command = format!("rm -rf / # {call}");
            json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash",
                   "tool_use_id": format!("c{call}"), "tool_input": {"command": command}})
            .to_string()
                + "\n"
        })
        .collect();
    let reply = hook::run(&mut desk, Dialect::ClaudeCode, events.as_bytes());
    assert_eq!(reply.stderr, "");

    let edge = Shared::default();
    edge.lock().unwrap().faults.extend(faults);
    edge.lock().unwrap().limit = limit;
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/v1/traces", elsewhere.local_addr().unwrap());
    let heard = Arc::clone(&edge);
    tokio::spawn(async move {
        while elsewhere.accept().await.is_ok() {
            heard.lock().unwrap().elsewhere += 1;
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Arc::clone(&edge), place));
    let options = ShipOptions {
        api_url: url,
        batch_size: 1,
        timeout: TIMEOUT,
        spool: path.clone(),
    };
    let signed = card.sign(identity.key());
    let shipper = Shipper::new(&options, identity.clone(), signed).unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(shipper.run(Arc::default(), stop.clone()));
    let spool = open();
    let began = Instant::now();
    while spool.depth().unwrap().waiting > 0 {
        assert!(
            began.elapsed() < Duration::from_mins(2),
            "{:?}",
            edge.lock().unwrap()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    running.await.unwrap();
    let depth = spool.depth().unwrap();
    assert_eq!((depth.quarantined, depth.dropped), (0, 0));
    {
        let edge = edge.lock().unwrap();
        assert_eq!(edge.stored.len(), calls, "each once");
        assert!(edge.faults.is_empty(), "{:?} did not happen", edge.faults);
        assert_eq!(edge.elsewhere, 0, "nobody else has heard of it");
    }
    (edge, dir)
}

#[tokio::test]
async fn an_answer_that_is_cut_off_anywhere_costs_nothing() {
    ship(
        6,
        &[
            Fault::CutBeforeHeaders,
            Fault::CutInBody,
            Fault::CutAfterCommit,
            Fault::OthersIds,
            Fault::HalfTwice,
        ],
    )
    .await;
}

#[tokio::test]
async fn an_edge_that_trickles_is_given_up_on_in_time() {
    let (edge, _dir) = ship(2, &[Fault::Trickle, Fault::Silence, Fault::Endless]).await;
    let edge = edge.lock().unwrap();
    let last = edge.requests.last().unwrap().0;
    // Three of them at their worst, and our own pauses after each: at most 0.5, 1 and 2 s.
    let took = last - edge.requests[0].0;
    assert!(took < 3 * TIMEOUT + Duration::from_secs(30), "{took:?}");
    assert!(
        took >= 2 * TIMEOUT,
        "it was given the time it has: {took:?}"
    );
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let redirects = [301, 302, 303, 307, 308].map(Fault::Redirect);
    ship(1, &redirects).await;
}

#[tokio::test]
async fn what_is_asked_for_is_waited_for_in_either_form_and_garbage_is_not() {
    let faults = [
        Fault::TooMany("retry-after: 1\r\n"),
        Fault::TooMany(
            "date: Sat, 21 Nov 1998 20:00:00 GMT\r\nretry-after: Sat, 21 Nov 1998 20:00:02 GMT\r\n",
        ),
        Fault::TooMany("retry-after: -1\r\n"),
        Fault::TooMany("retry-after: next week\r\n"),
        Fault::TooMany(""),
    ];
    let (edge, _dir) = ship(3, &faults).await;
    let edge = edge.lock().unwrap();
    let waited: Vec<Duration> = edge
        .requests
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    assert!(waited[0] >= Duration::from_secs(1), "{waited:?}");
    assert!(waited[1] >= Duration::from_secs(2), "{waited:?}");
    // None of them makes the batch smaller: that would only make more requests.
    let sizes: Vec<usize> = edge.requests.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [3; 6]);
}

/// Each answer names one trace only, so that every trace takes a request.
#[tokio::test]
async fn a_backlog_drains_within_the_limit_without_being_refused_once() {
    let calls = 9;
    let faults = vec![Fault::NamesOne; calls];
    let (edge, _dir) = ship_limited(calls, &faults, Some((BURST, Instant::now()))).await;
    let edge = edge.lock().unwrap();
    assert_eq!((edge.requests.len(), edge.too_many), (calls, 0));
}
