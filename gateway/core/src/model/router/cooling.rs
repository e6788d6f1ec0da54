//! How long who failed is left alone.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ErrorKind, ModelError};

/// After "too many requests" that did not say how long.
const RATE_LIMIT: Duration = Duration::from_secs(30);
/// After failures of the provider's own.
const OVERLOADED: Duration = Duration::from_secs(20);
/// While it can't be reached.
const NETWORK: Duration = Duration::from_secs(10);
/// After it said nothing: asking costs a long wait.
const TIMEOUT: Duration = Duration::from_mins(1);
/// After rubbish.
const PROTOCOL: Duration = Duration::from_secs(30);
/// Until an operator may have put in another key.
const AUTH: Duration = Duration::from_mins(10);
/// Until somebody may have paid.
const BILLING: Duration = Duration::from_mins(30);
/// Models appear seldom.
const UNKNOWN_MODEL: Duration = Duration::from_mins(10);

/// How long a failure of that kind keeps others from being sent there; none where the request is to blame.
pub(super) fn time(error: &ModelError) -> Option<Duration> {
    let usual = match error.kind {
        ErrorKind::RateLimit => return Some(error.retry_after.unwrap_or(RATE_LIMIT)),
        ErrorKind::Overloaded => OVERLOADED,
        ErrorKind::Network => NETWORK,
        ErrorKind::Timeout => TIMEOUT,
        ErrorKind::Protocol => PROTOCOL,
        ErrorKind::Auth => AUTH,
        ErrorKind::Billing => BILLING,
        ErrorKind::UnknownModel => UNKNOWN_MODEL,
        ErrorKind::ContextLength | ErrorKind::Picture | ErrorKind::Invalid => return None,
    };
    Some(usual.max(error.retry_after.unwrap_or_default()))
}

/// Whether the whole provider fails, and not only one of its models.
pub(super) fn is_of_provider(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Auth | ErrorKind::Billing | ErrorKind::Network | ErrorKind::Timeout
    )
}

/// A time of being left alone.
#[derive(Debug, Clone)]
pub(super) struct Cooling {
    pub(super) until: Instant,
    pub(super) kind: ErrorKind,
    pub(super) message: String,
}
