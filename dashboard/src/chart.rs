//! Activity over time as bars, drawn on the server, with the same numbers as text and as a table.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::{Stats, TimeBucket};

use crate::query::Period;
use crate::text::Shown;
use crate::words::{counted, date, moment};

/// Most bars that are drawn; [`crate::query::PERIODS`] stay below.
const MAX_BARS: usize = 400;
/// Height of the drawing in its own units.
const HEIGHT: u64 = 64;
/// The least height of a part that is not zero, so that one refusal among thousands is seen.
const LEAST: u64 = 3;

/// Bars and their numbers.
pub(crate) struct Chart {
    pub(crate) svg: Shown,
    pub(crate) from: String,
    /// Spans in which something happened: start, allowed, refused, failed.
    pub(crate) rows: Vec<(String, u64, u64, u64)>,
}

/// Draws what happened from the period's start to now.
pub(crate) fn activity(stats: &Stats, period: Period, now: Timestamp) -> Chart {
    let since = period.since(now).millis();
    let bars = usize::try_from((now.millis() - since).max(0) / period.bucket_ms + 1)
        .unwrap_or(MAX_BARS)
        .min(MAX_BARS);
    let mut dense = vec![(0, 0, 0); bars];
    for TimeBucket {
        start,
        allow,
        deny,
        error,
    } in &stats.over_time
    {
        let index = (start.millis() - since).max(0) / period.bucket_ms;
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
            let start = Timestamp::from_millis(since + index * period.bucket_ms);
            (moment(start), allow, deny, error)
        })
        .collect();
    Chart {
        svg: draw(&dense, stats, period),
        from: date(Timestamp::from_millis(since)),
        rows,
    }
}

fn draw(dense: &[(u64, u64, u64)], stats: &Stats, period: Period) -> Shown {
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
        "In the last {}: {}, {} refused, {} failed.",
        period.words,
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
        assert_eq!((chart.rows[0].1, chart.rows[0].2), (10_000, 1));
    }
}
