//! AAP's conditions of escalation triggers: `action_type == "x"`, `field <op> number`, or a bare word. What cannot be parsed never
//! fires, as in both reference SDKs.
//!
//! Where the SDKs disagree this is TypeScript's reading, but for what JavaScript alone would do: numbers are read as a whole (not the
//! `12` of `12,000`), an empty list is no yes, and a field that every JavaScript object has (`toString`) is no field of the trace.
//!
//! The words of the language are those that cards are checked by ([`crate::card::condition`]); here a field may have letters of any
//! script.

use serde_json::Value;

use crate::card::condition::{comparison, number, truthy};

/// Whether `condition` holds for `trace`.
pub(crate) fn fires(condition: &str, trace: &Value) -> bool {
    if let Some(wanted) = action_type(condition) {
        return trace.pointer("/action/type").and_then(Value::as_str) == Some(wanted);
    }
    if let Some((field, operator, limit)) = comparison(condition.trim(), is_word) {
        let places = ["/context", "/context/metadata", "/action/parameters"];
        return lookup(field, &places, trace)
            .and_then(number)
            .is_some_and(|value| operator.holds(value, limit));
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

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The first of `places` that holds `field` as anything but null.
fn lookup<'a>(field: &str, places: &[&str], trace: &'a Value) -> Option<&'a Value> {
    places
        .iter()
        .filter_map(|place| trace.pointer(place)?.get(field))
        .find(|value| !value.is_null())
}
