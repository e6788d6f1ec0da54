//! What the edge takes and what it does not, item by item.

use ed25519_dalek::SigningKey;
use serde_json::{Map, Value, json};

use super::*;
use crate::batch::{Batch, Item as OutItem};
use crate::call::Verdict;
use crate::card::AlignmentCard;
use crate::chain::{LINK_KEYS, genesis};
use crate::id::StreamId;
use crate::trace::{Made, make};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn agent() -> AgentId {
    AgentId::of_key(&key().verifying_key())
}

fn stream() -> StreamId {
    StreamId::from_bytes([7; 16])
}

fn document(n: u8, tool: &str) -> Value {
    let card = AlignmentCard::default_for(
        agent(),
        Timestamp::from_millis(0),
        "http://localhost/v1/traces",
    );
    let made = Made {
        trace_id: TraceId::from_bytes([n; 16]),
        agent_id: agent(),
        timestamp: Timestamp::from_millis(1000 + i64::from(n)),
        tool: tool.to_owned(),
        params: Some(json!({"command": "ls"})),
        verdict: Verdict::allow("nothing objected"),
        action_type: ActionType::Allow,
        outcome: "completed",
        result: Value::Null,
        error: None,
        exit_code: None,
        duration_ms: Some(3),
        runtime: "test".to_owned(),
        session_id: None,
        run_id: None,
        call_id: None,
        params_rewritten: false,
        succeeds: None,
        extra: Map::new(),
    };
    serde_json::to_value(make(made, &card)).unwrap()
}

/// A chain of `count` links as a spool would make it.
fn chain(count: u8) -> Vec<OutItem> {
    let mut prev = genesis(agent(), stream(), None);
    (1..=count)
        .map(|n| {
            let mut document = document(n, "exec");
            let commitment = crate::chain::commit("salt", &document).unwrap();
            let header = Header {
                agent_id: agent(),
                stream: stream(),
                seq: u64::from(n),
                trace_id: TraceId::from_bytes([n; 16]),
                timestamp: Timestamp::from_millis(1000 + i64::from(n)),
                tool_name: "exec".to_owned(),
                action_type: ActionType::Allow,
                rule_id: None,
                prev,
                commitment,
            };
            prev = header.digest();
            let metadata = &mut document["context"]["metadata"];
            for (name, value) in LINK_KEYS.into_iter().zip([
                json!(stream()),
                json!(n),
                json!(header.prev),
                json!("salt"),
                json!(commitment),
            ]) {
                metadata[name] = value;
            }
            let document = serde_json::value::RawValue::from_string(document.to_string()).unwrap();
            OutItem {
                header,
                document: Some(document),
            }
        })
        .collect()
}

fn body(items: Vec<OutItem>) -> Value {
    let body = Batch::new(items).unwrap().sign(&key()).into_body();
    serde_json::from_slice(&body).unwrap()
}

fn validate(body: &Value) -> Validated {
    Submission::read(body.to_string().as_bytes(), &|_| None)
        .unwrap()
        .validate(None)
}

fn reasons(validated: &Validated) -> Vec<String> {
    validated
        .answers
        .iter()
        .flatten()
        .filter_map(|answer| answer.reason.clone())
        .collect()
}

fn flat() -> Value {
    json!({
        "id": "5f0c0a9e-9a5c-4f0e-8f65-0d6f2b9c1a11",
        "agent_id": "c56a4180-65aa-42ec-a945-5fd21dec0538",
        "timestamp": "2026-11-21T02:10:00.123Z",
        "tool_name": "exec",
        "action_type": "deny",
        "params": {"command": "rm -rf /"},
        "metadata": {"session_id": "s1"},
    })
}

#[test]
fn a_signed_chain_is_proven_whole_and_in_parts() {
    let whole = validate(&body(chain(5)));
    assert_eq!(whole.batch.traces().len(), 5);
    assert_eq!(whole.batch.checkpoint().unwrap().checkpoint.seq, 5);
    assert!(
        whole
            .batch
            .traces()
            .iter()
            .all(|trace| trace.place().is_some())
    );

    let tail = validate(&body(chain(5).split_off(2)));
    assert_eq!(tail.batch.traces()[0].place().unwrap().header.seq, 3);
    assert_eq!(
        tail.batch.traces()[2].fingerprint(),
        whole.batch.traces()[4].fingerprint(),
        "splitting changes nothing"
    );
}

#[test]
fn what_is_held_back_keeps_the_chain_whole() {
    let mut items = chain(3);
    items[1].document = None;
    let validated = validate(&body(items));
    assert_eq!(reasons(&validated), Vec::<String>::new());
    let held = &validated.batch.traces()[1];
    assert!(held.document().is_none() && held.place().is_some());
    assert_eq!(
        held.fingerprint(),
        validate(&body(chain(3))).batch.traces()[1].fingerprint()
    );
}

#[test]
fn a_changed_content_is_rejected() {
    let mut body = body(chain(2));
    body["batch"][0]["context"]["metadata"]["result"] = json!("changed");
    let validated = validate(&body);
    assert!(validated.batch.traces().is_empty() && validated.batch.checkpoint().is_none());
    assert!(
        reasons(&validated)[0].contains("commits to"),
        "{:?}",
        reasons(&validated)
    );
}

#[test]
fn a_changed_header_breaks_the_chain() {
    let mut changed = body(chain(3));
    changed["batch"][1]["context"]["metadata"]["tool_name"] = json!("read");
    assert!(!reasons(&validate(&changed)).is_empty());
    let mut gap = body(chain(3));
    gap["batch"].as_array_mut().unwrap().remove(1);
    assert!(reasons(&validate(&gap))[0].contains("not whole"));
    let mut short = body(chain(3));
    short["batch"].as_array_mut().unwrap().pop();
    assert!(reasons(&validate(&short))[0].contains("another link"));
}

#[test]
fn a_stream_starts_at_its_genesis() {
    let mut items = chain(1);
    items[0].header.prev = Digest::of(b"elsewhere");
    let mut document: Value =
        serde_json::from_str(items[0].document.as_ref().unwrap().get()).unwrap();
    document["context"]["metadata"]["prev"] = json!(Digest::of(b"elsewhere"));
    items[0].document =
        Some(serde_json::value::RawValue::from_string(document.to_string()).unwrap());
    assert!(reasons(&validate(&body(items)))[0].contains("does not start it"));
}

#[test]
fn an_id_of_version_8_needs_its_proof() {
    let mut unsigned = body(chain(1));
    unsigned.as_object_mut().unwrap().remove("checkpoint");
    assert!(reasons(&validate(&unsigned))[0].contains("version 8"));

    let mut no_key = body(chain(1));
    no_key.as_object_mut().unwrap().remove("public_key");
    let submission = Submission::read(no_key.to_string().as_bytes(), &|_| None).unwrap();
    assert_eq!(submission.needs_key(), Some(agent()));
    assert_eq!(
        submission
            .validate(Some(key().verifying_key()))
            .batch
            .traces()
            .len(),
        1
    );
    assert!(reasons(&validate(&no_key))[0].contains("public key is not known"));

    let mut foreign = body(chain(1));
    foreign["public_key"] = json!(crate::note::write_public_key(
        &SigningKey::from_bytes(&[1; 32]).verifying_key()
    ));
    assert!(reasons(&validate(&foreign))[0].contains("does not belong"));
}

#[test]
fn flat_traces_need_none() {
    let validated = validate(&flat());
    assert!(validated.single);
    let trace = &validated.batch.traces()[0];
    assert_eq!(trace.facts().session_id.as_deref(), Some("s1"));
    assert_eq!(trace.facts().action_type, ActionType::Deny);
    let document: Value = serde_json::from_str(trace.document().unwrap()).unwrap();
    assert_eq!(document["action"]["type"], "deny");
    assert_eq!(document["action"]["parameters"]["command"], "rm -rf /");
    // What it becomes is an AP-Trace that is taken as such.
    assert_eq!(validate(&document).batch.traces().len(), 1);
}

#[test]
fn each_flaw_of_a_flat_trace_is_named() {
    let with = |key: &str, value: Value| {
        let mut trace = flat();
        trace[key] = value;
        trace
    };
    for (trace, word) in [
        (with("id", json!("x")), "id is not a UUID"),
        (with("id", json!(7)), "id is not a string"),
        (with("agent_id", json!("")), "agent_id is empty"),
        (with("timestamp", json!("yesterday")), "RFC 3339"),
        (with("action_type", json!("maybe")), "allow, deny or error"),
        (with("tool_name", json!("x".repeat(257))), "256 characters"),
        (with("duration_ms", json!(-1)), "duration_ms"),
        (with("metadata", json!([])), "metadata is not an object"),
        (with("surprise", json!(1)), "surprise"),
        (with("result", json!("a\u{0}b")), "result holds a NUL"),
        (
            with("params", json!({"a\u{0}b": 1})),
            "parameters.a\\0b holds a NUL",
        ),
        (with("tool_name", json!("a\u{0}b")), "tool_name holds a NUL"),
        (with("result", json!("x".repeat(70_000))), "limit is 65536"),
        (json!({"tool_name": "x"}), "neither trace_id"),
        (json!({"batch": [7]}), "JSON object"),
    ] {
        let reasons = reasons(&validate(&trace));
        assert!(
            reasons.first().is_some_and(|reason| reason.contains(word)),
            "{word}: {reasons:?}"
        );
    }
}

#[test]
fn one_bad_flat_trace_leaves_the_others() {
    let mut bad = flat();
    bad["action_type"] = json!("maybe");
    let validated = validate(&json!({ "batch": [flat(), bad, flat()] }));
    assert_eq!(validated.batch.traces().len(), 2);
    assert!(
        validated.answers[0].is_none()
            && validated.answers[1].is_some()
            && validated.answers[2].is_none()
    );
}

/// A header that stands for its content has two texts of its own.
#[test]
fn a_held_back_header_with_nul_is_not_taken() {
    for key in ["tool_name", "rule_id"] {
        let mut item = chain(1).remove(0);
        item.document = None;
        match key {
            "tool_name" => item.header.tool_name = "a\u{0}b".to_owned(),
            _ => item.header.rule_id = Some("a\u{0}b".to_owned()),
        }
        let validated = validate(&body(vec![item]));
        assert!(validated.batch.traces().is_empty());
        assert!(reasons(&validated)[0].starts_with(&format!("{key} holds a NUL")));
    }
}

#[test]
fn secrets_are_rejected_by_rule() {
    let body = flat().to_string();
    let secret = |text: &str| text.contains("rm -rf").then(|| "some-rule".to_owned());
    let validated = Submission::read(body.as_bytes(), &secret)
        .unwrap()
        .validate(None);
    assert!(reasons(&validated)[0].contains("some-rule"));
}

#[test]
fn whole_bodies_that_are_none_are_refused() {
    let read = |body: &[u8]| Submission::read(body, &|_| None).unwrap_err();
    assert!(matches!(read(b""), SubmissionError::NotJson(_)));
    assert!(matches!(read(b"{"), SubmissionError::NotJson(_)));
    assert!(matches!(read(b"\xff\xfe{}"), SubmissionError::NotJson(_)));
    assert!(matches!(
        read("[".repeat(10_000).as_bytes()),
        SubmissionError::NotJson(_)
    ));
    assert!(matches!(read(b"[]"), SubmissionError::Shape(_)));
    assert!(matches!(
        read(br#"{"batch":{}}"#),
        SubmissionError::Shape(_)
    ));
    assert_eq!(read(br#"{"batch":[]}"#), SubmissionError::Empty);
    let many = json!({ "batch": vec![flat(); MAX_BATCH_TRACES + 1] }).to_string();
    assert_eq!(
        read(many.as_bytes()),
        SubmissionError::TooMany(MAX_BATCH_TRACES + 1)
    );
    assert_eq!(
        read(&vec![b' '; MAX_BATCH_BYTES + 1]),
        SubmissionError::TooLarge(MAX_BATCH_BYTES + 1)
    );
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        if let Ok(submission) = Submission::read(&bytes, &|_| None) {
            let _ = submission.validate(None);
        }
    }

    #[test]
    fn every_item_is_answered(items in proptest::collection::vec(0..4_u8, 1..20)) {
        let batch: Vec<Value> = items
            .iter()
            .map(|kind| match kind {
                0 => flat(),
                1 => json!({}),
                2 => json!(null),
                _ => document(1, "exec"),
            })
            .collect();
        let validated = validate(&json!({ "batch": batch }));
        assert_eq!(validated.answers.len(), items.len());
        let stored = validated.answers.iter().filter(|answer| answer.is_none()).count();
        assert_eq!(stored, validated.batch.traces().len());
    }
}
