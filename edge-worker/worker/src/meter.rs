//! One key's count of requests: `governor`'s GCRA over a state that can be put away and a time that is handed in.
//!
//! A Durable Object holds one meter. Its state is one number, the theoretical arrival time, in nanoseconds since 1970. It
//! is saved when it has moved on by [`UNSAVED`] since it was saved last. An object is evicted after ten seconds of silence
//! at the earliest, and silence gives back as much time as it lasts: who waits for an eviction gains nothing by it. A limit
//! of 100 a minute costs one write for five requests.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// Time that may be counted and not saved; requests of a minute's limit of 100 weigh 0.6 seconds each.
pub const UNSAVED: Duration = Duration::from_secs(3);

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
    pub fn save(&self) -> Option<u64> {
        (self.unsaved() >= UNSAVED).then(|| self.mark_saved())
    }

    /// The number to keep, because something else is written anyway.
    pub fn mark_saved(&self) -> u64 {
        self.saved.set(self.arrival.get());
        self.arrival.get()
    }

    /// What was counted since it was saved last.
    pub fn unsaved(&self) -> Duration {
        Duration::from_nanos(self.arrival.get().saturating_sub(self.saved.get()))
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

    /// An object that is evicted as soon as it may be, by a client that waits for that.
    fn evicted(limit: u32, window: Duration) -> usize {
        let (limit, mut now, mut kept) = (NonZeroU32::new(limit).unwrap(), BEGAN, None);
        let mut passed = 0;
        while now < BEGAN + window {
            let meter = Meter::default();
            if let Some(kept) = kept {
                meter.restore(kept);
            }
            while meter.check(limit, window, now).retry_after.is_none() {
                passed += 1;
                kept = meter.save().or(kept);
                // The last ones of each burst are not saved: the client stops before they would be.
                if kept.is_some() && meter.unsaved() + window / limit.get() >= UNSAVED {
                    break;
                }
            }
            now += Duration::from_secs(10);
        }
        passed
    }

    #[test]
    fn who_waits_for_an_eviction_gains_nothing() {
        for (limit, window) in [
            (100, MINUTE),
            (6000, MINUTE),
            (60, 60 * MINUTE),
            (1, MINUTE),
        ] {
            // The whole limit at once, and again over the window.
            assert!(
                evicted(limit, window) <= 2 * limit as usize,
                "{limit} in {window:?}"
            );
        }
    }

    #[test]
    fn five_requests_of_a_hundred_are_one_write() {
        let meter = Meter::default();
        meter.check(hundred(), MINUTE, BEGAN);
        assert!(meter.save().is_some(), "the first one tells the time");
        let mut writes = 0;
        for _ in 0..50 {
            meter.check(hundred(), MINUTE, BEGAN);
            writes += u32::from(meter.save().is_some());
        }
        assert_eq!(writes, 10);
    }

    #[test]
    fn a_refused_request_is_not_worth_a_write() {
        let meter = Meter::default();
        let one = NonZeroU32::new(1).unwrap();
        assert_eq!(meter.check(one, MINUTE, BEGAN).retry_after, None);
        assert_eq!(meter.whole_at(), BEGAN + MINUTE);
        assert!(meter.save().is_some());
        assert_eq!(meter.check(one, MINUTE, BEGAN).retry_after, Some(MINUTE));
        assert_eq!(meter.save(), None);
    }
}
