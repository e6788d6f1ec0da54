//! AAP's value coherence handshake over the cards that are here. What the messages say and how values are weighed is `aap`'s.
//!
//! An edge answers for all agents whose cards it keeps: it hands a card over with its signature, and tells from two cards
//! whether the values on them go together. It decides nothing for anybody: what a result is worth, its reader can work out
//! from the same cards.

use std::sync::Arc;

use aap::handshake::{CardRequest, CoherenceCheck, HandshakeError, MAX_REQUEST_ID};
use aap::{AgentId, AlignmentCard};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};
use trace_store::{CardRow, TraceReader, TraceWriter};

use crate::cards::{in_force, the_one};
use crate::edge::Edge;
use crate::limiter::Limiter;
use crate::query::{Params, UUID_FORM, parsed};
use crate::{Problem, body};

/// Bytes of a message.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Agents with a card of one id that are told apart.
const NAMESAKES: u32 = 2;

/// Answers a message.
pub(crate) async fn answer<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let mut params = Params::of(&uri, &["initiator", "responder"])?;
    let initiator = params.take("initiator", UUID_FORM, parsed)?;
    let responder = params.take("responder", UUID_FORM, parsed)?;
    let bytes = body::read(&headers, body, MAX_MESSAGE_BYTES, &edge.ports.sleep).await?;
    // By hand, not as AAP's `Message`: that would read cards in answers, which nobody sends here, and is large in a Worker.
    let message: Value = serde_json::from_slice(&bytes).map_err(no_message)?;
    let answer = match message["message_type"].as_str() {
        Some("alignment_card_request") => {
            let request = serde_json::from_value(message).map_err(no_message)?;
            card(&edge, request, responder).await?
        }
        Some("value_coherence_check") => {
            let check = serde_json::from_value(message).map_err(no_message)?;
            coherence(&edge, check, initiator, responder).await?
        }
        Some("alignment_card_response" | "coherence_result") => {
            return Err(Problem::BadHandshake(
                "this message is an answer; an edge answers alignment_card_request and value_coherence_check".to_owned(),
            ));
        }
        _ => {
            return Err(no_message(
                "message_type is neither alignment_card_request nor value_coherence_check",
            ));
        }
    };
    Ok(Json(answer))
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn no_message(error: impl std::fmt::Display) -> Problem {
    Problem::BadBody(format!(
        "the body is no message of AAP's handshake: {error}"
    ))
}

/// The card that is asked for, with its signature.
async fn card<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    request: CardRequest,
    responder: Option<AgentId>,
) -> Result<Value, Problem> {
    let length = request.request_id.len();
    if !(1..=MAX_REQUEST_ID).contains(&length) {
        return Err(unanswerable(HandshakeError::RequestId(length)));
    }
    let agent = match responder {
        Some(agent) => Some(agent),
        None => the_one(edge).await?,
    };
    let agent = agent.ok_or_else(|| {
        Problem::NotFound(
            "the message does not say whose card is wanted, and this edge does not serve exactly one agent; name it as \
             ?responder=AGENT"
                .to_owned(),
        )
    })?;
    let mut signed = in_force(edge, agent).await?.signed_card;
    Ok(json!({
        "message_type": "alignment_card_response",
        "request_id": request.request_id,
        "alignment_card": signed["alignment_card"].take(),
        "signature": signed["signature"].take(),
        "timestamp": edge.now(),
    }))
}

/// Whether the values on two cards go together.
async fn coherence<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    check: CoherenceCheck,
    initiator: Option<AgentId>,
    responder: Option<AgentId>,
) -> Result<Value, Problem> {
    // Before anything is looked up.
    check.bounds().map_err(unanswerable)?;
    let mine = named(edge, &check.initiator_card_id, initiator, "initiator").await?;
    let theirs = named(edge, &check.responder_card_id, responder, "responder").await?;
    let (mine, theirs) = (read(mine.card)?, read(theirs.card)?);
    let answer = check.answer(&mine, &theirs, edge.now());
    let mut answer = json!(answer.map_err(unanswerable)?);
    answer["message_type"] = "coherence_result".into();
    Ok(answer)
}

/// The card of this id, of `agent` where that is told.
async fn named<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    card_id: &str,
    agent: Option<AgentId>,
    who: &str,
) -> Result<CardRow, Problem> {
    let shown: String = card_id.chars().take(64).collect();
    let shown = shown.escape_debug();
    if let Some(agent) = agent {
        let row = edge.ports.store.card_version(agent, card_id).await?;
        return row.ok_or_else(|| {
            Problem::NotFound(format!("the {who} {agent} has put no card `{shown}` here"))
        });
    }
    let mut rows = edge.ports.store.cards_named(card_id, NAMESAKES).await?;
    match rows.pop() {
        Some(row) if rows.is_empty() => Ok(row),
        Some(_) => Err(Problem::BadHandshake(format!(
            "several agents have put a card `{shown}`; name the one that is meant as ?{who}=AGENT"
        ))),
        None => Err(Problem::NotFound(format!(
            "the {who}'s card `{shown}` is not here; put it first"
        ))),
    }
}

/// What was kept was read once already.
fn read(kept: Value) -> Result<AlignmentCard, Problem> {
    serde_json::from_value(kept).map_err(|error| {
        tracing::error!(%error, "a card that is kept cannot be read");
        Problem::Unwritable
    })
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn unanswerable(error: HandshakeError) -> Problem {
    Problem::BadHandshake(error.to_string())
}
