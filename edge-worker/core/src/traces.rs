//! Reading traces: listings, one trace, refusals.

use std::sync::Arc;

use aap::ActionType;
use aap::limits::{DEFAULT_PAGE, MAX_PAGE};
use aap::paths::AP_TRACE_MEDIA_TYPE;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use trace_store::{Filter, TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{FILTER, Params, PathId, accepts, bad, trace_id};
use crate::shape::{Listed, Refusal, RefusalsPage, TracesPage, Whole, next_cursor};

fn listing_params(uri: &Uri) -> Result<Params, Problem> {
    let mut known = FILTER.to_vec();
    known.extend(["cursor", "limit", "order"]);
    Params::of(uri, &known)
}

/// A page of traces, newest first unless another order is asked for.
pub(crate) async fn list<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
) -> Result<Json<TracesPage>, Problem> {
    let mut params = listing_params(&uri)?;
    let filter = params.filter()?;
    if params.is("order", "longest") {
        return longest(&edge, &filter, params).await;
    }
    let page = params.page()?;
    let page = edge.ports.store.documents(&filter, page).await?;
    let rows = page.rows.into_iter();
    Ok(Json(TracesPage {
        traces: rows
            .map(|detail| Listed::new(detail.row, detail.document))
            .collect(),
        next_cursor: next_cursor(page.next),
        looked_at: None,
        complete: None,
    }))
}

/// The traces that took longest among the newest: one page, and how far it looked.
async fn longest<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    filter: &Filter,
    mut params: Params,
) -> Result<Json<TracesPage>, Problem> {
    let limit = params.limit(DEFAULT_PAGE, MAX_PAGE)?;
    if params.has("cursor") {
        let problem =
            "order=longest has one page and no cursor; leave it out, or narrow the filter";
        return Err(bad("cursor", problem.to_owned()));
    }
    let longest = edge.ports.store.longest(filter, limit).await?;
    let rows = longest.rows.into_iter();
    Ok(Json(TracesPage {
        traces: rows.map(|row| Listed::new(row, None)).collect(),
        next_cursor: None,
        looked_at: Some(longest.looked_at),
        complete: Some(longest.complete),
    }))
}

/// A page of refusals, newest first.
pub(crate) async fn refusals<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
) -> Result<Json<RefusalsPage>, Problem> {
    let mut params = listing_params(&uri)?;
    let (mut filter, page) = (params.filter()?, params.page()?);
    if filter
        .action_type
        .replace(ActionType::Deny)
        .is_some_and(|kind| kind != ActionType::Deny)
    {
        return Err(bad(
            "action_type",
            "refusals are deny; leave it out".to_owned(),
        ));
    }
    let page = edge.ports.store.documents(&filter, page).await?;
    let rows = page.rows.into_iter();
    Ok(Json(RefusalsPage {
        refusals: rows
            .map(|detail| Refusal::new(detail.row, detail.document))
            .collect(),
        next_cursor: next_cursor(page.next),
    }))
}

/// One trace with what proves it; the bare AP-Trace for who accepts AAP's media type of it.
pub(crate) async fn one<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = trace_id(&id)?;
    let detail = edge.ports.store.trace(id).await?;
    let detail = detail.ok_or_else(|| Problem::NotFound(format!("there is no trace {id} here")))?;
    if !accepts(&headers, AP_TRACE_MEDIA_TYPE) {
        return Ok(Json(Whole::from(detail)).into_response());
    }
    let document = detail.document.ok_or_else(|| {
        Problem::NotFound(format!("the content of trace {id} is held back or erased"))
    })?;
    let body = document.to_string();
    Ok(([(header::CONTENT_TYPE, AP_TRACE_MEDIA_TYPE)], body).into_response())
}
