//! What a request fails with, in the words of either dialect.

use serde_json::{Value, json};

/// The two ways of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `auth.mode`, `ping`, `chat.send` that answers with the content.
    Simple,
    /// OpenClaw's, versions 3 and 4.
    OpenClaw,
}

/// Sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// A frame or a handshake that is not what the protocol has.
    Protocol,
    /// Who asks has not shown the token.
    Auth,
    /// There is no such method.
    NoMethod,
    /// The parameters are wrong.
    Params,
    /// What is asked for is not there.
    NotFound,
    /// The gateway fails.
    Internal,
    /// The model fails.
    Model,
    /// A frame of too many bytes.
    TooLarge,
    /// Not in this version, or not now.
    Unavailable,
    /// A device that must be paired first.
    NotPaired,
}

impl Code {
    /// Its name in `dialect`. OpenClaw's has few, so ours goes into the details.
    fn name(self, dialect: Dialect) -> &'static str {
        match (dialect, self) {
            (Dialect::Simple, _) | (_, Self::TooLarge) => self.own(),
            (_, Self::NotPaired) => "NOT_PAIRED",
            (_, Self::Internal | Self::Model | Self::Unavailable) => "UNAVAILABLE",
            (Dialect::OpenClaw, _) => "INVALID_REQUEST",
        }
    }

    fn own(self) -> &'static str {
        match self {
            Self::Protocol => "PROTOCOL_ERROR",
            Self::Auth => "AUTH_FAILED",
            Self::NoMethod => "METHOD_NOT_FOUND",
            Self::Params => "INVALID_PARAMS",
            Self::NotFound => "NOT_FOUND",
            Self::Internal => "INTERNAL_ERROR",
            Self::Model => "LLM_ERROR",
            Self::TooLarge => "PAYLOAD_TOO_LARGE",
            Self::Unavailable => "UNAVAILABLE",
            Self::NotPaired => "NOT_PAIRED",
        }
    }
}

/// Why a request fails.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    code: Code,
    message: String,
    details: Option<Box<Value>>,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
        }
    }

    /// With something for programs.
    pub(super) fn with(self, details: Value) -> Self {
        Self {
            details: Some(Box::new(details)),
            ..self
        }
    }

    /// Its words.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The `error` of a response.
    pub(super) fn told(&self, dialect: Dialect) -> Value {
        let mut told = json!({"code": self.code.name(dialect), "message": self.message});
        if let Some(details) = &self.details {
            told["details"] = details.as_ref().clone();
        } else if dialect == Dialect::OpenClaw {
            told["details"] = json!({"code": self.code.own()});
        }
        if dialect == Dialect::OpenClaw && self.code == Code::Unavailable {
            told["retryable"] = json!(false);
        }
        told
    }
}

impl From<crate::sessions::SessionsError> for Fault {
    fn from(error: crate::sessions::SessionsError) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

impl From<crate::agent::Busy> for Fault {
    fn from(error: crate::agent::Busy) -> Self {
        Self::new(Code::Unavailable, error.to_string())
    }
}
