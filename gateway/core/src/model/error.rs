//! How a model fails, sorted by what can be done about it.

use std::time::Duration;

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{message}", before(provider))]
pub struct ModelError {
    /// The provider's name.
    pub provider: String,
    /// What can be done about it.
    pub kind: ErrorKind,
    /// The HTTP status that told it, where one did.
    pub status: Option<u16>,
    /// When the provider says that it may be asked again.
    pub retry_after: Option<Duration>,
    /// What happened, in words for the person who asked; never a key, at most [`crate::limits::MAX_ERROR_BYTES`].
    pub message: String,
    /// Whether words of the answer went out before: then the same question must not be put to another.
    pub begun: bool,
}

/// The name of all providers together, whose message names each.
pub(super) const ALL_PROVIDERS: &str = "models";

fn before(provider: &str) -> String {
    if provider == ALL_PROVIDERS {
        return String::new();
    }
    format!("{provider}: ")
}

/// Sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The key is missing or wrong: nobody but the operator can help.
    Auth,
    /// No credit is left.
    Billing,
    /// Too many requests; later it works again.
    RateLimit,
    /// The provider has too much to do, or fails on its own account (5xx, 529).
    Overloaded,
    /// It can't be reached, or the connection broke.
    Network,
    /// It said nothing for too long.
    Timeout,
    /// The conversation is too long for this model.
    ContextLength,
    /// The model takes no pictures, or not one of those that it was shown.
    Picture,
    /// It has no such model.
    UnknownModel,
    /// The request itself is wrong (400, 422).
    Invalid,
    /// What came back is not what its API promises, or more than we take.
    Protocol,
}

impl ErrorKind {
    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::ContextLength => "context_length",
            Self::Picture => "picture",
            Self::UnknownModel => "unknown_model",
            Self::Invalid => "invalid",
            Self::Protocol => "protocol",
        }
    }

    /// Whether the same request may work with the same provider in a moment.
    pub const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::RateLimit | Self::Overloaded | Self::Network | Self::Timeout | Self::Protocol
        )
    }
}
