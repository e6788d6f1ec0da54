//! The span of time that counts are over, worked out once for every store.

use aap::Timestamp;

use crate::filter::Filter;

/// Buckets that one answer holds at most: a week of five-minute buckets.
pub const MAX_BUCKETS: i64 = 2016;
/// What is counted when no `since` is given: 24 hours, in milliseconds.
pub const DEFAULT_SPAN_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows of [`crate::Stats::tools`] and of [`crate::Stats::rules`].
pub const MAX_TOP: usize = 20;
/// Rows of [`crate::Stats::values`]: more than any card declares.
pub const MAX_VALUES: usize = 100;

/// Milliseconds of the spans that stores keep counters by: five minutes.
pub const SPAN_MS: i64 = 5 * 60 * 1000;

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 60 * 60 * 1000;
/// Milliseconds that buckets narrower than an hour may cover: eight days.
pub const FINE_SPAN_MS: i64 = 8 * 24 * HOUR_MS;

/// The start of the span that holds `at`.
pub fn span_of(at: i64) -> i64 {
    at.div_euclid(SPAN_MS) * SPAN_MS
}

/// From when to when, and in which steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first millisecond that counts.
    pub since: i64,
    /// The first one that does not count any more; not before `since`.
    pub until: i64,
    /// Width of a bucket in milliseconds, at least 1.
    pub bucket_ms: i64,
}

impl Span {
    /// The span that `filter` asks for at the time `now`.
    ///
    /// Without `until` it ends with `now`; without `since` it starts [`DEFAULT_SPAN_MS`] before its end. Buckets start at
    /// multiples of their width. A width that would make more than [`MAX_BUCKETS`] of them is multiplied by the smallest
    /// whole number that does not. Over more than a day it is rounded up to a multiple of [`SPAN_MS`], over more than
    /// [`FINE_SPAN_MS`] to one of an hour, so that kept counters can tell it.
    pub fn of(filter: &Filter, bucket_ms: i64, now: Timestamp) -> Self {
        let until = filter
            .until
            .map_or(now.millis().saturating_add(1), Timestamp::millis);
        let since = filter
            .since
            .map_or(until.saturating_sub(DEFAULT_SPAN_MS), Timestamp::millis);
        let until = until.max(since);
        let asked = bucket_ms.max(1);
        // One bucket more than the length asks for, because the first and the last may be cut.
        let times = (until - since)
            .div_euclid(asked)
            .div_euclid(MAX_BUCKETS - 2)
            + 1;
        let step = match until - since {
            length if length <= DEFAULT_SPAN_MS => 1,
            length if length <= FINE_SPAN_MS => SPAN_MS,
            _ => HOUR_MS,
        };
        let bucket_ms = asked.saturating_mul(times);
        Self {
            since,
            until,
            bucket_ms: bucket_ms.saturating_add((step - bucket_ms % step) % step),
        }
    }

    /// From where to where counters by [`SPAN_MS`] tell what happened: the spans that lie within this one as a whole. None
    /// when there are none, or when a span would have to be divided among buckets.
    pub fn whole(&self) -> Option<(i64, i64)> {
        let first = span_of(self.since.saturating_add(SPAN_MS - 1));
        let last = span_of(self.until);
        (self.bucket_ms % SPAN_MS == 0 && first < last).then_some((first, last))
    }

    /// The start of the bucket that holds `at`.
    pub fn bucket_of(&self, at: i64) -> i64 {
        at.div_euclid(self.bucket_ms).saturating_mul(self.bucket_ms)
    }

    /// The starts of all buckets, oldest first; none when the span is empty.
    pub fn buckets(&self) -> impl Iterator<Item = i64> + use<> {
        let (bucket_ms, until) = (self.bucket_ms, self.until);
        let mut next = (self.since < until).then(|| self.bucket_of(self.since));
        std::iter::from_fn(move || {
            let start = next.filter(|start| *start < until)?;
            next = start.checked_add(bucket_ms);
            Some(start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(since: Option<i64>, until: Option<i64>) -> Filter {
        Filter {
            since: since.map(Timestamp::from_millis),
            until: until.map(Timestamp::from_millis),
            ..Filter::default()
        }
    }

    #[test]
    fn a_day_before_the_end_by_default() {
        let now = Timestamp::from_millis(10 * DEFAULT_SPAN_MS);
        let open = Span::of(&filter(None, None), 1000, now);
        assert_eq!(open.until, now.millis() + 1, "now itself counts");
        assert_eq!(open.until - open.since, DEFAULT_SPAN_MS);
        let past = Span::of(&filter(None, Some(5 * DEFAULT_SPAN_MS)), 1000, now);
        assert_eq!(past.since, 4 * DEFAULT_SPAN_MS);
    }

    #[test]
    fn buckets_cover_the_span_and_start_at_multiples() {
        let span = Span::of(
            &filter(Some(-5), Some(21)),
            10,
            Timestamp::from_millis(1000),
        );
        assert_eq!(span.buckets().collect::<Vec<_>>(), [-10, 0, 10, 20]);
        let empty = Span::of(&filter(Some(5), Some(5)), 10, Timestamp::from_millis(1000));
        assert_eq!(empty.buckets().count(), 0);
        let reversed = Span::of(&filter(Some(9), Some(5)), 10, Timestamp::from_millis(0));
        assert_eq!(reversed.buckets().count(), 0);
    }

    #[test]
    fn whole_spans_lie_within() {
        let whole = |since, until, bucket_ms| {
            Span::of(
                &filter(Some(since), Some(until)),
                bucket_ms,
                Timestamp::from_millis(0),
            )
            .whole()
        };
        assert_eq!(whole(0, SPAN_MS, SPAN_MS), Some((0, SPAN_MS)));
        assert_eq!(
            whole(1, 3 * SPAN_MS - 1, SPAN_MS),
            Some((SPAN_MS, 2 * SPAN_MS))
        );
        assert_eq!(whole(-1, SPAN_MS, 12 * SPAN_MS), Some((0, SPAN_MS)));
        assert_eq!(whole(1, 2 * SPAN_MS - 1, SPAN_MS), None);
        assert_eq!(whole(0, 10 * SPAN_MS, SPAN_MS - 1), None);
    }

    #[test]
    fn no_span_makes_more_buckets_than_the_limit() {
        for (since, until, bucket_ms) in [
            (i64::MIN, i64::MAX, 1),
            (0, 1_795_224_606_094, 60_000),
            (0, MAX_BUCKETS, 1),
            (0, MAX_BUCKETS + 7, 0),
            (0, 100, i64::MAX),
        ] {
            let span = Span::of(
                &filter(Some(since), Some(until)),
                bucket_ms,
                Timestamp::from_millis(0),
            );
            let count = i64::try_from(span.buckets().count()).unwrap();
            assert!((1..=MAX_BUCKETS).contains(&count), "{count} in {span:?}");
        }
    }

    #[test]
    fn long_spans_are_cut_where_counters_are() {
        const DAY: i64 = 24 * HOUR_MS;
        for (days, asked, told) in [
            (1, 7 * 60_000, 7 * 60_000),
            (2, 7 * 60_000, 10 * 60_000),
            (8, 45 * 60_000, 45 * 60_000),
            (9, 45 * 60_000, HOUR_MS),
            (30, 16 * HOUR_MS, 16 * HOUR_MS),
            (400, 1, 5 * HOUR_MS),
        ] {
            let span = Span::of(
                &filter(Some(0), Some(days * DAY)),
                asked,
                Timestamp::from_millis(0),
            );
            assert_eq!(span.bucket_ms, told, "{days} days by {asked}");
            assert_eq!(
                span.whole(),
                Some((0, days * DAY)).filter(|_| told % SPAN_MS == 0)
            );
        }
    }
}
