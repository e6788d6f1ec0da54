//! What a trace costs an edge before it is stored: one processor's time for reading, proving and searching signed batches.
//!
//! ```text
//! admit_rate BATCHES TRACES_A_BATCH
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use aap::batch::{Batch, Item};
use aap::card::AlignmentCard;
use aap::chain::{self, Header, LINK_KEYS};
use aap::trace::{Made, make};
use aap::{ActionType, AgentId, StreamId, Submission, Timestamp, TraceId, Verdict};
use ed25519_dalek::SigningKey;
use redact::find_secret;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Some(Ok(batches)), Some(Ok(size))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: admit_rate BATCHES TRACES_A_BATCH");
        return;
    };
    let bodies = bodies(batches, size);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let traces = f64::from(u32::try_from(batches * size).unwrap_or(u32::MAX));
    println!("{bytes} bytes, {} a trace", bytes as u64 / (batches * size));
    let secret = |text: &str| find_secret(text).map(|finding| finding.rule.to_owned());
    let report = |stage: &str, took: Duration| {
        println!(
            "{stage:<34} {:7.2} us a trace",
            took.as_secs_f64() * 1e6 / traces
        );
    };
    for round in ["cold", "warm", "warm"] {
        println!("{round}");
        let began = Instant::now();
        for body in &bodies {
            black_box(serde_json::from_slice::<&RawValue>(body).is_ok());
        }
        report("scanning the JSON alone", began.elapsed());
        let began = Instant::now();
        for body in &bodies {
            black_box(Submission::read(body, &|_| None).is_ok());
        }
        report("read, without a look for secrets", began.elapsed());
        let began = Instant::now();
        for body in &bodies {
            black_box(find_secret(std::str::from_utf8(body).unwrap_or_default()));
        }
        report("the look for secrets alone", began.elapsed());
        let (mut reading, mut validating) = (Duration::ZERO, Duration::ZERO);
        for body in &bodies {
            let began = Instant::now();
            let read = Submission::read(body, &secret);
            reading += began.elapsed();
            let began = Instant::now();
            let validated = read.map(|submission| submission.validate(None));
            validating += began.elapsed();
            let admitted = validated.map_or(0, |validated| validated.batch.traces().len());
            assert_eq!(admitted as u64, size, "every trace is admitted");
        }
        report("read", reading);
        report("validate", validating);
    }
}

/// Batches of one agent's chain.
fn bodies(batches: u64, size: u64) -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let agent_id = AgentId::of_key(&key.verifying_key());
    let stream = StreamId::from_bytes([7; 16]);
    let now = Timestamp::from_millis(1_795_224_606_094);
    let card = AlignmentCard::default_for(agent_id, now, "http://127.0.0.1/v1/traces");
    let mut prev = chain::genesis(agent_id, stream, None);
    (0..batches)
        .map(|batch| {
            let items: Vec<Item> = (1..=size)
                .map(|n| {
                    let (item, digest) = item(agent_id, stream, batch * size + n, prev, &card, now);
                    prev = digest;
                    item
                })
                .collect();
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
    let mut id = [0x77; 16];
    id[8..].copy_from_slice(&seq.to_be_bytes());
    let trace_id = TraceId::from_bytes(id);
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
