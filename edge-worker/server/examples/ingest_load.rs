//! Sends signed batches to a running edge and says how many traces a second it acknowledged, for `cargo xtask bench ingest`.
//!
//! ```text
//! ingest_load HOST:PORT CONNECTIONS BATCHES_EACH TRACES_A_BATCH
//! ```
//!
//! Every connection speaks for an agent of its own. All batches are made and signed before the clock starts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use aap::batch::{Batch, Item};
use aap::card::AlignmentCard;
use aap::chain::{self, Header, LINK_KEYS};
use aap::trace::{Made, make};
use aap::wire::{Status, SubmitAnswer};
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId, Verdict};
use anyhow::{Context, Result, ensure};
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, batches, size] = arguments.as_slice() else {
        anyhow::bail!("usage: ingest_load HOST:PORT CONNECTIONS BATCHES_EACH TRACES_A_BATCH");
    };
    let (connections, batches, size): (u8, usize, usize) =
        (connections.parse()?, batches.parse()?, size.parse()?);
    let bodies: Vec<Vec<Vec<u8>>> = (0..connections).map(|n| bodies(n, batches, size)).collect();
    let bytes: usize = bodies.iter().flatten().map(Vec::len).sum();
    let barrier = Barrier::new(usize::from(connections) + 1);
    let (took, mut times) = std::thread::scope(|scope| -> Result<_> {
        let senders: Vec<_> = bodies
            .iter()
            .map(|bodies| scope.spawn(|| send(address, bodies, size, &barrier)))
            .collect();
        barrier.wait();
        let began = Instant::now();
        let mut times = Vec::new();
        for sender in senders {
            times.extend(
                sender
                    .join()
                    .map_err(|_| anyhow::anyhow!("a sender panicked"))??,
            );
        }
        Ok((began.elapsed(), times))
    })?;
    let traces = times.len() * size;
    let rate = f64::from(u32::try_from(traces)?) / took.as_secs_f64();
    let mean = bytes / traces;
    let figure = |metric: String, unit: &str, p50: f64, p99: f64| {
        println!(
            "{}",
            json!({"metric": metric, "unit": unit, "p50": p50, "p99": p99, "n": traces})
        );
    };
    let what = format!("{connections} connections, batch {size}, {mean} B a trace");
    figure(format!("acknowledged, {what}"), "traces/s", rate, rate);
    times.sort_unstable();
    let ms = |percent: usize| {
        times[(times.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e3
    };
    figure(format!("a batch's answer, {what}"), "ms", ms(50), ms(99));
    Ok(())
}

/// Batches of one agent's chain.
fn bodies(agent: u8, batches: usize, size: usize) -> Vec<Vec<u8>> {
    let salt = std::process::id().to_be_bytes();
    let mut seed = [agent; 32];
    seed[..4].copy_from_slice(&salt);
    let key = SigningKey::from_bytes(&seed);
    let agent_id = AgentId::of_key(&key.verifying_key());
    let stream = StreamId::from_bytes([agent; 16]);
    let now = now();
    let card = AlignmentCard::default_for(agent_id, now, "http://127.0.0.1/v1/traces");
    let mut prev = chain::genesis(agent_id, stream, None);
    let mut seq = 0;
    let mut link = || {
        seq += 1;
        let (item, digest) = item(agent_id, stream, seq, prev, &card, now);
        prev = digest;
        item
    };
    (0..batches)
        .map(|_| {
            let items: Vec<Item> = (0..size).map(|_| link()).collect();
            // Made link by link just above, within the limits of the arguments.
            Batch::new(items).expect("a chain").sign(&key).into_body()
        })
        .collect()
}

fn item(
    agent_id: AgentId,
    stream: StreamId,
    seq: u64,
    prev: chain::Digest,
    card: &AlignmentCard,
    now: Timestamp,
) -> (Item, chain::Digest) {
    let mut random = [0_u8; 10];
    random[..8].copy_from_slice(&seq.to_be_bytes());
    random[8..].copy_from_slice(&agent_id.uuid().as_bytes()[..2]);
    let ms = u64::try_from(now.millis()).unwrap_or(0);
    let trace_id =
        TraceId::from(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid());
    let refused = seq.is_multiple_of(20);
    let mut verdict = Verdict::allow("Nothing in it that a rule objects to");
    if refused {
        verdict.decision = aap::Decision::Deny;
        verdict.rule_id = Some("fs.delete.root".to_owned());
        verdict.values_violated = vec!["harm_prevention".to_owned()];
    }
    let action_type = if refused {
        ActionType::Deny
    } else {
        ActionType::Allow
    };
    let made = Made {
        trace_id,
        agent_id,
        timestamp: now,
        tool: "execute_command".to_owned(),
        params: Some(json!({"command": format!("cargo test --package part-{seq}")})),
        verdict,
        action_type,
        outcome: if refused { "refused" } else { "completed" },
        result: json!({"preview": "running 12 tests", "bytes": 1234}),
        error: None,
        exit_code: Some(0),
        duration_ms: Some(seq % 900),
        runtime: "smoltbot".to_owned(),
        session_id: Some(format!("session-{}", seq / 200)),
        run_id: None,
        call_id: Some(format!("call-{seq}")),
        params_rewritten: false,
        succeeds: None,
        extra: Map::new(),
    };
    let trace = make(made, card);
    let mut document = serde_json::to_value(&trace).expect("a trace is JSON");
    let commitment = chain::commit("salt", &document).expect("a trace is canonical JSON");
    let header = Header {
        agent_id,
        stream,
        seq,
        trace_id,
        timestamp: now,
        tool_name: trace.context.metadata.tool_name,
        action_type,
        rule_id: trace.context.metadata.rule_id,
        prev,
        commitment,
    };
    let metadata = &mut document["context"]["metadata"];
    let values: [Value; 5] = [
        json!(stream),
        json!(seq),
        json!(prev),
        json!("salt"),
        json!(commitment),
    ];
    for (key, value) in LINK_KEYS.into_iter().zip(values) {
        metadata[key] = value;
    }
    let digest = header.digest();
    let document = RawValue::from_string(document.to_string()).expect("JSON");
    (
        Item {
            header,
            document: Some(document),
        },
        digest,
    )
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// One connection, one request after another; every trace must be acknowledged as stored.
fn send(
    address: &str,
    bodies: &[Vec<u8>],
    size: usize,
    barrier: &Barrier,
) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(address).with_context(|| format!("no edge at {address}"));
    barrier.wait();
    let mut stream = stream?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut times = Vec::with_capacity(bodies.len());
    for body in bodies {
        let began = Instant::now();
        write!(
            stream,
            "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let (status, answer) = read(&mut answers)?;
        times.push(began.elapsed());
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 201, "the edge answers {status}: {text}");
        let answer: SubmitAnswer = serde_json::from_slice(&answer)?;
        let stored = answer
            .results
            .iter()
            .filter(|result| result.status == Status::Stored)
            .count();
        ensure!(
            stored == size,
            "only {stored} of {size} were stored: {text}"
        );
    }
    Ok(times)
}

fn read(answers: &mut BufReader<TcpStream>) -> Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no status")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok((status, body))
}
