//! What is known of an agent: itself, its chains, its sessions, its equivocations.

use std::sync::Arc;

use aap::AgentId;
use aap::limits::{DEFAULT_PAGE, MAX_PAGE};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use dashboard::proof::Claimed;
use serde::Serialize;
use trace_store::{AgentRow, Equivocation, SessionRow, StreamRow, TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{Params, PathId, agent_id};

/// An agent with the state of its chains.
#[derive(Debug, Serialize)]
pub(crate) struct Agent {
    #[serde(flatten)]
    row: AgentRow,
    streams: Vec<StreamRow>,
    /// Links that chains name and the store does not have.
    missing_links: u64,
    /// Places of its chains for which it signed two contents.
    equivocations: usize,
    /// The name and link that its card claims, and how far the link is proven.
    claimed: Option<Claimed>,
}

/// The agent, or a 404.
pub(crate) async fn find<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    id: &str,
) -> Result<AgentRow, Problem> {
    let id: AgentId = agent_id(id)?;
    let row = edge.ports.store.agent(id).await?;
    row.ok_or_else(|| Problem::NotFound(format!("agent {id} has not been heard of here")))
}

/// One agent.
pub(crate) async fn one<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Agent>, Problem> {
    let row = find(&edge, &id).await?;
    let streams = edge.ports.store.streams(row.agent_id).await?;
    let equivocations = edge.ports.store.equivocations(row.agent_id).await?.len();
    let card = match row.card_id {
        Some(_) => edge.ports.store.card(row.agent_id).await?,
        None => None,
    };
    let claimed = edge.ports.proofs.of(card.as_ref(), row.agent_id);
    let missing = streams
        .iter()
        .map(|stream| stream.last_seq.saturating_sub(stream.links));
    let missing_links = missing.sum();
    Ok(Json(Agent {
        row,
        streams,
        missing_links,
        equivocations,
        claimed,
    }))
}

/// A page of sessions.
#[derive(Debug, Serialize)]
pub(crate) struct Sessions {
    sessions: Vec<SessionRow>,
}

/// The newest sessions.
pub(crate) async fn sessions<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
    uri: Uri,
) -> Result<Json<Sessions>, Problem> {
    let limit = Params::of(&uri, &["limit"])?.limit(DEFAULT_PAGE, MAX_PAGE)?;
    let agent = find(&edge, &id).await?.agent_id;
    let sessions = edge.ports.store.sessions(agent, limit).await?;
    Ok(Json(Sessions { sessions }))
}

/// An agent's chains.
#[derive(Debug, Serialize)]
pub(crate) struct Streams {
    streams: Vec<StreamRow>,
}

/// How far each chain goes.
pub(crate) async fn streams<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Streams>, Problem> {
    let agent = find(&edge, &id).await?.agent_id;
    let streams = edge.ports.store.streams(agent).await?;
    Ok(Json(Streams { streams }))
}

/// All equivocations.
#[derive(Debug, Serialize)]
pub(crate) struct Equivocations {
    equivocations: Vec<Equivocation>,
}

/// The proofs that an agent said two things in one place.
pub(crate) async fn equivocations<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
) -> Result<Json<Equivocations>, Problem> {
    let agent = find(&edge, &id).await?.agent_id;
    let equivocations = edge.ports.store.equivocations(agent).await?;
    Ok(Json(Equivocations { equivocations }))
}
