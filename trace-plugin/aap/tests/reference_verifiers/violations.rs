//! [`aap::verify::verify`] against both reference verifiers, over deliberate violations.

use std::collections::BTreeSet;

use aap::card::EscalationTrigger;
use aap::trace::{Made, make};
use aap::verify::verify;
use aap::{AlignmentCard, Timestamp};
use serde_json::{Value, json};

use crate::judges::{Case, Verdict, judge};
use crate::kinds::{card, made};

/// A card changed by `on_card`, a trace made under it and changed by `on_trace`.
fn case(
    name: &'static str,
    on_card: impl FnOnce(&mut AlignmentCard),
    on_trace: impl FnOnce(&mut Value),
) -> Case {
    let mut card = card();
    on_card(&mut card);
    let made = Made {
        extra: json!({"cost": 120, "cost_text": "120", "urgent": true, "quiet": false})
            .as_object()
            .expect("an object")
            .clone(),
        ..made()
    };
    let mut trace = serde_json::to_value(make(made, &card)).expect("a trace is JSON");
    on_trace(&mut trace);
    let card = serde_json::to_value(card).expect("a card is JSON");
    Case { name, card, trace }
}

fn trigger(condition: &str) -> impl FnOnce(&mut AlignmentCard) {
    let condition = condition.to_owned();
    move |card| {
        card.autonomy.escalation_triggers.push(EscalationTrigger {
            condition,
            action: "escalate".to_owned(),
            reason: "a test asks".to_owned(),
        });
    }
}

fn forbid(entry: &str) -> impl FnOnce(&mut AlignmentCard) {
    let entry = entry.to_owned();
    move |card| {
        card.autonomy.bounded_actions.retain(|tool| *tool != "exec");
        card.autonomy.forbidden_actions.push(entry);
    }
}

fn nothing<T>(_: &mut T) {}

/// Sets what `pointer` names, whose parent is there.
fn set(pointer: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |trace| {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        trace.pointer_mut(parent).expect("the parent is there")[key] = value;
    }
}

fn escalated(trace: &mut Value) {
    trace["escalation"] = json!({"evaluated": true, "required": true, "reason": "asked"});
}

/// A case and the types of its violations.
type Expected = (Case, &'static [&'static str]);

/// Cases without triggers on which both references agree.
fn agreed() -> Vec<Expected> {
    let expires = |at: &'static str| {
        move |card: &mut AlignmentCard| {
            card.expires_at = Some(Timestamp::parse(at).expect("a time"));
        }
    };
    let unlist = |card: &mut AlignmentCard| card.autonomy.bounded_actions.clear();
    let bounded = || set("/action/category", json!("bounded"));
    let past = expires("2026-11-20T00:00:00Z");
    let future = expires("9999-01-01T00:00:00Z");
    let described = forbid("exec: run commands");
    let refused = set("/action/type", json!("deny"));
    let other_card = set("/card_id", json!("ac-0"));
    let undeclared = set("/decision/values_applied", json!(["privacy", "speed"]));
    vec![
        (case("clean", nothing, nothing), &[]),
        (
            case("another card", nothing, other_card),
            &["card_mismatch"],
        ),
        (case("expired", past, nothing), &["card_expired"]),
        (case("expires later", future, nothing), &[]),
        (case("unlisted", unlist, nothing), &[]),
        (
            case("unlisted, bounded", unlist, bounded()),
            &["unbounded_action"],
        ),
        (
            case("forbidden", forbid("exec"), nothing),
            &["forbidden_action"],
        ),
        (case("described", described, nothing), &["forbidden_action"]),
        (case("a longer name", forbid("exec_all"), nothing), &[]),
        (
            case("forbidden, bounded", forbid("exec"), bounded()),
            &["forbidden_action", "unbounded_action"],
        ),
        (
            case("forbidden, refused", forbid("exec"), refused),
            &["forbidden_action"],
        ),
        (
            case("undeclared value", nothing, undeclared),
            &["undeclared_value"],
        ),
    ]
}

/// Conditions on which both references agree, and whether they hold for what [`case`] makes.
const CONDITIONS: [(&str, bool); 21] = [
    ("cost > 100", true),
    ("cost > 120", false),
    ("cost >= 120", true),
    ("cost<=119.5", false),
    ("cost < 121", true),
    ("cost == 120", true),
    ("cost != 120", false),
    ("cost_text > 100", true),
    ("cost => 100", false),
    ("cost > -1", false),
    ("timeout > 10", true),
    ("price > 0", false),
    ("action_type == \"execute\"", true),
    ("action_type == \"execute\" and more", true),
    ("action_type == \"deny\"", false),
    ("action_type == 'execute'", false),
    ("session_id", true),
    ("quiet", false),
    ("background", false),
    ("deletes production data", false),
    ("", false),
];

fn conditions() -> Vec<Expected> {
    let fired = CONDITIONS.map(|(condition, fires)| {
        let expected: &[&str] = if fires { &["missed_escalation"] } else { &[] };
        (case(condition, trigger(condition), nothing), expected)
    });
    let asked = case("asked", trigger("cost > 100"), escalated);
    let flag = case("a flag", trigger("live"), set("/context/live", json!(true)));
    let mut all = Vec::from(fired);
    all.push((asked, &[]));
    all.push((flag, &["missed_escalation"]));
    all
}

/// Where we are deliberately stricter or fairer than a reference, with what each says: TypeScript, Python, ours.
fn disputed() -> Vec<(Case, [&'static [&'static str]; 3])> {
    let ran_out = |card: &mut AlignmentCard| {
        card.expires_at = Some(Timestamp::parse("2026-01-02T00:00:00Z").expect("a time"));
    };
    let before = set("/timestamp", json!("2026-01-01T00:00:00.000Z"));
    let two_tools = set("/action/name", json!("read, exec"));
    vec![
        // The references compare with today: a trace made in time would turn bad when its card runs out.
        (
            case("made before the card ran out", ran_out, before),
            [&["card_expired"], &["card_expired"], &[]],
        ),
        // 2.0.0 forbids a list of tools only if all are forbidden; AAP's changelog says one is enough.
        (
            case("one of two tools", forbid("exec"), two_tools),
            [&[], &[], &["forbidden_action"]],
        ),
        // Python looks for flags in the context alone; TypeScript, and we, in its metadata too.
        (
            case("a flag in the metadata", trigger("urgent"), nothing),
            [&["missed_escalation"], &[], &["missed_escalation"]],
        ),
    ]
}

fn ours(case: &Case) -> BTreeSet<String> {
    let card: AlignmentCard = serde_json::from_value(case.card.clone()).expect("a card");
    verify(&case.trace, &card)
        .into_iter()
        .map(|violation| violation.kind.to_owned())
        .collect()
}

fn types(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|&kind| kind.to_owned()).collect()
}

#[test]
fn our_verifier_agrees_with_both_references() {
    let table = [agreed(), conditions()].concat();
    let cases: Vec<Case> = table.iter().map(|(case, _)| case.clone()).collect();
    let bench = judge(&cases);
    for (case, expected) in &table {
        let expected = types(expected);
        let verdict = Verdict::Violations(expected.clone());
        assert_eq!(
            bench.typescript.verdicts[case.name], verdict,
            "TypeScript: {}",
            case.name
        );
        assert_eq!(
            bench.python.verdicts[case.name], verdict,
            "Python: {}",
            case.name
        );
        assert_eq!(ours(case), expected, "ours: {}", case.name);
    }
    assert_eq!(
        bench.python.verdicts.len(),
        cases.len(),
        "no two cases share a name"
    );
}

#[test]
fn where_we_differ_it_is_on_purpose() {
    let table = disputed();
    let cases: Vec<Case> = table.iter().map(|(case, _)| case.clone()).collect();
    let bench = judge(&cases);
    for (case, [typescript, python, smoltbot]) in &table {
        let [typescript, python] =
            [typescript, python].map(|said| Verdict::Violations(types(said)));
        assert_eq!(
            bench.typescript.verdicts[case.name], typescript,
            "TypeScript: {}",
            case.name
        );
        assert_eq!(
            bench.python.verdicts[case.name], python,
            "Python: {}",
            case.name
        );
        assert_eq!(ours(case), types(smoltbot), "ours: {}", case.name);
    }
}
