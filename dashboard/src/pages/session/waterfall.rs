//! Calls by when they began and how long they took, one inside another where their times are. Long silences are folded: else a
//! coffee break hides all the work.

use aap::ActionType;
use trace_store::TraceRow;

use crate::text::{Shown, line};
use crate::words::{duration, row_duration, verdict_of};

/// Units across the drawing.
const WIDTH: f64 = 1_000.0;
/// The narrowest bar that is still seen and hit.
const LEAST: f64 = 5.0;
/// A silence is folded when it is longer than this many milliseconds, as a model seldom thinks, and than half of the work.
const SILENCE_MS: f64 = 10_000.0;
/// A folded silence takes this share of the time in which something ran.
const FOLDED: f64 = 0.04;
/// Levels that are drawn; deeper calls stand on the last one.
const MAX_LEVEL: usize = 6;

/// One call's bar, or a fold.
pub(crate) struct Bar {
    pub(crate) kind: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) tool: Shown,
    pub(crate) link: String,
    pub(crate) svg: Shown,
    pub(crate) took: String,
    /// The rule that refused it, and whether it stands at the end of the line, away from the bar.
    pub(crate) rule: Shown,
    pub(crate) at_end: bool,
    /// How many calls it ran within.
    pub(crate) level: usize,
    /// The silence before this call, where it was folded.
    pub(crate) silence: Option<String>,
}

/// What the bars of a page come to.
pub(crate) struct Waterfall {
    pub(crate) bars: Vec<Bar>,
    /// The time in which something ran.
    pub(crate) busy: String,
    /// Calls that ran at the same time, at most.
    pub(crate) at_once: usize,
}

/// Bars for rows from oldest to newest.
pub(crate) fn waterfall<'a>(rows: impl Iterator<Item = &'a TraceRow> + Clone) -> Waterfall {
    let spans: Vec<(f64, f64)> = rows.clone().map(span).collect();
    let (axis, silences) = fold(&spans);
    let levels = levels(&spans);
    let length = axis
        .iter()
        .map(|(start, took)| start + took)
        .fold(1.0, f64::max);
    let bars = rows
        .zip(axis)
        .zip(silences)
        .zip(&levels)
        .map(|(((row, (start, took)), silence), level)| {
            let x = start / length * (WIDTH - LEAST);
            let width = (took / length * WIDTH).max(LEAST).min(WIDTH - x);
            let refused = row.action_type == ActionType::Deny;
            Bar {
                kind: row.action_type.as_str(),
                verdict: verdict_of(row),
                tool: line(&row.tool_name, 32),
                link: aap::paths::trace_page(row.trace_id),
                svg: Shown::trusted(format!(
                    "<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=none aria-hidden=true><path d=\"M{x:.1} 0h{width:.1}v10h-{width:.1}z\"/></svg>"
                )),
                took: match row_duration(row) {
                    _ if refused => "not run".to_owned(),
                    Some(took) => took,
                    None => "–".to_owned(),
                },
                rule: row
                    .rule_id
                    .as_deref()
                    .filter(|_| refused)
                    .map(|rule| line(rule, 48))
                    .unwrap_or_default(),
                at_end: x < WIDTH / 2.0,
                level: (*level).min(MAX_LEVEL),
                silence: silence.map(duration),
            }
        })
        .collect();
    Waterfall {
        bars,
        busy: duration(busy(&spans)),
        at_once: at_once(&spans),
    }
}

#[expect(clippy::cast_precision_loss, reason = "drawn to a thousandth")]
fn span(row: &TraceRow) -> (f64, f64) {
    let took = row.duration_ms.filter(|ms| ms.is_finite() && *ms > 0.0);
    (row.at.millis() as f64, took.unwrap_or(0.0))
}

/// Moves spans together over long silences; says which silence was folded before which span.
fn fold(spans: &[(f64, f64)]) -> (Vec<(f64, f64)>, Vec<Option<f64>>) {
    let busy: f64 = spans.iter().map(|(_, took)| took).sum();
    let kept = (busy * FOLDED).max(50.0);
    let mut end = spans.first().map_or(0.0, |(start, _)| *start);
    let mut moved = end;
    let mut axis = Vec::with_capacity(spans.len());
    let mut silences = Vec::with_capacity(spans.len());
    for &(start, took) in spans {
        let silence = start - end;
        let folds = silence > SILENCE_MS && silence > busy / 2.0;
        if folds {
            moved += silence - kept;
        }
        silences.push(folds.then_some(silence));
        axis.push((start - moved, took));
        end = end.max(start + took);
    }
    (axis, silences)
}

/// Within how many calls each ran, as their times say: no trace tells which call another was made in.
fn levels(spans: &[(f64, f64)]) -> Vec<usize> {
    let mut around: Vec<f64> = Vec::new();
    spans
        .iter()
        .map(|&(start, took)| {
            let end = start + took;
            while around
                .last()
                .is_some_and(|outer| *outer <= start || *outer < end)
            {
                around.pop();
            }
            around.push(end);
            around.len() - 1
        })
        .collect()
}

/// The time in which something ran: what ran at the same time counts once.
fn busy(spans: &[(f64, f64)]) -> f64 {
    let mut end = f64::NEG_INFINITY;
    spans.iter().fold(0.0, |busy, &(start, took)| {
        let fresh = (start + took - end.max(start)).max(0.0);
        end = end.max(start + took);
        busy + fresh
    })
}

fn at_once(spans: &[(f64, f64)]) -> usize {
    let ran = spans.iter().filter(|(_, took)| *took > 0.0);
    let mut ends: Vec<f64> = Vec::new();
    ran.fold(0, |most, &(start, took)| {
        ends.retain(|end| *end > start);
        ends.push(start + took);
        most.max(ends.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_silence_is_folded_and_told() {
        let hour = 3_600_000.0;
        let (axis, silences) = fold(&[(0.0, 1_000.0), (1_100.0, 900.0), (hour, 2_000.0)]);
        assert_eq!(silences, [None, None, Some(hour - 2_000.0)]);
        assert_eq!(axis[1], (1_100.0, 900.0), "short pauses stay");
        assert!(axis[2].0 < 2_500.0, "{axis:?}");
        assert!(axis.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }

    #[test]
    fn calls_stand_within_those_that_were_running() {
        let spans = [
            (0.0, 1_000.0),
            (100.0, 200.0),
            (150.0, 0.0),
            (250.0, 500.0),
            (900.0, 300.0),
            (1_200.0, 10.0),
        ];
        // The fifth began within the first and outlasted it: beside it, not inside.
        assert_eq!(levels(&spans), [0, 1, 2, 1, 0, 0]);
        assert_eq!(at_once(&spans), 3);
        assert!((busy(&spans) - 1_210.0).abs() < 1e-9);
    }
}
