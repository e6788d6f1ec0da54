//! An agent's alignment card: put by the agent, read by anyone.

use std::sync::Arc;

use aap::card::SignedCard;
use aap::limits::MAX_CARD_BYTES;
use aap::wire::{CardAnswer, Status};
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use trace_store::{TraceReader, TraceWriter};

use crate::cards::{in_force, shown};
use crate::edge::{Caller, Edge};
use crate::limiter::Limiter;
use crate::query::{PathId, agent_id};
use crate::{Problem, body};

/// Takes a signed card: 200 when it is kept, 202 when it waits to be.
pub(crate) async fn put<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CardAnswer>), Problem> {
    let agent = agent_id(&id)?;
    let bytes = body::read(&headers, body, MAX_CARD_BYTES, &edge.ports.sleep).await?;
    let signed: SignedCard = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::BadBody(format!("the body is not a signed card: {error}")))?;
    let (card, key) = signed.clone().open(agent)?;
    edge.admit(&[agent], &caller).await?;
    let taken = edge.ports.store.put_card(signed, edge.now()).await?;
    edge.remember(agent, Some(key));
    let (code, status) = if taken.queued {
        (StatusCode::ACCEPTED, Status::Queued)
    } else {
        (StatusCode::OK, Status::Stored)
    };
    let answer = CardAnswer {
        card_id: card.card_id,
        status,
        streams: taken.heads,
    };
    Ok((code, Json(answer)))
}

/// The card in force with signature and key; the bare card for who accepts AAP's media type of it.
pub(crate) async fn get<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let agent = agent_id(&id)?;
    Ok(shown(in_force(&edge, agent).await?, &headers))
}
