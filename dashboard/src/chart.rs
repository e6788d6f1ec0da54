//! Activity over time as bars, drawn on the server, with the same numbers as text and as a table. The page's script draws it
//! again out of that table, and lets people brush over it.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::{Stats, TimeBucket};

use crate::query::{Period, Window, write_link};
use crate::text::Shown;
use crate::words::{counted, date, moment};

/// Most bars that are drawn; [`crate::query::PERIODS`] and [`bucket_for`] stay below.
const MAX_BARS: usize = 400;
/// Bars that [`bucket_for`] aims at.
const BARS: i64 = 60;
/// Height of the drawing in its own units.
const HEIGHT: u64 = 64;
/// The least height of a part that is not zero, so that one refusal among thousands is seen.
const LEAST: u64 = 3;
/// Widths of bars in milliseconds: parts of an hour, a day, and days. From five minutes on they are multiples of what stores
/// keep counters by.
const WIDTHS: [i64; 20] = [
    1_000,
    5_000,
    15_000,
    30_000,
    60_000,
    2 * 60_000,
    5 * 60_000,
    10 * 60_000,
    15 * 60_000,
    30 * 60_000,
    3_600_000,
    2 * 3_600_000,
    4 * 3_600_000,
    8 * 3_600_000,
    16 * 3_600_000,
    86_400_000,
    2 * 86_400_000,
    4 * 86_400_000,
    8 * 86_400_000,
    16 * 86_400_000,
];

/// Bars and their numbers.
pub(crate) struct Chart {
    pub(crate) svg: Shown,
    pub(crate) from: String,
    pub(crate) to: String,
    /// The start of the first bar in milliseconds, their width, and how many there are: for the script.
    pub(crate) first_ms: i64,
    pub(crate) bucket_ms: i64,
    pub(crate) bars: usize,
    /// Spans in which something happened.
    pub(crate) rows: Vec<Bar>,
    /// The address that a span is added to, where the page can be narrowed to one.
    pub(crate) brush: Option<String>,
}

/// What happened in one span.
pub(crate) struct Bar {
    pub(crate) at_ms: i64,
    pub(crate) from: String,
    pub(crate) link: Option<String>,
    pub(crate) allow: u64,
    pub(crate) deny: u64,
    pub(crate) error: u64,
}

/// The width of a bar for a span of this many milliseconds: about [`BARS`] of them.
pub(crate) fn bucket_for(length_ms: i64) -> i64 {
    let fits = |width: &&i64| length_ms / **width <= BARS;
    WIDTHS.iter().find(fits).copied().unwrap_or_else(|| {
        let day = WIDTHS[15];
        (length_ms / BARS / day + 1) * day
    })
}

/// Draws what happened from the period's start to now.
pub(crate) fn activity(stats: &Stats, period: Period, now: Timestamp) -> Chart {
    let window = Window {
        since: Some(period.since(now)),
        until: None,
    };
    let said = format!("In the last {}", period.words);
    over(stats, window, period.bucket_ms, now, &said)
}

/// Draws what happened in a window with a start. `said` begins the sentence that tells it.
pub(crate) fn over(
    stats: &Stats,
    window: Window,
    bucket_ms: i64,
    now: Timestamp,
    said: &str,
) -> Chart {
    let bucket_ms = bucket_ms.max(1);
    let end = window.until.map_or(now.millis() + 1, Timestamp::millis);
    let since = window.since.map_or(end - 1, Timestamp::millis);
    let first_ms = since.div_euclid(bucket_ms) * bucket_ms;
    let count = (end - 1 - first_ms).max(0) / bucket_ms + 1;
    let bars = usize::try_from(count).unwrap_or(MAX_BARS).min(MAX_BARS);
    let mut dense = vec![(0, 0, 0); bars];
    for TimeBucket {
        start,
        allow,
        deny,
        error,
    } in &stats.over_time
    {
        let index = (start.millis() - first_ms).max(0) / bucket_ms;
        if let Some(bar) = usize::try_from(index)
            .ok()
            .and_then(|index| dense.get_mut(index))
        {
            bar.0 += allow;
            bar.1 += deny;
            bar.2 += error;
        }
    }
    let rows = dense
        .iter()
        .zip(0_i64..)
        .filter(|((allow, deny, error), _)| allow + deny + error > 0)
        .map(|(&(allow, deny, error), index)| {
            let at_ms = first_ms + index * bucket_ms;
            Bar {
                at_ms,
                from: moment(Timestamp::from_millis(at_ms)),
                link: None,
                allow,
                deny,
                error,
            }
        })
        .collect();
    Chart {
        svg: draw(&dense, stats, said),
        from: date(Timestamp::from_millis(since)),
        to: window.until.map_or_else(|| "now".to_owned(), date),
        first_ms,
        bucket_ms,
        bars,
        rows,
        brush: None,
    }
}

impl Chart {
    /// Lets people narrow the page to a span: `address` is the page's own, without times.
    pub(crate) fn brushed(mut self, address: String) -> Self {
        for bar in &mut self.rows {
            bar.link = Some(between(&address, bar.at_ms, bar.at_ms + self.bucket_ms));
        }
        self.brush = Some(address);
        self
    }
}

/// `address` narrowed to the span between two times in milliseconds.
pub(crate) fn between(address: &str, since: i64, until: i64) -> String {
    let [since, until] = [since, until].map(|ms| Timestamp::from_millis(ms).to_string());
    let span = [("since", since.as_str()), ("until", until.as_str())];
    write_link(address, span.into_iter())
}

fn draw(dense: &[(u64, u64, u64)], stats: &Stats, said: &str) -> Shown {
    let most = dense
        .iter()
        .map(|bar| bar.0 + bar.1 + bar.2)
        .max()
        .unwrap_or(0)
        .max(1);
    let mut paths = [String::new(), String::new(), String::new()];
    for (index, &(allow, deny, error)) in dense.iter().enumerate() {
        let mut base = HEIGHT;
        // Refusals at the bottom: what people look for stands on the line.
        for (path, count) in paths.iter_mut().zip([deny, error, allow]) {
            if count == 0 {
                continue;
            }
            let height = (count * (HEIGHT - 2 * LEAST) / most).max(LEAST).min(base);
            base -= height;
            let _ = write!(path, "M{} {base}h8v{height}h-8z", index * 10 + 1);
        }
    }
    let label = format!(
        "{said}: {}, {} refused, {} failed.",
        counted(stats.total, "call", "calls"),
        stats.deny,
        stats.error
    );
    let [deny, error, allow] = paths;
    Shown::trusted(format!(
        "<svg class=bars viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=none role=img aria-label=\"{label}\">\
         <path class=b-allow d=\"{allow}\"/><path class=b-error d=\"{error}\"/><path class=b-deny d=\"{deny}\"/></svg>",
        dense.len() * 10
    ))
}

/// A bar of `part` in `whole`, beside a number that says the same.
pub(crate) fn share(part: u64, whole: u64, class: &str) -> Shown {
    let width = (part * 100)
        .checked_div(whole)
        .unwrap_or(0)
        .min(100)
        .max(u64::from(part > 0) * 2);
    Shown::trusted(format!(
        "<svg class=\"share {class}\" viewBox=\"0 0 100 4\" preserveAspectRatio=none aria-hidden=true><path d=\"M0 0h{width}v4h-{width}z\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::PERIODS;

    #[test]
    fn one_refusal_among_thousands_is_seen_and_told() {
        let (name, words, length_ms, bucket_ms) = PERIODS[1];
        let period = Period {
            name,
            words,
            length_ms,
            bucket_ms,
        };
        let now = Timestamp::parse("2026-11-21T02:10:00Z").unwrap();
        let at = Timestamp::from_millis(now.millis() - bucket_ms);
        let stats = Stats {
            total: 10_001,
            allow: 10_000,
            deny: 1,
            error: 0,
            agents: 1,
            bucket_ms,
            over_time: vec![TimeBucket {
                start: at,
                allow: 10_000,
                deny: 1,
                error: 0,
            }],
            tools: vec![],
            values: vec![],
            rules: vec![],
        };
        let chart = activity(&stats, period, now);
        let svg = chart.svg.to_string();
        assert!(svg.contains("b-deny d=\"M"), "{svg}");
        assert!(svg.contains("10,001 calls, 1 refused"), "{svg}");
        assert_eq!(chart.rows.len(), 1);
        assert_eq!((chart.rows[0].allow, chart.rows[0].deny), (10_000, 1));
        assert_eq!(chart.first_ms % bucket_ms, 0);
        assert!(chart.first_ms + i64::try_from(chart.bars).unwrap() * bucket_ms > now.millis());
    }

    #[test]
    fn a_span_of_any_length_has_bars_that_can_be_told_apart() {
        for length_ms in [
            0,
            1,
            59_000,
            3_600_000,
            86_400_000,
            30 * 86_400_000,
            4_000 * 86_400_000,
        ] {
            let width = bucket_for(length_ms);
            assert!(
                width > 0 && length_ms / width <= 2 * BARS,
                "{length_ms}: {width}"
            );
        }
    }

    #[test]
    fn a_bar_leads_to_its_span() {
        assert_eq!(
            between("/traces?tool=x", 0, 60_000),
            "/traces?tool=x&since=1970-01-01T00%3A00%3A00.000Z&until=1970-01-01T00%3A01%3A00.000Z"
        );
    }
}
