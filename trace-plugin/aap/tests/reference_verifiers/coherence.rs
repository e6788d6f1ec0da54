//! [`aap::coherence`] against both references over generated cards, and the handshake's messages against AAP's schema and models.

use aap::coherence::{Member, check, check_fleet};
use aap::handshake::Message;
use aap::{AlignmentCard, Timestamp};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::{Value, json};

use crate::generate::{fleet, generate};
use crate::judges::{Judgement, judge, judge_python};
use crate::kinds::card;

/// Fleets of two to five cards; the first two of each are checked as a pair, too.
const FLEETS: usize = 1500;

#[derive(Serialize)]
struct Pair {
    name: String,
    card: Value,
    other: Value,
    task_values: Option<Vec<String>>,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "the judges' names")]
struct Fleet {
    name: String,
    fleet: Vec<Value>,
    task_values: Option<Vec<String>>,
}

/// Numbers as floating point, lists sorted and without doubles: Python's come in no order, TypeScript shares a value of a cluster twice
/// when a card declares it twice. Prose stays: it is the same in both.
fn settled(mut value: Value) -> Value {
    match &mut value {
        Value::Number(number) => value = json!(number.as_f64()),
        Value::Array(items) => {
            let mut settled_items: Vec<Value> =
                std::mem::take(items).into_iter().map(settled).collect();
            settled_items.sort_by_key(Value::to_string);
            settled_items.dedup();
            value = Value::Array(settled_items);
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                *field = settled(field.take());
            }
        }
        _ => {}
    }
    value
}

fn has_objects(card: &Value) -> bool {
    card["values"]["declared"]
        .as_array()
        .expect("a list")
        .iter()
        .any(Value::is_object)
}

/// Whether two results differ by no more than rounding does: a score that lies between two of four places.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(1.0));
            (one - other).abs() < 1.5e-4
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| alike(one, other)))
        }
        _ => one == other,
    }
}

/// Python takes an empty list of task values for none, and fails on values that are objects.
fn python_may_differ(cards: &[Value], task_values: Option<&Vec<String>>) -> bool {
    task_values.is_some_and(Vec::is_empty) || cards.iter().any(has_objects)
}

fn held(
    ours: &Value,
    name: &str,
    typescript: &Judgement,
    python: &Judgement,
    may_differ: bool,
) -> bool {
    let ours = settled(ours.clone());
    assert_eq!(
        ours,
        settled(typescript.details[name].clone()),
        "TypeScript: {name}"
    );
    let theirs = settled(python.details[name].clone());
    let same = ours == theirs;
    // What is left is rounding: half up, half to even.
    assert!(
        same || may_differ || alike(&ours, &theirs),
        "Python: {name}: {theirs} instead of {ours}"
    );
    same
}

fn read(cards: &[Value]) -> Vec<AlignmentCard> {
    let read = |card: &Value| serde_json::from_value(card.clone()).expect("a card");
    cards.iter().map(read).collect()
}

#[test]
fn pairs_and_fleets_are_as_both_references_say() {
    let made = generate(&fleet(), FLEETS);
    let member = |(index, card): (usize, &Value)| json!({"agent_id": format!("agent {index}"), "card": card});
    let pairs: Vec<Pair> = made
        .iter()
        .enumerate()
        .map(|(number, (cards, task))| Pair {
            name: format!("pair {number}"),
            card: cards[0].clone(),
            other: cards[1].clone(),
            task_values: task.clone(),
        })
        .collect();
    let fleets: Vec<Fleet> = made
        .iter()
        .enumerate()
        .map(|(number, (cards, task))| Fleet {
            name: format!("fleet {number}"),
            fleet: cards.iter().enumerate().map(member).collect(),
            task_values: task.clone(),
        })
        .collect();
    let (of_pairs, of_fleets) = (judge(&pairs), judge(&fleets));
    let (mut same, mut compatible, mut apart) = (0, 0, 0);
    for (number, (cards, task)) in made.iter().enumerate() {
        let may_differ = python_may_differ(cards, task.as_ref());
        let read = read(cards);
        let pair = check(&read[0], &read[1], task.as_deref());
        compatible += usize::from(pair.compatible);
        let (name, pair) = (format!("pair {number}"), json!(pair));
        held(
            &pair,
            &name,
            &of_pairs.typescript,
            &of_pairs.python,
            may_differ,
        );
        let names: Vec<String> = (0..read.len())
            .map(|index| format!("agent {index}"))
            .collect();
        let members: Vec<Member<'_>> = names
            .iter()
            .zip(&read)
            .map(|(agent_id, card)| Member { agent_id, card })
            .collect();
        let fleet = check_fleet(&members, task.as_deref()).expect("a fleet");
        apart += usize::from(!fleet.outliers.is_empty());
        let name = format!("fleet {number}");
        same += usize::from(held(
            &json!(fleet),
            &name,
            &of_fleets.typescript,
            &of_fleets.python,
            may_differ,
        ));
    }
    println!(
        "{FLEETS} fleets: all three alike in {same}; {compatible} pairs compatible, {apart} fleets with outliers"
    );
    assert!(
        same > FLEETS / 3 && compatible > FLEETS / 50 && apart > FLEETS / 10,
        "{same} {compatible} {apart}"
    );
}

#[derive(Serialize)]
struct Said {
    name: &'static str,
    message: Value,
}

#[test]
fn the_messages_are_those_of_the_schema_and_the_models() {
    let now = Timestamp::parse("2026-11-21T02:10:00.123Z").expect("a time");
    let key = SigningKey::from_bytes(&[7; 32]);
    let ask = json!({"message_type": "alignment_card_request", "request_id": "req-1",
        "requester": {"agent_id": "did:web:example.org", "card_id": "ac-1"},
        "task_context": {"task_type": "review", "values_required": ["privacy"]}, "timestamp": now});
    let check = json!({"message_type": "value_coherence_check", "request_id": "req-2",
        "initiator_card_id": card().card_id, "responder_card_id": card().card_id,
        "proposed_collaboration": {"task_type": "review", "values_intersection": ["privacy", "honesty"],
            "data_sharing": {"from_initiator": ["code"], "from_responder": []},
            "autonomy_scope": {"initiator_actions": ["exec"], "responder_actions": ["deploy"]}},
        "timestamp": now});
    let read =
        |message: &Value| serde_json::from_value::<Message>(message.clone()).expect("a message");
    let (Message::AlignmentCardRequest(asked), Message::ValueCoherenceCheck(checked)) =
        (read(&ask), read(&check))
    else {
        panic!("other messages");
    };
    let handed = asked.answer(card().sign(&key), now).expect("an answer");
    let result = checked.answer(&card(), &card(), now).expect("an answer");
    let mut rejecting = card();
    rejecting.values.conflicts_with = vec!["privacy".to_owned()];
    let Message::ValueCoherenceCheck(checked) = read(&check) else {
        panic!("another message");
    };
    let conflict = checked.answer(&card(), &rejecting, now).expect("an answer");
    assert!(result.proceed && !conflict.proceed);
    let said = |name, message: Message| Said {
        name,
        message: json!(message),
    };
    let messages = [
        said("request", read(&ask)),
        said("response", Message::AlignmentCardResponse(Box::new(handed))),
        said("check", read(&check)),
        said("result", Message::CoherenceResult(result)),
        said("conflict", Message::CoherenceResult(conflict)),
        Said {
            name: "broken",
            message: json!({"message_type": "coherence_result", "request_id": 1}),
        },
    ];
    let python = judge_python(&messages);
    for Said { name, .. } in &messages[..5] {
        assert!(
            python.schema[*name].is_empty(),
            "schema: {name}: {:?}",
            python.schema[*name]
        );
        assert!(
            python.model[*name].is_empty(),
            "model: {name}: {:?}",
            python.model[*name]
        );
    }
    assert!(!python.schema["broken"].is_empty() && !python.model["broken"].is_empty());
    assert_eq!(messages[0].message, ask);
    assert_eq!(messages[2].message, check);
}
