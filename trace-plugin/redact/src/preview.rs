//! The few bytes of a result that tell a reader most: its text, and whether it went well.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::limits::MAX_RESULT_PREVIEW_BYTES;
use crate::mask::{Hide, mask_and_cut};
use crate::redacted::Masks;
use crate::walk::mask_within;

/// Members that hold a result's text, by what agents and MCP servers call them.
const TEXTS: &[&str] = &[
    "stdout",
    "output",
    "text",
    "content",
    "aggregated",
    "result",
    "error",
    "message",
    "stderr",
];
/// Small scalars that tell how it went: what it is called in results, what we call it.
const SCALARS: &[(&str, &str)] = &[
    ("exitCode", "exit_code"),
    ("exit_code", "exit_code"),
    ("returnCode", "exit_code"),
    ("status", "status"),
    ("isError", "is_error"),
    ("is_error", "is_error"),
    ("interrupted", "interrupted"),
    ("timedOut", "timed_out"),
    ("timed_out", "timed_out"),
];
/// Bytes of a scalar that is a string.
const MAX_SCALAR_BYTES: usize = 48;
/// Bytes of a result without text that are written as JSON for its preview; four times what is shown.
const MAX_JSON_BYTES: usize = 4 * MAX_RESULT_PREVIEW_BYTES;

/// The text of a result; where it has none, its masked JSON.
pub(crate) fn text<'a>(result: &'a Value, hide: Hide<'_>, masks: &mut Masks) -> Cow<'a, str> {
    if let Some(text) = text_of(result) {
        return Cow::Borrowed(text);
    }
    let masked = mask_within(
        result,
        MAX_JSON_BYTES,
        MAX_RESULT_PREVIEW_BYTES,
        hide,
        masks,
    );
    Cow::Owned(masked.to_string())
}

fn text_of(result: &Value) -> Option<&str> {
    match result {
        Value::String(text) => Some(text),
        // MCP's content: the first part that is text.
        Value::Array(parts) => parts.iter().find_map(|part| {
            let is_text = part.get("type").and_then(Value::as_str) == Some("text");
            part.get("text").and_then(Value::as_str).filter(|_| is_text)
        }),
        Value::Object(members) => TEXTS
            .iter()
            .filter_map(|key| match members.get(*key)? {
                Value::String(text) => Some(text.as_str()),
                parts @ Value::Array(_) => text_of(parts),
                _ => None,
            })
            .find(|text| !text.is_empty()),
        _ => None,
    }
}

/// Adds the small scalars of a result and of its `details`.
pub(crate) fn scalars(
    result: &Value,
    hide: Hide<'_>,
    masks: &mut Masks,
    into: &mut Map<String, Value>,
) {
    for level in [Some(result), result.get("details")].into_iter().flatten() {
        for (theirs, ours) in SCALARS {
            let scalar = match level.get(*theirs) {
                Some(Value::Number(number))
                    if number.as_i64().is_some_and(|n| n.abs() < 1 << 32) =>
                {
                    number.clone().into()
                }
                Some(Value::Bool(truth)) => (*truth).into(),
                Some(Value::String(text)) if text.len() <= MAX_SCALAR_BYTES => {
                    mask_and_cut(text, MAX_SCALAR_BYTES, hide, masks).into()
                }
                _ => continue,
            };
            into.entry(*ours).or_insert(scalar);
        }
    }
}
