//! Reading hook JSON: leniently about what we do not need, strictly about what is judged.

use std::fmt;

use aap::ToolCall;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Dialect;
use crate::event::{Ended, Event, Seen, SessionChange, SessionKey};

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

/// The call with its parameters. Where somebody waits for a verdict, parameters that no parser follows cannot be judged.
pub(super) fn with_params(
    mut call: ToolCall,
    params: Result<Value, String>,
    waits: bool,
) -> Result<ToolCall, Unreadable> {
    match params {
        Ok(params) => call.params = params,
        Err(what) if waits => {
            return Err(Unreadable {
                what,
                call: Some(Box::new(call)),
            });
        }
        Err(what) => call.params = json!({ "unreadable": what }),
    }
    Ok(call)
}

/// The parameters that will be judged. Those that no parser follows cannot be judged.
pub(super) fn params(raw: Option<&RawValue>) -> Result<Value, String> {
    match raw {
        None => Ok(Value::Object(Map::new())),
        Some(raw) => serde_json::from_str(raw.get()).map_err(|error| {
            format!("the parameters cannot be read, so they cannot be judged: {error}")
        }),
    }
}

/// As [`params`], of an agent that may write them as a text that holds JSON.
pub(super) fn params_in_text(raw: Option<&RawValue>) -> Result<Value, String> {
    match params(raw)? {
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Null) => Ok(Value::Object(Map::new())),
            Ok(params) => Ok(params),
            Err(_) if text.trim().is_empty() => Ok(Value::Object(Map::new())),
            // Other parsers may follow what ours does not.
            Err(error) if text.trim_start().starts_with(['{', '[']) => Err(format!(
                "the parameters cannot be read, so they cannot be judged: {error}"
            )),
            // A text that is no JSON is what the tool gets.
            Err(_) => Ok(Value::String(text)),
        },
        Value::Null => Ok(Value::Object(Map::new())),
        params => Ok(params),
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

/// As [`result`], of an agent that may write it as a text that holds JSON.
pub(super) fn result_in_text(raw: Option<&RawValue>) -> Value {
    match result(raw) {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        result => result,
    }
}

/// An error in words: its text, or its message where it is an object, else as it stands. Null and no words are none.
pub(super) fn error(error: Option<Value>) -> Option<String> {
    match error? {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
        Value::Object(mut fields) => Some(match fields.remove("message") {
            Some(Value::String(text)) => text,
            Some(other) => {
                fields.insert("message".to_owned(), other);
                Value::Object(fields).to_string()
            }
            None => Value::Object(fields).to_string(),
        }),
        other => Some(other.to_string()),
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

/// It did not run: the user, or the agent's own rules, had it stopped.
pub(super) fn blocked(reason: Option<String>) -> Seen {
    Seen {
        ended: Ended::Blocked,
        result: Value::Null,
        error: reason,
        exit_code: None,
        duration_ms: None,
    }
}

/// That something happened to a session; without its id that is nobody's.
pub(super) fn session(dialect: Dialect, id: Option<&str>, change: SessionChange) -> Event {
    id.map_or(Event::Other, |id| {
        Event::Session(SessionKey::new(dialect.name(), id), change)
    })
}

/// Longest text that a failed result is shortened to where it stands for its error.
const MAX_ERROR_CHARS: usize = 400;

/// What a failed result says, in words: its texts as MCP writes them, or its text, else as it stands.
pub(super) fn content(result: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let parts = result.get("content").and_then(Value::as_array);
    let said = parts.map(|parts| {
        let texts: Vec<_> = parts
            .iter()
            .filter_map(|part| text(part.get("text")?))
            .collect();
        texts.join(" ")
    });
    let said = said
        .filter(|said| !said.is_empty())
        .or_else(|| text(result))
        .or_else(|| text(result.get("textResultForLlm")?))
        .or_else(|| text(result.get("text_result_for_llm")?))
        .unwrap_or_else(|| match result {
            Value::Null => "Failed; no error was told".to_owned(),
            other => other.to_string(),
        });
    // Masked before it is cut: half a secret is not known for one.
    let masked = redact::Redactor::new(redact::Level::None).text(&said);
    masked.chars().take(MAX_ERROR_CHARS).collect()
}

/// A text, or a number as one. Anything else is as if it were not there: an id of an odd type is no reason not to judge.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match from.deserialize_any(Scalar)? {
        Plain::Text(text) => Some(text),
        Plain::Number(number) => Some(number.to_string()),
        Plain::Flag(_) | Plain::Other => None,
    })
}

/// A number; anything else is as if it were not there.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Ok(match from.deserialize_any(Scalar)? {
        Plain::Number(number) => number.as_f64(),
        _ => None,
    })
}

/// Yes or no; anything else is as if it were not there.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match from.deserialize_any(Scalar)? {
        Plain::Flag(flag) => Some(flag),
        _ => None,
    })
}

enum Plain {
    Text(String),
    Number(serde_json::Number),
    Flag(bool),
    Other,
}

struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Plain, E> {
        Ok(Plain::Text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(Plain::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(Plain::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Plain::Other, Plain::Number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Plain, E> {
        Ok(Plain::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Plain::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Plain, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Plain::Other)
    }
}
