//! Alignment cards, on their way in and out.

use aap::card::SignedCard;
use aap::chain::Digest;
use aap::limits::MAX_PAGE;
use aap::wire::StreamHead;
use aap::{AgentId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::Value;
use trace_store::{CardRow, CardVersion};

use crate::agents::heads;
use crate::rows::{agent_id, time};
use crate::{counts, query};

/// Keeps `card` and answers with its agent's streams.
pub(crate) fn put(tx: &Connection, card: &SignedCard, now: Timestamp) -> Result<Vec<StreamHead>> {
    // Strings, integers and booleans can always be written.
    let content = serde_json::to_vec(&card.alignment_card).unwrap_or_default();
    let signed_card = serde_json::to_string(card).unwrap_or_default();
    let agent = counts::agent_key(tx, card.alignment_card.agent_id, now)?;
    tx.prepare_cached(
        "INSERT INTO cards (agent, fingerprint, card_id, issued_at, received_at, signed_card) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        agent,
        &Digest::of(&content).as_bytes()[..],
        card.alignment_card.card_id,
        card.alignment_card.issued_at.millis(),
        now.millis(),
        signed_card,
    ])?;
    tx.prepare_cached(
        "UPDATE agents SET last_seen = max(last_seen, ?2), public_key = coalesce(public_key, ?3), card_id = \
         (SELECT card_id FROM cards WHERE agent = ?1 ORDER BY issued_at DESC, card LIMIT 1) WHERE agent = ?1",
    )?
    .execute(params![agent, now.millis(), card.public_key])?;
    heads(tx, agent)
}

/// The newest card of an agent, of those with this id where one is named.
pub(crate) fn card(
    tx: &Connection,
    agent: AgentId,
    card_id: Option<&str>,
) -> Result<Option<CardRow>> {
    let Some(key) = query::agent_key(tx, agent)? else {
        return Ok(None);
    };
    tx.prepare_cached(
        "SELECT card_id, received_at, signed_card FROM cards WHERE agent = ?1 AND (?2 IS NULL OR card_id = ?2) \
         ORDER BY issued_at DESC, card LIMIT 1",
    )?
    .query_row(params![key, card_id], |row| {
        let text: String = row.get(2)?;
        // Written by `put`, so it can be read.
        let signed_card: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(CardRow {
            card_id: row.get(0)?,
            agent_id: agent,
            received_at: time(row, 1)?,
            card: signed_card["alignment_card"].clone(),
            signed_card,
        })
    })
    .optional()
}

/// All that an agent has put, the newest first.
pub(crate) fn versions(tx: &Connection, agent: AgentId, limit: u32) -> Result<Vec<CardVersion>> {
    let Some(key) = query::agent_key(tx, agent)? else {
        return Ok(Vec::new());
    };
    // `max` of several is null where one is, as for the first.
    tx.prepare_cached(
        "SELECT card_id, issued_at, received_at, max(received_at, min(received_at) OVER ( \
           ORDER BY issued_at DESC, card ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) \
         FROM cards WHERE agent = ?1 ORDER BY issued_at DESC, card LIMIT ?2",
    )?
    .query_map(params![key, limit.clamp(1, MAX_PAGE)], |row| {
        Ok(CardVersion {
            card_id: row.get(0)?,
            issued_at: time(row, 1)?,
            received_at: time(row, 2)?,
            superseded_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
        })
    })?
    .collect()
}

/// The newest card of each agent with this id.
pub(crate) fn named(tx: &Connection, card_id: &str, limit: u32) -> Result<Vec<CardRow>> {
    let agents: Vec<AgentId> = tx
        .prepare_cached(
            "SELECT agent_id FROM agents WHERE agent IN (SELECT agent FROM cards WHERE card_id = ?1) \
             ORDER BY agent_id LIMIT ?2",
        )?
        .query_map(params![card_id, limit.clamp(1, MAX_PAGE)], |row| {
            agent_id(row, 0)
        })?
        .collect::<Result<_>>()?;
    let mut found = Vec::with_capacity(agents.len());
    for agent in agents {
        found.extend(card(tx, agent, Some(card_id))?);
    }
    Ok(found)
}
