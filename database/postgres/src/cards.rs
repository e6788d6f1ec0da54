//! Alignment cards, on their way in and out.

use aap::card::SignedCard;
use aap::chain::Digest;
use aap::limits::MAX_PAGE;
use aap::wire::StreamHead;
use aap::{AgentId, Timestamp};
use serde_json::Value as Json;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace_store::{CardRow, CardVersion, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::rows::{agent_id, count, digest, get, stream_id, time};
use crate::values::Time;

const PUT: &str = "SELECT stream, seq, digest FROM public.put_card($1, $2, $3, $4, $5, $6, $7)";

/// Keeps `card` and answers with its agent's streams.
pub(crate) async fn put<C: Connections>(
    connections: &C,
    card: &SignedCard,
    now: Timestamp,
) -> Result<Vec<StreamHead>, StoreError> {
    let content = &card.alignment_card;
    // Strings, integers and booleans can always be written.
    let text = serde_json::to_vec(content).unwrap_or_default();
    let signed_card = serde_json::to_string(card).unwrap_or_default();
    let found = rows(
        connections,
        Transaction::PutCard,
        PUT,
        &[
            (&content.agent_id.uuid(), Type::UUID),
            (&content.card_id, Type::TEXT),
            (&&Digest::of(&text).as_bytes()[..], Type::BYTEA),
            (&Time(content.issued_at), Type::TIMESTAMPTZ),
            (&Time(now), Type::TIMESTAMPTZ),
            (&card.public_key, Type::TEXT),
            (&signed_card, Type::TEXT),
        ],
    )
    .await?;
    found
        .iter()
        .map(|row| {
            Ok(StreamHead {
                stream: stream_id(row, 0)?,
                seq: count(row, 1)?,
                digest: digest(row, 2)?,
            })
        })
        .collect()
}

/// The card in force.
pub(crate) async fn card<C: Connections>(
    connections: &C,
    agent: AgentId,
) -> Result<Option<CardRow>, StoreError> {
    let sql = "SELECT card_id, received_at, signed_card::text, agent_id FROM public.alignment_cards WHERE agent_id = $1 \
               ORDER BY issued_at DESC, card LIMIT 1";
    let params = [(&agent.uuid() as _, Type::UUID)];
    let found = rows(connections, Transaction::Card, sql, &params).await?;
    found.first().map(card_row).transpose()
}

/// Those of several agents.
pub(crate) async fn cards<C: Connections>(
    connections: &C,
    agents: &[AgentId],
) -> Result<Vec<CardRow>, StoreError> {
    let sql = "SELECT DISTINCT ON (agent_id) card_id, received_at, signed_card::text, agent_id \
               FROM public.alignment_cards WHERE agent_id = ANY ($1) ORDER BY agent_id, issued_at DESC, card";
    let ids: Vec<_> = agents.iter().map(|agent| agent.uuid()).collect();
    let params = [(&ids as _, Type::UUID_ARRAY)];
    let found = rows(connections, Transaction::Cards, sql, &params).await?;
    found.iter().map(card_row).collect()
}

/// All that an agent has put, the newest first.
pub(crate) async fn versions<C: Connections>(
    connections: &C,
    agent: AgentId,
    limit: u32,
) -> Result<Vec<CardVersion>, StoreError> {
    let sql = "SELECT card_id, issued_at, received_at, greatest(received_at, min(received_at) OVER ( \
                 ORDER BY issued_at DESC, card ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), \
                 row_number() OVER (ORDER BY issued_at DESC, card) \
               FROM public.alignment_cards WHERE agent_id = $1 ORDER BY issued_at DESC, card LIMIT $2";
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let params = [(&agent.uuid() as _, Type::UUID), (&limit as _, Type::INT8)];
    let found = rows(connections, Transaction::CardVersions, sql, &params).await?;
    let read = |row: &Row| {
        // `greatest` passes over what is null, and nothing comes before the first.
        let in_force = count(row, 4)? == 1;
        Ok(CardVersion {
            card_id: get(row, 0)?,
            issued_at: time(row, 1)?,
            received_at: time(row, 2)?,
            superseded_at: (!in_force).then(|| time(row, 3)).transpose()?,
        })
    };
    found.iter().map(read).collect()
}

/// The newest card of an agent with this id.
pub(crate) async fn version<C: Connections>(
    connections: &C,
    agent: AgentId,
    card_id: &str,
) -> Result<Option<CardRow>, StoreError> {
    // No card has it, and Postgres takes no such parameter.
    if card_id.contains('\0') {
        return Ok(None);
    }
    let sql = "SELECT card_id, received_at, signed_card::text, agent_id FROM public.alignment_cards WHERE agent_id = $1 \
               AND card_id = $2 ORDER BY issued_at DESC, card LIMIT 1";
    let params = [
        (&agent.uuid() as _, Type::UUID),
        (&card_id as _, Type::TEXT),
    ];
    let found = rows(connections, Transaction::CardVersion, sql, &params).await?;
    found.first().map(card_row).transpose()
}

/// The newest card of each agent with this id.
pub(crate) async fn named<C: Connections>(
    connections: &C,
    card_id: &str,
    limit: u32,
) -> Result<Vec<CardRow>, StoreError> {
    if card_id.contains('\0') {
        return Ok(Vec::new());
    }
    let sql = "SELECT DISTINCT ON (agent_id) card_id, received_at, signed_card::text, agent_id \
               FROM public.alignment_cards WHERE card_id = $1 ORDER BY agent_id, issued_at DESC, card LIMIT $2";
    let limit = i64::from(limit.clamp(1, MAX_PAGE));
    let params = [(&card_id as _, Type::TEXT), (&limit as _, Type::INT8)];
    let found = rows(connections, Transaction::CardsNamed, sql, &params).await?;
    found.iter().map(card_row).collect()
}

fn card_row(row: &Row) -> Result<CardRow, StoreError> {
    // Written by `cards::put`, so it can be read.
    let signed_card: Json = serde_json::from_str(get(row, 2)?).unwrap_or_default();
    Ok(CardRow {
        card_id: get(row, 0)?,
        agent_id: agent_id(row, 3)?,
        received_at: time(row, 1)?,
        card: signed_card["alignment_card"].clone(),
        signed_card,
    })
}
