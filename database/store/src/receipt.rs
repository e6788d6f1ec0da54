//! How traces were received.

use std::net::IpAddr;

use aap::Timestamp;
use aap::limits::{MAX_CLOCK_AHEAD_MS, MAX_TRACE_AGE_MS};

/// When a batch was received, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// When.
    pub at: Timestamp,
    /// The network that it came from, where that is known. A store keeps no more of it than a digest, out of readers' sight.
    pub network: Option<IpAddr>,
}

impl From<Timestamp> for Receipt {
    /// From nobody knows where.
    fn from(at: Timestamp) -> Self {
        Self { at, network: None }
    }
}

/// The time that a trace is listed under when it is received at `now`: its own, or `now` where its own is odd.
pub fn listed_at(timestamp: Timestamp, now: Timestamp) -> Timestamp {
    let ahead = timestamp.millis() - now.millis();
    if (-MAX_TRACE_AGE_MS..=MAX_CLOCK_AHEAD_MS).contains(&ahead) {
        timestamp
    } else {
        now
    }
}

/// Each value once, however often a trace names it.
pub fn distinct(values: &[String]) -> impl Iterator<Item = &str> {
    values
        .iter()
        .enumerate()
        .filter(|(index, value)| !values[..*index].contains(value))
        .map(|(_, value)| value.as_str())
}
