//! The machine's clock and randomness, here and nowhere below.

use std::time::{SystemTime, UNIX_EPOCH};

use aap::{StreamId, Timestamp, TraceId};
use uuid::Uuid;

/// Milliseconds since the epoch by the machine's clock.
pub fn now() -> Timestamp {
    let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Timestamp::from_millis(ms)
}

/// `N` random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: nothing can be signed or salted then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new trace id: UUID version 7 of `at`.
pub fn trace_id(at: Timestamp) -> TraceId {
    let ms = u64::try_from(at.millis()).unwrap_or(0);
    TraceId::from(uuid::Builder::from_unix_timestamp_millis(ms, &random()).into_uuid())
}

/// A new stream id: UUID version 4.
pub fn stream_id() -> StreamId {
    StreamId::from(Uuid::from_bytes(
        *uuid::Builder::from_random_bytes(random())
            .as_uuid()
            .as_bytes(),
    ))
}

/// A new salt: 128 random bits in hexadecimal.
pub fn salt() -> String {
    Uuid::from_bytes(random()).as_simple().to_string()
}
