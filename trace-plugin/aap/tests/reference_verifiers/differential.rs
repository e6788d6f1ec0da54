//! Thousands of generated cards and traces before both reference verifiers and ours. Where a reference says something else than our
//! [`Reading::reference`], a named rule must say why, and no rule may stand here without a case.

use std::collections::BTreeMap;

use aap::verify::{Reading, check};
use aap::{AlignmentCard, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::generate::{generate, verification};
use crate::judges::{Rule, Sdk, judge};

/// Pairs of a card and a trace.
const CASES: usize = 8000;

/// A case; `generated` tells the judges to leave schemas and models out.
#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "the judges' names")]
struct Generated {
    name: String,
    card: Value,
    trace: Value,
    generated: bool,
}

const RULES: [Rule<Generated>; 16] = [
    // TypeScript
    rule(
        "a number at the start of a text is a number",
        Sdk::TypeScript,
        |case| any_field(case, |value| value.as_str().is_some_and(starts_as_number)),
    ),
    rule(
        "a list of one number is a number",
        Sdk::TypeScript,
        |case| any_field(case, Value::is_array),
    ),
    rule(
        "an empty list or object is a yes",
        Sdk::TypeScript,
        |case| any_field(case, is_empty),
    ),
    rule(
        "every object has JavaScript's own fields",
        Sdk::TypeScript,
        |case| any_condition(case, |text| text.contains("toString")),
    ),
    rule("names of fields are ASCII", Sdk::TypeScript, |case| {
        any_condition(case, |text| !text.is_ascii())
    }),
    rule(
        "the action's type is found anywhere in a condition",
        Sdk::TypeScript,
        |case| any_condition(case, |text| text.contains("x_action_type")),
    ),
    rule("alternatives have to be there", Sdk::TypeScript, |case| {
        case.trace
            .pointer("/decision/alternatives_considered")
            .is_none()
    }),
    // Python
    rule("yes is 1", Sdk::Python, |case| {
        any_field(case, Value::is_boolean)
    }),
    rule("numbers have digit groups", Sdk::Python, |case| {
        any_field(case, |value| value == "1_000")
    }),
    rule("a comparison ends at its number", Sdk::Python, |case| {
        any_condition(case, |text| {
            text.contains(" and ") || text.contains("1.") || text.contains("x_")
        })
    }),
    rule(
        "a condition starts with its first word",
        Sdk::Python,
        |case| any_condition(case, |text| text.starts_with(' ')),
    ),
    rule("flags are in the context alone", Sdk::Python, |case| {
        any_condition(case, is_word)
    }),
    rule("null is no missing escalation", Sdk::Python, |case| {
        case.trace.get("escalation") == Some(&Value::Null)
    }),
    rule("values are texts", Sdk::Python, has_objects),
    // Both
    rule("an expiry that is no time", Sdk::TypeScript, |case| {
        case.card["expires_at"] == "soon"
    }),
    rule("an expiry that is no time", Sdk::Python, |case| {
        case.card["expires_at"] == "soon"
    }),
];

const fn rule(name: &'static str, sdk: Sdk, applies: fn(&Generated) -> bool) -> Rule<Generated> {
    Rule { name, sdk, applies }
}

fn conditions(case: &Generated) -> impl Iterator<Item = &str> {
    let autonomy = case
        .card
        .get("autonomy")
        .or_else(|| case.card.get("autonomy_envelope"));
    let triggers = autonomy.and_then(|autonomy| autonomy["escalation_triggers"].as_array());
    triggers
        .into_iter()
        .flatten()
        .filter_map(|trigger| trigger["condition"].as_str())
}

fn any_condition(case: &Generated, holds: fn(&str) -> bool) -> bool {
    conditions(case).any(holds)
}

/// Whether a field that conditions may ask for is such a value, and there is a condition.
fn any_field(case: &Generated, holds: impl Fn(&Value) -> bool) -> bool {
    let places = ["/context", "/context/metadata", "/action/parameters"];
    let fields = places
        .iter()
        .filter_map(|place| case.trace.pointer(place)?.as_object());
    conditions(case).next().is_some() && fields.flat_map(serde_json::Map::values).any(holds)
}

fn starts_as_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit()) && text.parse::<f64>().is_err()
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn is_word(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_')
}

fn has_objects(case: &Generated) -> bool {
    let lists = [
        case.card.pointer("/values/declared"),
        case.trace.pointer("/decision/values_applied"),
    ];
    lists
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten()
        .any(Value::is_object)
}

/// A verification in what all three write alike: everything but prose, and without Python's likeness to the card, of which AAP itself
/// says that a clean trace fails it.
fn essence(said: &Value) -> Value {
    if said.get("refused").is_some() {
        return json!("refused");
    }
    let pick = |list: &str, keys: &[&str]| -> Vec<Value> {
        let items = said[list].as_array().expect("a list").iter();
        let kept = items.filter(|item| item["type"] != "low_behavioral_similarity");
        kept.map(|item| keys.iter().map(|key| item[*key].clone()).collect())
            .collect()
    };
    json!([
        said["verified"],
        pick("violations", &["type", "severity", "trace_field"]),
        pick("warnings", &["type", "trace_field"])
    ])
}

fn ours(case: &Generated, reading: Reading) -> Value {
    match serde_json::from_value::<AlignmentCard>(case.card.clone()) {
        Err(_) => json!("refused"),
        Ok(card) => essence(&json!(check(&case.trace, &card, reading))),
    }
}

#[test]
fn every_difference_has_a_name() {
    let now = Timestamp::parse("2026-11-21T02:10:00Z").expect("a time");
    let cases: Vec<Generated> = generate(&verification(), CASES)
        .into_iter()
        .enumerate()
        .map(|(number, (card, trace))| Generated {
            name: format!("{number}"),
            card,
            trace,
            generated: true,
        })
        .collect();
    let bench = judge(&cases);
    let mut explained: BTreeMap<(Sdk, &str), usize> = BTreeMap::new();
    let (mut agreed, mut violated) = (0, 0);
    for case in &cases {
        let ours = ours(case, Reading::reference(now));
        let mut same = true;
        for (sdk, judgement) in [
            (Sdk::TypeScript, &bench.typescript),
            (Sdk::Python, &bench.python),
        ] {
            let theirs = essence(&judgement.details[&case.name]);
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
                "{sdk:?} says {theirs}, we say {ours}, and no rule tells why:\ncard {}\ntrace {}",
                case.card,
                case.trace
            );
            // Only a case with one possible reason proves that reason.
            if let [name] = names[..] {
                *explained.entry((sdk, name)).or_default() += 1;
            }
        }
        agreed += usize::from(same);
        violated += usize::from(same && ours[0] == json!(false));
    }
    println!(
        "{CASES} pairs: all three agree on {agreed}, {violated} of them with violations; explained alone: {explained:#?}"
    );
    assert!(
        agreed > CASES / 2 && violated > CASES / 4 && agreed - violated > CASES / 40,
        "{agreed} {violated}"
    );
    for rule in &RULES {
        let cases = explained.get(&(rule.sdk, rule.name));
        assert!(
            cases.is_some(),
            "no case needs the rule “{}” of {:?}",
            rule.name,
            rule.sdk
        );
    }
}

/// What our own reading changes, and nothing else.
#[test]
fn our_reading_departs_in_three_places_alone() {
    let now = Timestamp::parse("2026-11-21T02:10:00Z").expect("a time");
    let mut seen = [0; 3];
    for (number, (card, trace)) in generate(&verification(), CASES).into_iter().enumerate() {
        let case = Generated {
            name: format!("{number}"),
            card,
            trace,
            generated: true,
        };
        let (reference, own) = (
            ours(&case, Reading::reference(now)),
            ours(&case, Reading::OURS),
        );
        if reference == own {
            continue;
        }
        let name = case.trace["action"]["name"].as_str().expect("a name");
        let made_in_time = case.card["expires_at"] == "2026-01-02T00:00:00Z";
        let several = name.contains(", ");
        let nameless = !name.is_empty() && name.chars().all(|letter| matches!(letter, ' ' | ','));
        for (count, holds) in seen
            .iter_mut()
            .zip([made_in_time, several && !nameless, nameless])
        {
            *count += usize::from(holds);
        }
        assert!(
            made_in_time || several || nameless,
            "{reference} {own}\n{}\n{}",
            case.card,
            case.trace
        );
    }
    assert!(seen[1] > 0 && seen[2] > 0, "{seen:?}");
}
