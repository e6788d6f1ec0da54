//! Ids of sessions, runs and calls.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// A new UUID of version 7: ids of a conversation sort by time.
pub(super) fn unique() -> Uuid {
    let mut random = [0; 10];
    // Without the system's random source there are no keys and no TLS either; nothing could go on.
    getrandom::fill(&mut random).expect("the system's random source answers");
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        });
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
