//! Errors in OpenAI's shape and with its statuses, so that its clients raise what they have for each.

use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::agent::{Answer, Busy};
use crate::model::ErrorKind;

/// What OpenAI's clients obey before they look at the status: they try again by themselves at 408, 409, 429 and 5xx.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// When it is worth to come back to a gateway that has too much to do.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// An error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenAiError {
    status: StatusCode,
    message: String,
    param: Option<String>,
    code: Option<&'static str>,
    retry_after: Option<Duration>,
    /// Whether asking again cannot help, or would do something a second time.
    is_final: bool,
}

impl OpenAiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry_after: None,
            is_final: false,
        }
    }

    /// Something in the request is wrong; `param` names it, `messages[1].content` for instance.
    pub(super) fn param(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::new(StatusCode::BAD_REQUEST, message)
        }
    }

    /// The model could not answer. Where the agent has `acted` before, the same request would make its calls once more.
    pub(super) fn failed(answer: &Answer, acted: bool) -> Self {
        let Some(failure) = answer.failure else {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Self {
                is_final: acted,
                ..Self::new(status, answer.reply.text()).code("gateway_failed")
            };
        };
        let (status, code) = match failure.kind {
            ErrorKind::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
            ErrorKind::Billing => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
            ErrorKind::UnknownModel => (StatusCode::NOT_FOUND, "model_not_found"),
            ErrorKind::ContextLength => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
            ErrorKind::Picture => (StatusCode::BAD_REQUEST, "model_refused_picture"),
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "model_refused_request"),
            ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "model_timeout"),
            // The key that is wrong is the operator's: 401 would send the client to look for its own.
            ErrorKind::Auth => (StatusCode::BAD_GATEWAY, "model_unauthorized"),
            ErrorKind::Overloaded | ErrorKind::Network | ErrorKind::Protocol => {
                (StatusCode::BAD_GATEWAY, "model_failed")
            }
        };
        let param = match failure.kind {
            ErrorKind::UnknownModel => Some("model".to_owned()),
            ErrorKind::ContextLength | ErrorKind::Picture => Some("messages".to_owned()),
            _ => None,
        };
        Self {
            param,
            retry_after: failure.retry_after,
            is_final: acted || !failure.kind.is_passing(),
            ..Self::new(status, answer.reply.text()).code(code)
        }
    }

    /// The gateway has too much to do, and has begun nothing.
    pub(super) fn busy(busy: Busy) -> Self {
        Self {
            retry_after: Some(BUSY_FOR),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, busy.to_string()).code("gateway_busy")
        }
    }

    /// There is nobody to answer.
    pub(super) fn no_model() -> Self {
        let text = "no language model is configured: set ANTHROPIC_API_KEY or another provider's key, or add a section \
            `[providers.NAME]` to smoltbot.toml, and start the gateway again";
        Self {
            is_final: true,
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text).code("no_model")
        }
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn body(&self) -> Value {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            429 if self.code == Some("insufficient_quota") => "insufficient_quota",
            429 => "rate_limit_error",
            status if status < 500 => "invalid_request_error",
            _ => "server_error",
        };
        json!({"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}})
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            // A second too late is better than one too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is_final {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_gateway_says_when_to_come_back() {
        let response = OpenAiError::busy(Busy::Runs).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert!(
            !response.headers().contains_key(SHOULD_RETRY),
            "nothing was begun"
        );
    }
}
