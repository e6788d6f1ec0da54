//! How long to wait after a failure: doubled each time, with full jitter, never less than the edge asks for.

use std::time::Duration;

use crate::clock;

/// The first wait is at most this: after a restart the first retry comes within a second.
const FIRST: Duration = Duration::from_millis(500);
/// No wait of our own is longer.
const LONGEST: Duration = Duration::from_mins(1);
/// An edge that asks for more is asked again after this long all the same.
pub(super) const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// The waits of one shipper.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Whether the last attempt failed.
    pub(super) fn is_waiting(&self) -> bool {
        self.failures > 0
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed; the edge asked to wait for `asked`, if it said so.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let random = u32::from_be_bytes(clock::random());
        self.failures = self.failures.saturating_add(1);
        pause(
            self.failures,
            asked,
            f64::from(random) / f64::from(u32::MAX),
        )
    }
}

/// Full jitter: anything between nothing and the doubled wait, by `dice` from 0 to 1, on top of what was asked for.
fn pause(failures: u32, asked: Option<Duration>, dice: f64) -> Duration {
    let ceiling = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST);
    match asked {
        // Spread those who were told the same second. One that always asks for nothing is not asked without end.
        Some(asked) => (asked.min(LONGEST_ASKED) + FIRST.mul_f64(dice)).max(ceiling.mul_f64(dice)),
        None => ceiling.mul_f64(dice).max(Duration::from_millis(20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        assert_eq!(pause(1, None, 1.0), FIRST);
        assert_eq!(pause(2, None, 1.0), FIRST * 2);
        assert_eq!(pause(40, None, 1.0), LONGEST);
        assert!(pause(40, None, 0.0) > Duration::ZERO, "never a busy loop");
    }

    #[test]
    fn never_less_than_asked() {
        for dice in [0.0, 0.5, 1.0] {
            assert!(pause(1, Some(Duration::from_secs(30)), dice) >= Duration::from_secs(30));
        }
        assert!(pause(1, Some(Duration::MAX), 0.0) <= LONGEST_ASKED);
        assert_eq!(pause(40, Some(Duration::ZERO), 1.0), LONGEST);
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::default();
        backoff.next(None);
        assert!(backoff.is_waiting());
        backoff.reset();
        assert!(!backoff.is_waiting());
    }
}
