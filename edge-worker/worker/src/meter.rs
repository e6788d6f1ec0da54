//! One key's count of requests: `governor`'s GCRA over a state that can be put away and a time that is handed in.
//!
//! A Durable Object holds one meter. Its state is one number, the theoretical arrival time, in nanoseconds since 1970. It
//! is saved when it has moved on by [`SAVED_PARTS`] of a window since it was saved last: a Durable Object that is evicted
//! in between gives back no more than that part of the limit, and a key that is used lightly is seldom written.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// The window's part that may be counted and not saved: a twentieth, 5 requests of 100.
pub const SAVED_PARTS: u32 = 20;

/// What was decided about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Requests that could follow at once.
    pub remaining: u32,
    /// None when the request may pass, else how long to wait.
    pub retry_after: Option<Duration>,
}

/// The count of one key.
#[derive(Debug, Default)]
pub struct Meter {
    /// The theoretical arrival time; 0 before the first request.
    arrival: Cell<u64>,
    /// What `arrival` was when it was saved last.
    saved: Cell<u64>,
}

impl Meter {
    /// From what [`Meter::save`] gave.
    pub fn restore(&self, saved: u64) {
        self.arrival.set(saved);
        self.saved.set(saved);
    }

    /// Counts one request at `now`, time since 1970, against `limit` in `window`.
    pub fn check(&self, limit: NonZeroU32, window: Duration, now: Duration) -> Reading {
        let Some(quota) = Quota::with_period(window / limit.get()) else {
            // A window of no length holds nobody back.
            return Reading {
                remaining: limit.get(),
                retry_after: None,
            };
        };
        let quota = quota.allow_burst(limit);
        // A limiter counts from the time at which it was made. That has to be the same one for ever: 1970.
        let clock = Given(Cell::new(Nanos::from(0)));
        let limiter =
            RateLimiter::<_, _, _, StateInformationMiddleware>::new(quota, State(self), clock);
        let now = Nanos::from(now);
        limiter.clock().0.set(now);
        match limiter.check() {
            Ok(state) => Reading {
                remaining: state.remaining_burst_capacity(),
                retry_after: None,
            },
            Err(until) => Reading {
                remaining: 0,
                retry_after: Some(until.wait_time_from(now)),
            },
        }
    }

    /// The number to keep, when it has moved on enough since the last time.
    pub fn save(&self, window: Duration) -> Option<u64> {
        let moved = self.arrival.get().saturating_sub(self.saved.get());
        if Duration::from_nanos(moved) < window / SAVED_PARTS {
            return None;
        }
        self.saved.set(self.arrival.get());
        Some(self.arrival.get())
    }

    /// When the whole limit is there again, in time since 1970.
    pub fn whole_at(&self) -> Duration {
        Duration::from_nanos(self.arrival.get())
    }
}

/// The time that was handed in.
struct Given(Cell<Nanos>);

impl Clock for Given {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}

/// The one key's state, as `governor` asks for it.
struct State<'a>(&'a Meter);

impl StateStore for State<'_> {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _key: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let before = self.0.arrival.get();
        let (answer, after) = measure((before > 0).then(|| before.into()))?;
        self.0.arrival.set(after.into());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    /// A day in 2026.
    const BEGAN: Duration = Duration::from_secs(1_795_000_000);

    fn hundred() -> NonZeroU32 {
        NonZeroU32::new(100).unwrap()
    }

    #[test]
    fn an_eviction_gives_back_no_more_than_the_part_that_need_not_be_saved() {
        let (mut meter, mut kept) = (Meter::default(), 0);
        let mut passed = 0;
        for request in 0..400 {
            if request % 3 == 0 {
                // Gone, and built anew from what was saved.
                meter = Meter::default();
                meter.restore(kept);
            }
            if meter.check(hundred(), MINUTE, BEGAN).retry_after.is_none() {
                passed += 1;
            }
            if let Some(save) = meter.save(MINUTE) {
                kept = save;
            }
        }
        // Without any saving all 400 would pass; saved each third time at the least, the limit holds but for its part.
        assert!(passed >= 100, "{passed}");
        let meter = Meter::default();
        meter.restore(kept);
        let mut again = 0;
        while meter.check(hundred(), MINUTE, BEGAN).retry_after.is_none() {
            again += 1;
        }
        assert!(again <= 100 / SAVED_PARTS, "{again} more after an eviction");
    }

    #[test]
    fn five_requests_of_a_hundred_are_one_write() {
        let meter = Meter::default();
        meter.check(hundred(), MINUTE, BEGAN);
        assert!(meter.save(MINUTE).is_some(), "the first one tells the time");
        let mut writes = 0;
        for _ in 0..50 {
            meter.check(hundred(), MINUTE, BEGAN);
            writes += u32::from(meter.save(MINUTE).is_some());
        }
        assert_eq!(writes, 10);
    }

    #[test]
    fn a_refused_request_is_not_worth_a_write() {
        let meter = Meter::default();
        let one = NonZeroU32::new(1).unwrap();
        assert_eq!(meter.check(one, MINUTE, BEGAN).retry_after, None);
        assert_eq!(meter.whole_at(), BEGAN + MINUTE);
        assert!(meter.save(MINUTE).is_some());
        assert_eq!(meter.check(one, MINUTE, BEGAN).retry_after, Some(MINUTE));
        assert_eq!(meter.save(MINUTE), None);
    }
}
