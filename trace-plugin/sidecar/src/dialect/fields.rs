//! Reading hook JSON: leniently about what we do not need, strictly about what is judged.

use aap::ToolCall;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A hook's object that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Unreadable {
    /// What is wrong with it.
    pub what: String,
    /// The call as far as it could be told, where somebody waits for a verdict: it cannot be judged, and is refused.
    pub call: Option<Box<ToolCall>>,
}

impl Unreadable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            call: None,
        }
    }
}

/// Reads an object of type `T`; unknown keys are ignored.
pub(super) fn object<'a, T: Deserialize<'a>>(
    line: &'a str,
    example: &str,
) -> Result<T, Unreadable> {
    serde_json::from_str(line).map_err(|error| {
        Unreadable::new(format!(
            "not a hook event: {error}. Expected an object such as {example}"
        ))
    })
}

/// The parameters that will be judged. Those that no parser follows cannot be judged.
pub(super) fn params(raw: Option<&RawValue>) -> Result<Value, String> {
    match raw {
        None => Ok(Value::Object(serde_json::Map::new())),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|error| {
            format!("the parameters cannot be read, so they cannot be judged: {error}")
        }),
    }
}

/// What was answered; nothing is decided by it, so what cannot be read is told as text.
pub(super) fn result(raw: Option<&RawValue>) -> Value {
    match raw {
        None => Value::Null,
        Some(raw) => serde_json::from_str(raw.get()).unwrap_or_else(|error| {
            Value::String(format!(
                "[unreadable result of {} bytes: {error}]",
                raw.get().len()
            ))
        }),
    }
}

/// A number of milliseconds, whole or not.
pub(super) fn millis(number: Option<f64>) -> Option<u64> {
    let number = number.filter(|number| number.is_finite() && *number >= 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped and not negative"
    )]
    Some(number.min(1e15).round() as u64)
}
