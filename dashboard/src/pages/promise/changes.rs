//! What a version of a card changed against the one before it.

use aap::AlignmentCard;
use serde_json::Value;

use crate::text::{Shown, line};
use crate::words::value;

/// Things of one kind that are named.
const NAMED: usize = 24;
/// Members that differ in every version, and those that are told by themselves.
const APART: [&str; 4] = ["card_id", "issued_at", "values", "autonomy"];

/// One kind of thing that was added or taken away.
pub(super) struct Change {
    pub(super) what: &'static str,
    /// `+` or `−`, or nothing where it is neither.
    pub(super) sign: &'static str,
    pub(super) names: Vec<Shown>,
    pub(super) more: usize,
}

/// In the order in which the card is read.
pub(super) fn changes(before: &AlignmentCard, after: &AlignmentCard) -> Vec<Change> {
    let mut found = Vec::new();
    if before.autonomy_mode != after.autonomy_mode {
        let word = |card: &AlignmentCard| {
            let word = serde_json::to_value(card.autonomy_mode).unwrap_or_default();
            word.as_str().unwrap_or_default().to_owned()
        };
        found.push(Change {
            what: "Mode",
            sign: "",
            names: vec![line(&format!("{} → {}", word(before), word(after)), 60)],
            more: 0,
        });
    }
    let (was, is) = (&before.values, &after.values);
    let values = |from: &[String], to: &[String]| lacking(from, to, value);
    let names = |from: &[String], to: &[String]| lacking(from, to, |name| line(name, 60));
    let (old, new) = (&before.autonomy, &after.autonomy);
    let asks = |card: &AlignmentCard| -> Vec<String> {
        let asks = card.autonomy.escalation_triggers.iter();
        asks.map(|asked| asked.condition.clone()).collect()
    };
    let (asked, asks) = (asks(before), asks(after));
    for (what, sign, (all, more)) in [
        ("Holds dear", "+", values(&was.declared, &is.declared)),
        ("Holds dear", "−", values(&is.declared, &was.declared)),
        (
            "Will not work for",
            "+",
            values(&was.conflicts_with, &is.conflicts_with),
        ),
        (
            "Will not work for",
            "−",
            values(&is.conflicts_with, &was.conflicts_with),
        ),
        (
            "May do by itself",
            "+",
            names(&old.bounded_actions, &new.bounded_actions),
        ),
        (
            "May do by itself",
            "−",
            names(&new.bounded_actions, &old.bounded_actions),
        ),
        ("Must ask a person", "+", names(&asked, &asks)),
        ("Must ask a person", "−", names(&asks, &asked)),
        (
            "Must not use",
            "+",
            names(&old.forbidden_actions, &new.forbidden_actions),
        ),
        (
            "Must not use",
            "−",
            names(&new.forbidden_actions, &old.forbidden_actions),
        ),
    ] {
        if !all.is_empty() {
            found.push(Change {
                what,
                sign,
                names: all,
                more,
            });
        }
    }
    let other = others(before, after);
    if !other.is_empty() {
        found.push(Change {
            what: "Says otherwise",
            sign: "",
            more: other.len().saturating_sub(NAMED),
            names: other.iter().take(NAMED).map(|key| line(key, 60)).collect(),
        });
    }
    found
}

/// What of `to` is not in `from`, and how much more than is named.
fn lacking(from: &[String], to: &[String], shown: impl Fn(&str) -> Shown) -> (Vec<Shown>, usize) {
    let new: Vec<&String> = to.iter().filter(|name| !from.contains(name)).collect();
    let names = new.iter().take(NAMED).map(|name| shown(name)).collect();
    (names, new.len().saturating_sub(NAMED))
}

/// Members of the card, by their names on the wire, that differ and are not told otherwise.
fn others(before: &AlignmentCard, after: &AlignmentCard) -> Vec<String> {
    let members = |card: &AlignmentCard| match serde_json::to_value(card) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let (before, after) = (members(before), members(after));
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| before.get(*name) != after.get(*name));
    names.retain(|name| !APART.contains(&name.as_str()) && *name != "autonomy_mode");
    names.into_iter().cloned().collect()
}
