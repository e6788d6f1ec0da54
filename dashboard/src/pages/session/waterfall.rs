//! Calls by when they began and how long they took. Long silences are folded: else a coffee break hides all the work.

use aap::ActionType;
use trace_store::TraceDetail;

use crate::text::{Shown, line};
use crate::words::{duration, verdict};

/// Units across the drawing.
const WIDTH: f64 = 1_000.0;
/// The narrowest bar that is still seen and hit.
const LEAST: f64 = 5.0;
/// A silence is folded when it is longer than this many milliseconds, as a model seldom thinks, and than half of the work.
const SILENCE_MS: f64 = 10_000.0;
/// A folded silence takes this share of the time in which something ran.
const FOLDED: f64 = 0.04;

/// One call's bar, or a fold.
pub(crate) struct Bar {
    pub(crate) kind: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) tool: Shown,
    pub(crate) link: String,
    pub(crate) svg: Shown,
    pub(crate) took: String,
    /// The silence before this call, where it was folded.
    pub(crate) silence: Option<String>,
}

/// Bars for rows from oldest to newest, and the time in which something ran.
pub(crate) fn waterfall(rows: &[TraceDetail]) -> (Vec<Bar>, String) {
    let spans: Vec<(f64, f64)> = rows.iter().map(span).collect();
    let (axis, silences) = fold(&spans);
    let length = axis
        .iter()
        .map(|(start, took)| start + took)
        .fold(1.0, f64::max);
    let bars = rows
        .iter()
        .zip(&axis)
        .zip(silences)
        .map(|((detail, &(start, took)), silence)| {
            let row = &detail.row;
            let x = start / length * (WIDTH - LEAST);
            let width = (took / length * WIDTH).max(LEAST).min(WIDTH - x);
            let refused = row.action_type == ActionType::Deny;
            Bar {
                kind: row.action_type.as_str(),
                verdict: verdict(row.action_type),
                tool: line(&row.tool_name, 32),
                link: aap::paths::trace_page(row.trace_id),
                svg: Shown::trusted(format!(
                    "<svg viewBox=\"0 0 1000 10\" preserveAspectRatio=none aria-hidden=true><path d=\"M{x:.1} 0h{width:.1}v10h-{width:.1}z\"/></svg>"
                )),
                took: if refused { "not run".to_owned() } else { duration(took) },
                silence: silence.map(duration),
            }
        })
        .collect();
    (bars, duration(spans.iter().map(|(_, took)| took).sum()))
}

#[expect(clippy::cast_precision_loss, reason = "drawn to a thousandth")]
fn span(detail: &TraceDetail) -> (f64, f64) {
    let took = detail
        .row
        .duration_ms
        .filter(|ms| ms.is_finite() && *ms > 0.0);
    (detail.row.at.millis() as f64, took.unwrap_or(0.0))
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
}
