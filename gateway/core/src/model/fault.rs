//! What went wrong, before it is known with whom: made to a [`ModelError`] where an answer ends.

mod waiting;

use std::time::Duration;

use serde_json::Value;

use super::gather::clip;
use super::{ErrorKind, Key, ModelError};
use crate::limits::MAX_ERROR_BYTES;
pub(super) use waiting::retry_after;

/// A failure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
            message: message.into(),
        }
    }

    /// Something came that the provider's API does not have.
    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// What its caller is told.
    pub(super) fn into_error(self, provider: &str, key: Option<&Key>, begun: bool) -> ModelError {
        let hidden = key.map_or_else(|| self.message.clone(), |key| key.hide_in(&self.message));
        let words: Vec<&str> = hidden
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        ModelError {
            provider: provider.to_owned(),
            kind: self.kind,
            status: self.status,
            retry_after: self.retry_after,
            message: short(&words.join(" ")),
            begun,
        }
    }
}

/// `text` in at most [`MAX_ERROR_BYTES`], and a sign where it goes on.
pub(super) fn short(text: &str) -> String {
    if text.len() <= MAX_ERROR_BYTES {
        return text.to_owned();
    }
    format!("{}…", clip(text, MAX_ERROR_BYTES - '…'.len_utf8()))
}

/// What a provider says of a failure, in whichever of their shapes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// Its words.
    pub(super) message: String,
    /// Its own sorts of failure, `type` and `code`.
    sorts: Vec<String>,
    /// A status that it tells inside a stream.
    code: Option<u16>,
}

impl Told {
    /// Reads an error object, or what one is in: `{"error": {"message", "type", "code"}}`, `{"error": "…"}`, `{"message"}`,
    /// `{"detail"}`, or a list of these.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(message) => Some(Self {
                message: message.clone(),
                ..Self::default()
            }),
            Value::Array(list) => list.first().and_then(Self::read),
            Value::Object(object) => {
                if let Some(inner) = object.get("error").filter(|inner| !inner.is_null()) {
                    return Self::read(inner);
                }
                let message = ["message", "detail", "msg"]
                    .iter()
                    .find_map(|key| object.get(*key))?;
                let message = message
                    .as_str()
                    .map_or_else(|| message.to_string(), str::to_owned);
                let sorts = ["type", "code", "status"].iter();
                let sorts = sorts.filter_map(|key| object.get(*key)?.as_str());
                let code = object.get("code").and_then(Value::as_u64);
                Some(Self {
                    message,
                    sorts: sorts.map(str::to_ascii_lowercase).collect(),
                    code: code.and_then(|code| u16::try_from(code).ok()),
                })
            }
            _ => None,
        }
    }

    fn is(&self, sorts: &[&str]) -> bool {
        self.sorts.iter().any(|sort| sorts.contains(&sort.as_str()))
    }
}

/// What can be done about a failure that came with `status`, or inside a stream.
pub(super) fn kind(status: Option<u16>, told: &Told) -> ErrorKind {
    let status = status.or(told.code.filter(|code| (400..600).contains(code)));
    let words = told.message.to_ascii_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if told.is(&[
        "insufficient_quota",
        "billing_error",
        "insufficient_credits",
    ]) || says(&[
        "credit balance",
        "insufficient balance",
        "insufficient credits",
    ]) {
        return ErrorKind::Billing;
    }
    let long = told.is(&["context_length_exceeded", "request_too_large"])
        || says(&[
            "prompt is too long",
            "maximum context length",
            "context window",
            "context length",
            "context size",
            "input is too long",
        ]);
    if long && matches!(status, None | Some(400 | 413 | 422 | 500)) {
        return ErrorKind::ContextLength;
    }
    let unknown = told.is(&["model_not_found", "not_found_error"])
        || says(&[
            "not a valid model",
            "model not found",
            "model does not exist",
        ]);
    let unkeyed = told.is(&["invalid_api_key", "authentication_error"])
        || says(&["api key not valid", "incorrect api key", "invalid api key"]);
    match status {
        Some(400 | 404 | 422) | None if unknown => ErrorKind::UnknownModel,
        Some(400 | 401 | 403) | None if unkeyed => ErrorKind::Auth,
        Some(401 | 403) => ErrorKind::Auth,
        Some(402) => ErrorKind::Billing,
        Some(404) => ErrorKind::UnknownModel,
        Some(408) => ErrorKind::Timeout,
        Some(413) => ErrorKind::ContextLength,
        Some(429) => ErrorKind::RateLimit,
        Some(409 | 425 | 500..=599) => ErrorKind::Overloaded,
        Some(300..=499) => ErrorKind::Invalid,
        Some(_) => ErrorKind::Protocol,
        None if told.is(&["permission_error", "permission_denied"]) => ErrorKind::Auth,
        None if told.is(&[
            "rate_limit_error",
            "rate_limit_exceeded",
            "resource_exhausted",
        ]) =>
        {
            ErrorKind::RateLimit
        }
        None if told.is(&["timeout_error"]) => ErrorKind::Timeout,
        None if told.is(&["invalid_request_error", "invalid_request"]) => ErrorKind::Invalid,
        // "overloaded_error", "api_error", "server_error", or only words: it failed in the middle of its work.
        None => ErrorKind::Overloaded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_read_in_every_shape() {
        for (value, message) in [
            (
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
                "Overloaded",
            ),
            (
                json!({"error": "model \"x\" not found"}),
                "model \"x\" not found",
            ),
            (
                json!([{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]),
                "API key not valid.",
            ),
            (
                json!({"object": "error", "message": "too long"}),
                "too long",
            ),
            (json!({"detail": [{"msg": "bad"}]}), "[{\"msg\":\"bad\"}]"),
        ] {
            assert_eq!(Told::read(&value).unwrap().message, message);
        }
        assert_eq!(Told::read(&json!({"a": 1})), None);
    }

    #[test]
    fn kinds_follow_status_sort_and_words() {
        let told = |error: Value| Told::read(&error).unwrap();
        for (status, error, expected) in [
            (
                Some(401),
                json!({"message": "x", "type": "invalid_request_error", "code": "invalid_api_key"}),
                ErrorKind::Auth,
            ),
            (
                Some(400),
                json!({"message": "API key not valid. Please pass a valid API key."}),
                ErrorKind::Auth,
            ),
            (
                Some(400),
                json!({"message": "Your credit balance is too low"}),
                ErrorKind::Billing,
            ),
            (Some(402), json!("pay"), ErrorKind::Billing),
            (
                Some(429),
                json!({"message": "x", "code": "insufficient_quota"}),
                ErrorKind::Billing,
            ),
            (
                Some(429),
                json!({"message": "too many tokens for this context window a minute"}),
                ErrorKind::RateLimit,
            ),
            (
                Some(400),
                json!({"message": "prompt is too long: 210000 tokens > 200000 maximum"}),
                ErrorKind::ContextLength,
            ),
            (
                Some(400),
                json!({"message": "x", "code": "context_length_exceeded"}),
                ErrorKind::ContextLength,
            ),
            (Some(413), json!("x"), ErrorKind::ContextLength),
            (
                Some(404),
                json!({"message": "x", "type": "not_found_error"}),
                ErrorKind::UnknownModel,
            ),
            (
                Some(400),
                json!({"message": "x/y is not a valid model ID"}),
                ErrorKind::UnknownModel,
            ),
            (Some(400), json!("bad"), ErrorKind::Invalid),
            (Some(422), json!("bad"), ErrorKind::Invalid),
            (Some(302), json!("elsewhere"), ErrorKind::Invalid),
            (Some(529), json!("x"), ErrorKind::Overloaded),
            (Some(500), json!("x"), ErrorKind::Overloaded),
            (
                None,
                json!({"message": "x", "type": "overloaded_error"}),
                ErrorKind::Overloaded,
            ),
            (
                None,
                json!({"message": "x", "type": "rate_limit_error"}),
                ErrorKind::RateLimit,
            ),
            (
                None,
                json!({"message": "x", "code": 429}),
                ErrorKind::RateLimit,
            ),
            (
                None,
                json!({"message": "x", "type": "authentication_error"}),
                ErrorKind::Auth,
            ),
            (
                None,
                json!({"message": "x", "type": "invalid_request_error"}),
                ErrorKind::Invalid,
            ),
            (None, json!("something broke"), ErrorKind::Overloaded),
        ] {
            let told = told(error);
            assert_eq!(kind(status, &told), expected, "{status:?} {told:?}");
        }
    }

    #[test]
    fn an_error_is_short_and_without_the_key() {
        let key = Key::new("sk-1");
        let long = format!("bad sk-1\n\t{}", "é".repeat(MAX_ERROR_BYTES));
        let error = Fault::protocol(long).into_error("openai", Some(&key), true);
        assert!(error.message.starts_with("bad [the key] éé"), "{error}");
        assert!(error.message.len() <= MAX_ERROR_BYTES);
        assert!(error.message.ends_with('…'));
        assert!(error.begun);
    }
}
