//! Signed batches for the examples that measure: what an agent sends that runs a build all day, every twentieth call refused.

use aap::batch::{Batch, Item};
use aap::card::AlignmentCard;
use aap::chain::{self, Header, LINK_KEYS};
use aap::trace::{Made, make};
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId, Verdict};
use ed25519_dalek::SigningKey;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The bodies of `batches` requests with `size` traces each: one stream of the agent that `seed` is the key of, made at `now`.
pub(crate) fn bodies(
    seed: [u8; 32],
    stream: StreamId,
    now: Timestamp,
    batches: usize,
    size: usize,
) -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&seed);
    let agent_id = AgentId::of_key(&key.verifying_key());
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
