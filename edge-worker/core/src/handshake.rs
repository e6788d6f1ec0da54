//! AAP's value coherence handshake over the cards that are here. What the messages say and how values are weighed is `aap`'s.
//!
//! An edge answers for all agents whose cards it keeps: it hands a card over with its signature, and tells from two cards
//! whether the values on them go together. It decides nothing for anybody: what a result is worth, its reader can work out
//! from the same cards.

use std::sync::Arc;

use aap::card::SignedCard;
use aap::handshake::{CardRequest, CoherenceCheck, Message};
use aap::{AgentId, AlignmentCard};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::Value;
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
) -> Result<Json<Message>, Problem> {
    let mut params = Params::of(&uri, &["initiator", "responder"])?;
    let initiator = params.take("initiator", UUID_FORM, parsed)?;
    let responder = params.take("responder", UUID_FORM, parsed)?;
    let bytes = body::read(&headers, body, MAX_MESSAGE_BYTES, &edge.ports.sleep).await?;
    let message: Message = serde_json::from_slice(&bytes).map_err(|error| {
        Problem::BadBody(format!(
            "the body is no message of AAP's handshake: {error}"
        ))
    })?;
    let answer = match message {
        Message::AlignmentCardRequest(request) => card(&edge, request, responder)
            .await
            .map(|response| Message::AlignmentCardResponse(Box::new(response))),
        Message::ValueCoherenceCheck(check) => coherence(&edge, check, initiator, responder)
            .await
            .map(Message::CoherenceResult),
        Message::AlignmentCardResponse(_) | Message::CoherenceResult(_) => {
            Err(Problem::BadHandshake(
                "this message is an answer; an edge answers alignment_card_request and value_coherence_check".to_owned(),
            ))
        }
    };
    answer.map(Json)
}

/// The card that is asked for.
async fn card<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    request: CardRequest,
    responder: Option<AgentId>,
) -> Result<aap::handshake::CardResponse, Problem> {
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
    let signed: SignedCard = read(in_force(edge, agent).await?.signed_card)?;
    request.answer(signed, edge.now()).map_err(unanswerable)
}

/// Whether the values on two cards go together.
async fn coherence<S: TraceReader + TraceWriter, L: Limiter>(
    edge: &Edge<S, L>,
    check: CoherenceCheck,
    initiator: Option<AgentId>,
    responder: Option<AgentId>,
) -> Result<aap::handshake::CoherenceResult, Problem> {
    // Before anything is looked up.
    check.bounds().map_err(unanswerable)?;
    let mine = named(edge, &check.initiator_card_id, initiator, "initiator").await?;
    let theirs = named(edge, &check.responder_card_id, responder, "responder").await?;
    let (mine, theirs): (AlignmentCard, AlignmentCard) = (read(mine.card)?, read(theirs.card)?);
    let answer = check.answer(&mine, &theirs, edge.now());
    answer.map_err(unanswerable)
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
fn read<T: serde::de::DeserializeOwned>(kept: Value) -> Result<T, Problem> {
    serde_json::from_value(kept).map_err(|error| {
        tracing::error!(%error, "a card that is kept cannot be read");
        Problem::Unwritable
    })
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn unanswerable(error: aap::handshake::HandshakeError) -> Problem {
    Problem::BadHandshake(error.to_string())
}
