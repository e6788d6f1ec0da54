//! AAP's verification of a trace against a card, as its reference verifiers do it.
//!
//! The order and the severities are those of AAP 2.0: card reference, expiry, autonomy, forbidden actions, escalation,
//! values. Only structure is checked; whether a card's words are lived up to is more than this can tell.

use serde_json::Value;

use crate::card::{AlignmentCard, listed};
use crate::timestamp::Timestamp;

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A value that the card does not declare.
    Medium,
    /// Outside the bounds, or not escalated.
    High,
    /// Another card, or a forbidden action.
    Critical,
}

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// AAP's name for it, such as `forbidden_action`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// In words.
    pub description: String,
}

fn violation(kind: &'static str, severity: Severity, description: String) -> Violation {
    Violation {
        kind,
        severity,
        description,
    }
}

/// Every violation of `card` in `trace`; none means verified.
pub fn verify(trace: &Value, card: &AlignmentCard) -> Vec<Violation> {
    let text = |pointer: &str| {
        trace
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut found = Vec::new();
    if text("/card_id") != card.card_id {
        found.push(violation(
            "card_mismatch",
            Severity::Critical,
            format!(
                "the trace names card {}, this is {}",
                text("/card_id"),
                card.card_id
            ),
        ));
    }
    let at = Timestamp::parse(text("/timestamp")).ok();
    if let (Some(expires), Some(at)) = (card.expires_at, at)
        && at > expires
    {
        found.push(violation(
            "card_expired",
            Severity::High,
            format!("the card expired at {expires}"),
        ));
    }
    let names: Vec<&str> = text("/action/name").split(", ").collect();
    if text("/action/category") == "bounded" {
        let outside = names
            .iter()
            .filter(|name| !listed(&card.autonomy.bounded_actions, name));
        found.extend(outside.map(|name| {
            violation(
                "unbounded_action",
                Severity::High,
                format!("{name} is not among the bounded actions"),
            )
        }));
    }
    let forbidden = names
        .iter()
        .filter(|name| listed(&card.autonomy.forbidden_actions, name));
    found.extend(forbidden.map(|name| {
        violation(
            "forbidden_action",
            Severity::Critical,
            format!("{name} is forbidden by the card"),
        )
    }));
    let required = trace
        .pointer("/escalation/required")
        .and_then(Value::as_bool)
        == Some(true);
    if !required {
        let fired = card
            .autonomy
            .escalation_triggers
            .iter()
            .filter(|trigger| fires(&trigger.condition, trace));
        found.extend(fired.map(|trigger| {
            violation(
                "missed_escalation",
                Severity::High,
                format!("`{}` holds and nobody was asked", trigger.condition),
            )
        }));
    }
    let applied = trace
        .pointer("/decision/values_applied")
        .and_then(Value::as_array);
    for value in applied.into_iter().flatten().filter_map(Value::as_str) {
        if !card.declares(value) {
            found.push(violation(
                "undeclared_value",
                Severity::Medium,
                format!("{value} is not declared on the card"),
            ));
        }
    }
    found
}

/// AAP's conditions: `action_type == "x"`, `field <op> number`, or a bare word. What it cannot parse never fires.
fn fires(condition: &str, trace: &Value) -> bool {
    let condition = condition.trim();
    if let Some(wanted) = action_type(condition) {
        return trace.pointer("/action/type").and_then(Value::as_str) == Some(wanted);
    }
    if let Some((field, operator, limit)) = comparison(condition) {
        let places = ["/context", "/context/metadata", "/action/parameters"];
        return lookup(field, &places, trace)
            .and_then(number)
            .is_some_and(|value| holds(value, operator, limit));
    }
    is_word(condition)
        && lookup(condition, &["/context", "/context/metadata"], trace).is_some_and(truthy)
}

/// The `x` of `action_type == "x"`; whatever stands behind it is not looked at.
fn action_type(condition: &str) -> Option<&str> {
    let rest = condition.strip_prefix("action_type")?.trim_start();
    let quoted = rest.strip_prefix("==")?.trim_start().strip_prefix('"')?;
    let (wanted, _) = quoted.split_once('"')?;
    (!wanted.is_empty()).then_some(wanted)
}

/// Field, operator and number of `field <op> number`.
fn comparison(condition: &str) -> Option<(&str, &str, f64)> {
    let is_operator = |c: char| matches!(c, '>' | '<' | '=' | '!');
    let start = condition.find(is_operator)?;
    let (field, rest) = condition.split_at(start);
    let end = rest.find(|c| !is_operator(c))?;
    let (operator, limit) = rest.split_at(end);
    let (field, limit) = (field.trim_end(), limit.trim_start());
    let plain = limit.starts_with(|c: char| c.is_ascii_digit())
        && limit.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_word(field) && plain).then(|| Some((field, operator, limit.parse().ok()?)))?
}

#[expect(clippy::float_cmp, reason = "AAP compares exactly")]
fn holds(value: f64, operator: &str, limit: f64) -> bool {
    match operator {
        ">=" => value >= limit,
        "<=" => value <= limit,
        ">" => value > limit,
        "<" => value < limit,
        "==" => value == limit,
        "!=" => value != limit,
        _ => false,
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A number, also one that is written as text.
fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// The first of `places` that holds `field` as anything but null.
fn lookup<'a>(field: &str, places: &[&str], trace: &'a Value) -> Option<&'a Value> {
    places
        .iter()
        .filter_map(|place| trace.pointer(place)?.get(field))
        .find(|value| !value.is_null())
}
