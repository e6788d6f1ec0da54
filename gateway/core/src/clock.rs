//! Time and ids of the gateway.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aap::Timestamp;
use uuid::{Builder, Uuid};

/// Tells the milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Now, as traces write it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(now_ms())
}

/// A new UUID of version 7: ids of a conversation sort by time.
pub(crate) fn unique() -> Uuid {
    let mut random = [0; 10];
    // Without the system's random source there are no keys and no TLS either; nothing could go on.
    getrandom::fill(&mut random).expect("the system's random source answers");
    let millis = u64::try_from(now_ms()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_unique_and_carry_their_time() {
        let (one, other) = (super::unique(), super::unique());
        assert_ne!(one, other);
        assert_eq!(one.get_version_num(), 7);
        assert_eq!(one.get_variant(), uuid::Variant::RFC4122);
    }
}
