//! Every card that an agent has put, and the paths under which AAP looks for the one in force.

use std::sync::Arc;

use aap::limits::{DEFAULT_PAGE, MAX_PAGE};
use aap::paths::{CARD_MEDIA_TYPE, WELL_KNOWN_REVOCATIONS};
use aap::{AgentId, Timestamp};
use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use trace_store::{CardRow, CardVersion, TraceReader, TraceWriter};

use crate::Problem;
use crate::agents::find;
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{Params, PathId, accepts, agent_id, bad};

/// One of an agent's cards.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    #[serde(flatten)]
    row: CardVersion,
    /// Always: an edge takes no other.
    signed: bool,
}

/// An agent's cards.
#[derive(Debug, Serialize)]
pub(crate) struct Versions {
    agent_id: AgentId,
    /// The newest by `issued_at` first.
    cards: Vec<Version>,
    /// Whether these are surely all there are.
    complete: bool,
}

/// The cards that an agent has put.
pub(crate) async fn versions<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<Versions>, Problem> {
    let limit = Params::of(&uri, &["limit"])?.limit(DEFAULT_PAGE, MAX_PAGE)?;
    let agent_id = find(&edge, &id).await?.agent_id;
    // One more than is shown tells whether there are more; of the longest page that is not known.
    let asked = (limit + 1).min(MAX_PAGE);
    let mut rows = edge.ports.store.card_versions(agent_id, asked).await?;
    let complete = rows.len() < asked as usize;
    rows.truncate(limit as usize);
    let signed = true;
    let cards = rows.into_iter().map(|row| Version { row, signed });
    Ok(Json(Versions {
        agent_id,
        cards: cards.collect(),
        complete,
    }))
}

/// The two ids of a card's path as they were written.
pub(crate) struct PathCard(String, String);

impl<S: Send + Sync> FromRequestParts<S> for PathCard {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((agent, card))) => Ok(Self(agent, card)),
            Err(error) => Err(bad("card_id", error.body_text())),
        }
    }
}

/// One of them, in force or not, as [`crate::card::get`] shows the one in force.
pub(crate) async fn version<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathCard(agent, card): PathCard,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let agent = agent_id(&agent)?;
    let row = edge.ports.store.card_version(agent, &card).await?;
    let missing = || Problem::NotFound(format!("agent {agent} has put no card of this id here"));
    Ok(shown(row.ok_or_else(missing)?, &headers))
}

/// The signed card; the bare card for who accepts AAP's media type of it.
pub(crate) fn shown(row: CardRow, headers: &HeaderMap) -> Response {
    if accepts(headers, CARD_MEDIA_TYPE) {
        return bare(&row);
    }
    Json(row.signed_card).into_response()
}

fn bare(row: &CardRow) -> Response {
    let body = row.card.to_string();
    ([(header::CONTENT_TYPE, CARD_MEDIA_TYPE)], body).into_response()
}

/// The agent's card in force.
pub(crate) async fn in_force<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    agent: AgentId,
) -> Result<CardRow, Problem> {
    let row = edge.ports.store.card(agent).await?;
    row.ok_or_else(|| Problem::NotFound(format!("agent {agent} has no card here")))
}

/// The agent that an edge serves, where it serves one and no more.
pub(crate) async fn the_one<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
) -> Result<Option<AgentId>, Problem> {
    let agents = edge.ports.store.agents(2).await?;
    Ok(match agents.as_slice() {
        [only] => Some(only.agent_id),
        _ => None,
    })
}

/// What AAP looks for at well-known paths: the bare card in force or the ids of those that are not, of the agent in the path
/// or of the one that this edge serves. One handler for all, because each is a part of a Worker's module.
pub(crate) async fn well_known<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
) -> Result<Response, Problem> {
    let path = uri.path();
    let id = path.strip_prefix("/agents/");
    let agent = match id.and_then(|rest| rest.split('/').next()) {
        Some(id) => find(&edge, id).await?.agent_id,
        None => the_one(&edge).await?.ok_or_else(|| {
            Problem::NotFound(format!(
                "this edge does not serve exactly one agent; ask for /agents/AGENT{path} of the one that is meant"
            ))
        })?,
    };
    if path.ends_with(WELL_KNOWN_REVOCATIONS) {
        return Ok(revoked(&edge, agent).await?.into_response());
    }
    Ok(bare(&in_force(&edge, agent).await?))
}

/// A card that is not in force any more.
#[derive(Debug, Serialize)]
pub(crate) struct Revocation {
    card_id: String,
    /// Since when a newer one is here.
    revoked_at: Timestamp,
    /// `superseded`: an agent takes a card back by putting another one.
    reason: &'static str,
}

/// AAP names the file and says nothing of its form.
#[derive(Debug, Serialize)]
pub(crate) struct Revocations {
    agent_id: AgentId,
    /// The newest by `issued_at` first, at most [`MAX_PAGE`].
    revocations: Vec<Revocation>,
}

async fn revoked<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    agent_id: AgentId,
) -> Result<Json<Revocations>, Problem> {
    let rows = edge.ports.store.card_versions(agent_id, MAX_PAGE).await?;
    let in_force = rows.first().map(|row| row.card_id.clone());
    let revocations = rows.into_iter().filter_map(|row| {
        Some(Revocation {
            revoked_at: row.superseded_at?,
            reason: "superseded",
            card_id: row.card_id,
        })
    });
    // A card may be issued again under its id.
    let revocations = revocations.filter(|gone| Some(&gone.card_id) != in_force.as_ref());
    Ok(Json(Revocations {
        agent_id,
        revocations: revocations.collect(),
    }))
}
