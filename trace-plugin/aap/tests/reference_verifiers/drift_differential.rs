//! Thousands of generated sequences of traces before the drift detection of both reference SDKs and ours. Where one says something
//! else, a named rule must say why, and no rule may stand here without a sequence.

use std::collections::{BTreeMap, BTreeSet};

use aap::drift::{SIMILARITY_THRESHOLD, detect};
use aap::{AlignmentCard, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use crate::drift::{essence, timeless};
use crate::generate::{VALUES, card_value, generate, scored, value};
use crate::judges::{Drift, Rule, Sdk, judge};

/// Sequences; a third of them has too little to tell drift by.
const CASES: usize = 4000;

#[derive(Serialize)]
struct Generated {
    name: String,
    card: Value,
    traces: Vec<Value>,
}

const RULES: [Rule<Generated>; 7] = [
    Rule {
        name: "all values that are objects are one value",
        sdk: Sdk::TypeScript,
        applies: has_objects,
    },
    Rule {
        name: "a trace without a time keeps some place",
        sdk: Sdk::TypeScript,
        applies: undated,
    },
    Rule {
        name: "times are sorted as texts",
        sdk: Sdk::Python,
        applies: |case| {
            undated(case) || some(case, |trace| text(trace, "/timestamp").ends_with("-05:00"))
        },
    },
    Rule {
        name: "null is no missing escalation",
        sdk: Sdk::Python,
        applies: |case| some(case, |trace| trace.get("escalation") == Some(&Value::Null)),
    },
    Rule {
        name: "null is no missing confidence",
        sdk: Sdk::Python,
        applies: |case| {
            let null = Some(&Value::Null);
            some(case, |trace| trace.pointer("/decision/confidence") == null)
        },
    },
    Rule {
        name: "values are texts",
        sdk: Sdk::Python,
        applies: has_objects,
    },
    Rule {
        name: "likeness is counted by confidence and evaluation, not by flags and status, and rounded",
        sdk: Sdk::Python,
        applies: |case| sides(case, typescript_likeness) != sides(case, python_likeness),
    },
];

fn some(case: &Generated, holds: impl Fn(&Value) -> bool) -> bool {
    case.traces.iter().any(holds)
}

fn text<'a>(trace: &'a Value, pointer: &str) -> &'a str {
    let found = trace.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

fn undated(case: &Generated) -> bool {
    some(case, |trace| {
        Timestamp::parse(text(trace, "/timestamp")).is_err()
    })
}

fn applied(trace: &Value) -> impl Iterator<Item = &Value> {
    let applied = trace.pointer("/decision/values_applied");
    applied.and_then(Value::as_array).into_iter().flatten()
}

fn has_objects(case: &Generated) -> bool {
    let declared = case.card.pointer("/values/declared");
    let mut declared = declared.and_then(Value::as_array).into_iter().flatten();
    declared.any(Value::is_object) || some(case, |trace| applied(trace).any(Value::is_object))
}

/// What a trace is compared by, with weights.
type Features = BTreeMap<String, f64>;

/// What both SDKs compare by.
fn common(trace: &Value) -> Features {
    let mut found = Features::new();
    for (what, pointer) in [
        ("action", "type"),
        ("category", "category"),
        ("name", "name"),
    ] {
        found.insert(
            format!("{what}:{}", text(trace, &format!("/action/{pointer}"))),
            1.0,
        );
    }
    found.extend(applied(trace).map(|value| (format!("value:{value}"), 1.0)));
    found
}

fn is_yes(trace: &Value, pointer: &str) -> bool {
    trace.pointer(pointer) == Some(&Value::Bool(true))
}

fn typescript(trace: &Value) -> Features {
    let mut found = common(trace);
    if trace.get("escalation").is_some_and(Value::is_object) {
        let required = is_yes(trace, "/escalation/required");
        found.insert(format!("required:{required}"), 1.0);
        let status = text(trace, "/escalation/escalation_status");
        if !status.is_empty() {
            found.insert(format!("status:{status}"), 1.0);
        }
    }
    let options = trace.pointer("/decision/alternatives_considered");
    for option in options.and_then(Value::as_array).into_iter().flatten() {
        for flag in option["flags"].as_array().into_iter().flatten() {
            found.insert(format!("flag:{flag}"), 1.0);
        }
    }
    found
}

fn python(trace: &Value) -> Features {
    let mut found = common(trace);
    if is_yes(trace, "/escalation/evaluated") {
        found.insert("evaluated".to_owned(), 1.0);
    }
    let required = is_yes(trace, "/escalation/required");
    found.insert(format!("required:{required}"), 1.0);
    let confidence = trace
        .pointer("/decision/confidence")
        .and_then(Value::as_f64);
    found.extend(confidence.map(|confidence| ("confidence".to_owned(), confidence)));
    found
}

fn typescript_likeness(traces: &[&Value], baseline: usize) -> Vec<f64> {
    likeness(traces, baseline, typescript)
}

fn python_likeness(traces: &[&Value], baseline: usize) -> Vec<f64> {
    let exact = likeness(traces, baseline, python);
    exact
        .into_iter()
        .map(|one| (one * 1e4).round() / 1e4)
        .collect()
}

fn likeness(traces: &[&Value], baseline: usize, features: fn(&Value) -> Features) -> Vec<f64> {
    let (first, later) = traces.split_at(baseline);
    let mut sum = Features::new();
    for (key, weight) in first.iter().flat_map(|trace| features(trace)) {
        *sum.entry(key).or_default() += weight;
    }
    let norm = |of: &Features| {
        of.values()
            .map(|weight| weight * weight)
            .sum::<f64>()
            .sqrt()
    };
    let one = |trace: &&Value| {
        let own = features(trace);
        let shared: f64 = own
            .iter()
            .filter_map(|(key, weight)| Some(sum.get(key)? * weight))
            .sum();
        shared / (norm(&own) * norm(&sum)).max(f64::MIN_POSITIVE)
    };
    later.iter().map(one).collect()
}

/// On which side of the threshold each trace behind the baseline is.
fn sides(case: &Generated, likeness: fn(&[&Value], usize) -> Vec<f64>) -> Vec<bool> {
    let mut traces: Vec<&Value> = case.traces.iter().collect();
    traces.sort_by_key(|trace| Timestamp::parse(text(trace, "/timestamp")).ok());
    let baseline = (traces.len() / 4).clamp(3, 10);
    if traces.len() < baseline + 3 {
        return Vec::new();
    }
    let all = likeness(&traces, baseline);
    all.into_iter()
        .map(|one| one < SIMILARITY_THRESHOLD)
        .collect()
}

/// A trace without time and id.
fn step() -> impl Strategy<Value = Value> {
    let word = |of: &'static [&'static str]| prop::sample::select(of);
    let action = (
        word(&["execute", "deny", "recommend"]),
        word(&["exec", "read", "Write", "rm_rf", "größe", "pay"]),
        word(&["bounded", "escalation_trigger", "forbidden"]),
    );
    let flags = prop_oneof![
        4 => Just(Vec::new()),
        1 => vec(word(&["risky", "new", "slow"]), 1..3),
    ];
    let confidence = prop_oneof![
        12 => scored().prop_map(|score| score.map(Value::from)),
        1 => Just(Some(Value::Null)),
    ];
    let escalation = prop_oneof![
        6 => Just(None),
        10 => (any::<bool>(), any::<bool>(), word(&["", "approved", "timeout"])).prop_map(|(evaluated, required, status)| {
            let mut made = json!({"evaluated": evaluated, "required": required, "reason": "a test"});
            if !status.is_empty() {
                made["escalation_status"] = json!(status);
            }
            Some(made)
        }),
        1 => Just(Some(Value::Null)),
    ];
    (action, vec(value(), 0..4), flags, confidence, escalation).prop_map(
        |((kind, name, category), values, flags, confidence, escalation)| {
            let mut made = json!({
                "agent_id": "an agent", "card_id": "a card",
                "action": {"type": kind, "name": name, "category": category},
                "decision": {
                    "alternatives_considered": [{"option_id": "o", "description": "an option", "flags": flags}],
                    "selected": "o", "selection_reasoning": "a test", "values_applied": values,
                },
            });
            if let Some(confidence) = confidence {
                made["decision"]["confidence"] = confidence;
            }
            if let Some(escalation) = escalation {
                made["escalation"] = escalation;
            }
            made
        },
    )
}

/// A card; every other one declares all values that traces apply, and that it serves its principal.
fn card() -> impl Strategy<Value = Value> {
    (card_value(), 0..2_u8).prop_map(|(mut card, all)| {
        if all == 0 {
            let mut values = VALUES.to_vec();
            values.push("principal_benefit");
            card["values"] = json!({ "declared": values });
        }
        card
    })
}

/// Two ways of acting, one after the other with some mixing, now and then out of order or with odd times.
fn sequence() -> impl Strategy<Value = Vec<Value>> {
    let ways = (vec(step(), 1..3), vec(step(), 1..3));
    let shape = (0..32_usize, 2..12_usize, vec(0..12_u8, 32));
    (ways, shape, 0..12_u8, any::<prop::sample::Index>()).prop_map(
        |((before, after), (count, turn, noise), odd, place)| {
            let one = |index: usize| {
                let other = noise[index] == 0;
                let way = if (index < turn) == other {
                    &after
                } else {
                    &before
                };
                let mut trace = way[usize::from(noise[index]) % way.len()].clone();
                let at = 1_795_227_000_000 + 1000 * i64::try_from(index).expect("few");
                trace["timestamp"] = json!(Timestamp::from_millis(at));
                trace["trace_id"] = json!(format!("tr-{index}"));
                trace
            };
            let mut traces: Vec<Value> = (0..count).map(one).collect();
            if count > 0 {
                let place = place.index(count);
                match odd {
                    0 => traces.reverse(),
                    1 => traces.rotate_left(place),
                    2 => traces[place]["timestamp"] = json!("2026-11-20T21:10:04.500-05:00"),
                    3 => traces[place]["timestamp"] = json!("soon"),
                    _ => {}
                }
            }
            traces
        },
    )
}

fn said(sdk: Sdk, drift: &Drift) -> Value {
    match (sdk, drift) {
        (Sdk::TypeScript, Drift::Alerts(alerts)) => json!(timeless(alerts)),
        (Sdk::Python, Drift::Alerts(alerts)) => json!(essence(alerts)),
        (_, Drift::Refused(_)) => json!("refused"),
    }
}

#[test]
fn every_difference_in_drift_has_a_name() {
    let cases: Vec<Generated> = generate(&(card(), sequence()), CASES)
        .into_iter()
        .enumerate()
        .map(|(number, (card, traces))| Generated {
            name: number.to_string(),
            card,
            traces,
        })
        .collect();
    let bench = judge(&cases);
    let mut explained: BTreeMap<(Sdk, &str), usize> = BTreeMap::new();
    let mut directions: BTreeSet<String> = BTreeSet::new();
    let (mut agreed, mut alerted) = (0, 0);
    for case in &cases {
        // What we refuse to read as a card is no case of drift.
        let Ok(card) = serde_json::from_value::<AlignmentCard>(case.card.clone()) else {
            continue;
        };
        let ours: Vec<Value> = detect(&card, &case.traces)
            .iter()
            .map(|alert| json!(alert))
            .collect();
        let mut same = true;
        for (sdk, judgement, ours) in [
            (Sdk::TypeScript, &bench.typescript, json!(timeless(&ours))),
            (Sdk::Python, &bench.python, json!(essence(&ours))),
        ] {
            let theirs = said(sdk, &judgement.drift[&case.name]);
            if theirs == ours {
                continue;
            }
            same = false;
            let names: Vec<&str> = RULES
                .iter()
                .filter(|rule| rule.sdk == sdk && (rule.applies)(case))
                .map(|rule| rule.name)
                .collect();
            assert!(
                !names.is_empty(),
                "{sdk:?} says {theirs:#}, we say {ours:#}, and no rule tells why:\ncard {}\ntraces {}",
                case.card,
                json!(case.traces)
            );
            // Only a sequence with one possible reason proves that reason.
            if let [name] = names[..] {
                *explained.entry((sdk, name)).or_default() += 1;
            }
        }
        agreed += usize::from(same);
        alerted += usize::from(same && !ours.is_empty());
        let told = ours
            .iter()
            .filter_map(|alert| alert.pointer("/analysis/drift_direction")?.as_str());
        directions.extend(told.map(str::to_owned));
    }
    println!(
        "{CASES} sequences: all three agree on {agreed}, {alerted} of them with alerts; explained alone: {explained:#?}"
    );
    assert!(
        agreed > CASES / 2 && alerted > CASES / 20,
        "{agreed} {alerted}"
    );
    assert_eq!(directions.len(), 4, "{directions:?}");
    for rule in &RULES {
        let cases = explained.get(&(rule.sdk, rule.name));
        assert!(
            cases.is_some(),
            "no sequence needs the rule “{}” of {:?}",
            rule.name,
            rule.sdk
        );
    }
}
