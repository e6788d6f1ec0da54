//! AAP's conditions of escalation triggers: `action_type == "x"`, `field <op> number`, or a bare word. What cannot be parsed never
//! fires, as in both reference SDKs.
//!
//! Where the SDKs disagree this is TypeScript's reading, but for what JavaScript alone would do: numbers are read as a whole (not the
//! `12` of `12,000`), an empty list is no yes, and a field that every JavaScript object has (`toString`) is no field of the trace.

use serde_json::Value;

/// Whether `condition` holds for `trace`.
pub(super) fn fires(condition: &str, trace: &Value) -> bool {
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
    let rest = condition
        .trim_start()
        .strip_prefix("action_type")?
        .trim_start();
    let quoted = rest.strip_prefix("==")?.trim_start().strip_prefix('"')?;
    let (wanted, _) = quoted.split_once('"')?;
    (!wanted.is_empty()).then_some(wanted)
}

/// Field, operator and number of `field <op> number`.
fn comparison(condition: &str) -> Option<(&str, &str, f64)> {
    let is_operator = |c: char| matches!(c, '>' | '<' | '=' | '!');
    let condition = condition.trim();
    let start = condition.find(is_operator)?;
    let (field, rest) = condition.split_at(start);
    let end = rest.find(|c| !is_operator(c))?;
    let (operator, limit) = rest.split_at(end);
    let (field, limit) = (field.trim_end(), limit.trim_start());
    (is_word(field) && is_plain_number(limit))
        .then(|| Some((field, operator, limit.parse().ok()?)))?
}

/// Digits, and at most one point with digits on both sides.
fn is_plain_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        None => digits(text),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    }
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
