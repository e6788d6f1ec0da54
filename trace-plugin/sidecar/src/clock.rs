//! The machine's clock and randomness, here and nowhere below.

use std::sync::atomic::{AtomicU64, Ordering};
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

/// The machine's clock itself, to compare with others' dates.
pub fn system() -> SystemTime {
    SystemTime::now()
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

/// The last id's milliseconds and its 12 bits of counter.
static LAST: AtomicU64 = AtomicU64::new(0);
/// Bits of the counter: what RFC 9562 calls `rand_a`.
const COUNTER_BITS: u32 = 12;
/// A clock that was set back by more than this is followed at once.
const BACKWARDS_MS: u64 = 1000;

/// A new trace id: UUID version 7 of `at`, with the counter of RFC 9562, section 6.2, so that ids of one process rise in
/// the order in which they were made.
pub fn trace_id(at: Timestamp) -> TraceId {
    let mut random: [u8; 10] = random();
    let ms = u64::try_from(at.millis()).unwrap_or(0);
    // A low start leaves the counter room to rise.
    let start = ms << COUNTER_BITS | u64::from(u16::from_be_bytes([random[0], random[1]]) & 0x3ff);
    let next = |last: u64| {
        let ahead = (last >> COUNTER_BITS).saturating_sub(ms);
        if ahead > BACKWARDS_MS {
            start
        } else {
            start.max(last + 1)
        }
    };
    // The closure always answers, so this cannot fail; both arms hold the value from before.
    let (Ok(last) | Err(last)) = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(next(last))
    });
    let id = next(last);
    let counter = u16::try_from(id & 0xfff).unwrap_or(0).to_be_bytes();
    random[..2].copy_from_slice(&counter);
    let builder = uuid::Builder::from_unix_timestamp_millis(id >> COUNTER_BITS, &random);
    TraceId::from(builder.into_uuid())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_in_the_order_in_which_they_were_made() {
        let at = now();
        let ids: Vec<_> = (0..5000).map(|_| trace_id(at)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let first = ids[0].uuid();
        assert_eq!(first.get_version_num(), 7);
        assert_eq!(first.get_variant(), uuid::Variant::RFC4122);

        let long_ago = Timestamp::from_millis(at.millis() - 86_400_000);
        let back = trace_id(long_ago).uuid().as_u128() >> 80;
        assert_eq!(
            back,
            u128::try_from(long_ago.millis()).unwrap(),
            "a clock set back is followed"
        );
    }
}
