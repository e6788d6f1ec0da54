//! An agent's chain, link by link, as anybody needs it who works it out again.

use std::sync::Arc;

use aap::StreamId;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use trace_store::slim::MAX_LINKS;
use trace_store::{LinkRow, TraceReader, TraceWriter};

use crate::Problem;
use crate::agents::find;
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{Params, PathId, UUID_FORM, bad, parsed};

/// A page of links.
#[derive(Debug, Serialize)]
pub(crate) struct Links {
    links: Vec<LinkRow>,
    /// `after` of the next page; none when this is the last.
    next_after: Option<u64>,
}

/// The links of one stream in their order.
pub(crate) async fn links<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<Links>, Problem> {
    let mut params = Params::of(&uri, &["stream", "after", "limit"])?;
    let stream: StreamId = params.take("stream", UUID_FORM, parsed)?.ok_or_else(|| {
        let problem = "it is missing: say which; /v1/agents/{id}/streams lists them";
        bad("stream", problem.to_owned())
    })?;
    let form = "the seq of a link, a whole number";
    let after = params.take("after", form, |text| {
        parsed(text).filter(|seq: &u64| i64::try_from(*seq).is_ok())
    })?;
    let limit = params.limit(MAX_LINKS, MAX_LINKS)?;
    let agent = find(&edge, &id).await?.agent_id;
    let store = &edge.ports.store;
    let links = store
        .links(agent, stream, after.unwrap_or(0), limit)
        .await?;
    let full = links.len() == limit as usize;
    let last = links.last().map(|link| link.header.seq);
    Ok(Json(Links {
        next_after: last.filter(|_| full),
        links,
    }))
}
