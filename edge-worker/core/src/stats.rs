//! Counts over time, by tool, by value; and by whatever a filter has.

use std::sync::Arc;

use aap::Timestamp;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use trace_store::{Facets, Stats, TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{FILTER, Params, bad, parsed};

/// Spans of time in one answer: a day in minutes.
pub(crate) const MAX_BUCKETS: i64 = 1440;
const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Widths that people read easily.
const WIDTHS_MS: [i64; 8] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    HOUR_MS,
    6 * HOUR_MS,
    DAY_MS,
    7 * DAY_MS,
    30 * DAY_MS,
];
/// Spans that a chart shows well.
const COMFORTABLE_BUCKETS: i64 = 120;

/// Counts over a filter.
pub(crate) async fn stats<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
) -> Result<Json<Stats>, Problem> {
    let mut known = FILTER.to_vec();
    known.retain(|name| *name != "q");
    known.push("bucket_ms");
    let mut params = Params::of(&uri, &known)?;
    let filter = params.filter()?;
    let asked = params.take(
        "bucket_ms",
        "a whole number of milliseconds, 1000 or more",
        |text| parsed(text).filter(|width: &i64| *width >= 1000),
    )?;
    let now = edge.now();
    let until = filter.until.unwrap_or(now).millis();
    let since = filter
        .since
        .map_or(until.saturating_sub(DAY_MS), Timestamp::millis);
    let width = width(until.saturating_sub(since), asked)?;
    Ok(Json(edge.ports.store.stats(&filter, width, now).await?))
}

/// What a filter could be narrowed down by.
pub(crate) async fn facets<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
) -> Result<Json<Facets>, Problem> {
    let filter = Params::of(&uri, &FILTER)?.filter()?;
    Ok(Json(edge.ports.store.facets(&filter, edge.now()).await?))
}

fn width(span_ms: i64, asked: Option<i64>) -> Result<i64, Problem> {
    let fits = |width: i64, most: i64| span_ms / width < most;
    match asked {
        Some(width) if fits(width, MAX_BUCKETS) => Ok(width),
        Some(width) => Err(bad(
            "bucket_ms",
            format!(
                "{width} cuts the time asked for into more than {MAX_BUCKETS} spans; take wider ones"
            ),
        )),
        None => Ok(WIDTHS_MS
            .into_iter()
            .find(|width| fits(*width, COMFORTABLE_BUCKETS))
            .unwrap_or(span_ms / COMFORTABLE_BUCKETS + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_comes_in_quarters_of_an_hour() {
        assert_eq!(width(DAY_MS, None).unwrap(), 15 * MINUTE_MS);
        assert_eq!(width(30 * DAY_MS, None).unwrap(), DAY_MS);
        let centuries = width(9999 * 366 * DAY_MS, None).unwrap();
        assert!(9999 * 366 * DAY_MS / centuries < MAX_BUCKETS);
    }

    #[test]
    fn too_many_spans_are_refused() {
        assert_eq!(width(DAY_MS - 1, Some(MINUTE_MS)).unwrap(), MINUTE_MS);
        assert!(width(DAY_MS, Some(MINUTE_MS)).is_err());
    }
}
