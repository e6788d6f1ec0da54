//! Cards and traces at random, out of few words, so that lists and traces meet, and out of all the odd shapes that the reference
//! verifiers read in different ways.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Map, Value, json};

use crate::kinds::card;

/// The seed of all generated cases: a failure can be repeated. Another one may be tried by hand.
const SEED: u64 = 20_261_121;

/// `count` values of `strategy`, the same each time.
pub(crate) fn generate<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let config = Config {
        rng_seed: RngSeed::Fixed(SEED),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let one = |_| strategy.new_tree(&mut runner).expect("a value").current();
    (0..count).map(one).collect()
}

const TOOLS: [&str; 6] = ["exec", "read", "Write", "rm_rf", "web fetch", "größe"];
pub(crate) const VALUES: [&str; 6] = ["privacy", "honesty", "fairness", "speed", "growth", "größe"];
const FIELDS: [&str; 6] = ["cost", "urgent", "quiet", "metadata", "toString", "größe"];

fn word(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(of).prop_map(str::to_owned)
}

/// A tool's name, now and then several, blank or nothing.
fn action_name() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => word(&TOOLS),
        2 => vec(word(&TOOLS), 2..4).prop_map(|names| names.join(", ")),
        1 => prop::sample::select(vec!["", " ", ", ", "exec,read", " exec", "read, , exec"]).prop_map(str::to_owned),
    ]
}

/// An entry of a list of tools, now and then with a description.
fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => word(&TOOLS),
        2 => word(&TOOLS).prop_map(|name| format!("{name}: what it does")),
        1 => word(&TOOLS).prop_map(|name| format!("{name} : what it does")),
        1 => Just(":exec".to_owned()),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        14 => word(&VALUES).prop_map(Value::from),
        1 => word(&VALUES).prop_map(|id| json!({"id": id, "intensity": 1})),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec![">", "<", ">=", "<=", "==", "!=", "=>", "==="]);
    let number = prop::sample::select(vec!["0", "1", "100", "119.5", "1.", ".5", "1.2.3"]);
    let kind = prop::sample::select(vec!["execute", "deny", "recommend"]);
    let whole = prop_oneof![
        6 => (word(&FIELDS), operator, number)
            .prop_map(|(field, operator, number)| format!("{field} {operator} {number}")),
        4 => word(&FIELDS),
        3 => kind.prop_map(|kind| format!("action_type == \"{kind}\"")),
        1 => Just("deletes production data".to_owned()),
    ];
    (whole, 0..24_u8).prop_map(|(whole, change)| match change {
        0 => format!(" {whole}"),
        1 => format!("{whole} "),
        2 => format!("{whole}\n"),
        3 => format!("{whole} and urgent"),
        4 => format!("x_{whole}"),
        5 => whole.replace(' ', ""),
        _ => whole,
    })
}

pub(crate) fn card_value() -> impl Strategy<Value = Value> {
    let triggers = vec(condition(), 0..3).prop_map(|conditions| {
        let one =
            |condition| json!({"condition": condition, "action": "escalate", "reason": "a test"});
        conditions.into_iter().map(one).collect::<Value>()
    });
    let expires = prop_oneof![
        8 => Just(None),
        1 => Just(Some("2026-01-02T00:00:00Z")),
        1 => Just(Some("9999-01-01T00:00:00Z")),
        1 => Just(Some("soon")),
    ];
    let lists = (vec(entry(), 0..5), vec(entry(), 0..3), triggers);
    let values = (vec(value(), 0..6), vec(word(&VALUES), 0..3));
    (lists, values, expires, any::<bool>()).prop_map(
        |((bounded, forbidden, triggers), (declared, rejected), expires, old)| {
            let mut made = serde_json::to_value(card()).expect("a card is JSON");
            let fields = made.as_object_mut().expect("an object");
            let autonomy = json!({"bounded_actions": bounded, "forbidden_actions": forbidden, "escalation_triggers": triggers});
            fields.remove("autonomy");
            let key = if old { "autonomy_envelope" } else { "autonomy" };
            fields.insert(key.to_owned(), autonomy);
            fields.insert("values".to_owned(), json!({"declared": declared, "conflicts_with": rejected}));
            if let Some(expires) = expires {
                fields.insert("expires_at".to_owned(), json!(expires));
            }
            made
        },
    )
}

fn loose() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(vec![0, 1, 99, 100, 120]).prop_map(Value::from),
        2 => Just(json!(119.5)),
        2 => prop::sample::select(vec!["120", " 12 ", "", "no"]).prop_map(Value::from),
        3 => prop::sample::select(vec!["120 EUR", "1_000", "1_000", "0x80", "Infinity"]).prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        2 => prop::sample::select(vec![json!([]), json!({}), json!([120]), json!([120])]),
    ]
}

fn fields() -> impl Strategy<Value = Map<String, Value>> {
    // `metadata` stands for itself in a context; as a field of it, it would be another thing.
    let name =
        prop::sample::select(vec!["cost", "urgent", "quiet", "größe"]).prop_map(str::to_owned);
    vec((name, loose()), 0..3).prop_map(|pairs| pairs.into_iter().collect())
}

pub(crate) fn scored() -> impl Strategy<Value = Option<f64>> {
    let near = prop::sample::select(vec![0.0, 0.34, 0.349_999, 0.35, 0.36, 1.0]);
    prop::option::of(near)
}

fn trace_value() -> impl Strategy<Value = Value> {
    let action = (
        prop::sample::select(vec!["recommend", "execute", "escalate", "deny"]),
        action_name(),
        prop::sample::select(vec![
            "bounded",
            "bounded",
            "escalation_trigger",
            "forbidden",
        ]),
        fields(),
    );
    let decision = (vec(value(), 0..4), scored(), vec(scored(), 0..3), 0..40_u8);
    let escalation = prop_oneof![
        3 => Just(None),
        6 => (any::<bool>(), prop::sample::select(vec!["approved", "timeout", ""]))
            .prop_map(|(required, status)| Some(if status.is_empty() {
                json!({"evaluated": true, "required": required})
            } else {
                json!({"evaluated": true, "required": required, "escalation_status": status})
            })),
        1 => Just(Some(Value::Null)),
    ];
    let context = prop_oneof![
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        8 => (fields(), fields()).prop_map(|(mut context, metadata)| {
            context.insert("metadata".to_owned(), Value::Object(metadata));
            Some(Value::Object(context))
        }),
    ];
    let card_id = prop_oneof![9 => Just(card().card_id), 1 => Just("ac-0".to_owned())];
    (action, decision, escalation, context, card_id).prop_map(
        |((kind, name, category, parameters), (values, confidence, scores, odd), escalation, context, card_id)| {
            let options: Vec<Value> = scores
                .iter()
                .enumerate()
                .map(|(index, score)| {
                    let mut option = json!({"option_id": format!("o{index}"), "description": "an option"});
                    if let Some(score) = score {
                        option["score"] = json!(score);
                    }
                    option
                })
                .collect();
            let mut made = json!({
                "trace_id": "tr-1", "agent_id": card().agent_id, "card_id": card_id, "timestamp": "2026-11-21T02:10:00.123Z",
                "action": {"type": kind, "name": name, "category": category, "parameters": parameters},
                "decision": {"alternatives_considered": options, "selected": "o0", "selection_reasoning": "a test", "values_applied": values},
            });
            if let Some(confidence) = confidence {
                made["decision"]["confidence"] = json!(confidence);
            }
            if odd == 0 {
                made["decision"].as_object_mut().expect("an object").remove("alternatives_considered");
            }
            for (key, value) in [("escalation", escalation), ("context", context)] {
                if let Some(value) = value {
                    made[key] = value;
                }
            }
            made
        },
    )
}

/// A card and a trace.
pub(crate) fn verification() -> impl Strategy<Value = (Value, Value)> {
    (card_value(), trace_value())
}

/// Two to five cards, and the values of a task.
pub(crate) fn fleet() -> impl Strategy<Value = (Vec<Value>, Option<Vec<String>>)> {
    let values = (vec(value(), 0..6), vec(word(&VALUES), 0..2), 0..3_u8);
    let one = values.prop_map(|(declared, rejected, peaceful)| {
        let mut made = serde_json::to_value(card()).expect("a card is JSON");
        let rejected = if peaceful > 0 { Vec::new() } else { rejected };
        made["values"] = json!({"declared": declared, "conflicts_with": rejected});
        made
    });
    let task = prop_oneof![3 => Just(None), 2 => vec(word(&VALUES), 0..5).prop_map(Some)];
    (vec(one, 2..6), task)
}
