//! Reading single fields, with errors that name the field.

use super::Facts;
use crate::json::{Json, Members};
use crate::limits::{MAX_DEPTH, MAX_ID_CHARS, MAX_TOOL_NAME_CHARS, MAX_TRACE_BYTES};
use crate::nul;
use crate::trace::ActionType;

pub(super) fn named(fields: &Members<'_>, key: &str) -> Option<String> {
    let text = fields.get(key)?.as_str()?;
    Some(text.chars().take(MAX_ID_CHARS).collect())
}

pub(super) fn required<'a>(fields: &'a Members<'_>, key: &str) -> Result<&'a str, String> {
    match fields.get(key) {
        Some(Json::Text(text)) if !text.is_empty() => Ok(text),
        Some(Json::Text(_)) => Err(format!("{key} is empty")),
        Some(_) => Err(format!("{key} is not a string")),
        None => Err(format!("{key} is missing")),
    }
}

pub(super) fn id<T: std::str::FromStr>(fields: &Members<'_>, key: &str) -> Result<T, String> {
    required(fields, key)?
        .parse()
        .map_err(|_| format!("{key} is not a UUID such as 0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a"))
}

pub(super) fn object<'a, 'b>(
    fields: &'a Members<'b>,
    key: &str,
) -> Result<&'a Members<'b>, String> {
    match fields.get(key) {
        Some(Json::Object(object)) => Ok(object),
        Some(_) => Err(format!("{key} is not an object")),
        None => Err(format!("{key} is missing")),
    }
}

pub(super) fn optional(fields: &Members<'_>, key: &str) -> Option<String> {
    fields
        .get(key)
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

pub(super) fn strings(fields: &Members<'_>, key: &str) -> Vec<String> {
    fields
        .get(key)
        .and_then(Json::as_list)
        .map(|items| {
            items
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect()
        })
        .unwrap_or_default()
}

pub(super) fn reason(action_type: ActionType, metadata: &Members<'_>) -> Option<String> {
    let keys: &[&str] = match action_type {
        ActionType::Error => &["error", "error_message", "conscience_reason"],
        _ => &["conscience_reason", "error_message"],
    };
    keys.iter().find_map(|key| optional(metadata, key))
}

/// The limits of names and ids, and characters that no store can hold.
pub(super) fn limits(facts: &Facts) -> Result<(), String> {
    // Of a trace whose content is held back these are all the texts there are.
    let rule_id = facts.rule_id.as_deref().unwrap_or_default();
    for (key, text) in [
        ("tool_name", facts.tool_name.as_str()),
        ("rule_id", rule_id),
    ] {
        if text.contains('\0') {
            return Err(nul::complaint(key));
        }
    }
    if facts.tool_name.chars().count() > MAX_TOOL_NAME_CHARS {
        return Err(format!(
            "tool_name is longer than {MAX_TOOL_NAME_CHARS} characters"
        ));
    }
    for (key, value) in [
        ("session_id", &facts.session_id),
        ("rule_id", &facts.rule_id),
    ] {
        if value
            .as_ref()
            .is_some_and(|value| value.chars().count() > MAX_ID_CHARS)
        {
            return Err(format!("{key} is longer than {MAX_ID_CHARS} characters"));
        }
    }
    Ok(())
}

/// The document as it is stored, if it is within the limits and clean.
pub(super) fn whole(
    document: &Json<'_>,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    if document.depth() > MAX_DEPTH {
        return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
    }
    let text = document.to_text();
    if text.len() > MAX_TRACE_BYTES {
        return Err(format!(
            "the trace is {} bytes; the limit is {MAX_TRACE_BYTES}",
            text.len()
        ));
    }
    // The values that the search takes are made only where it may find something.
    if nul::is_written(&text)
        && let Some(place) = nul::find(&document.to_value(), &text)
    {
        return Err(nul::complaint(&place));
    }
    match secret(&text) {
        Some(rule) => Err(format!(
            "it holds a secret (rule {rule}); redact it before it is sent"
        )),
        None => Ok(text),
    }
}
