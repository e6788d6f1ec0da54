//! Alignment cards, on their way in.

use aap::Timestamp;
use aap::card::SignedCard;
use aap::chain::Digest;
use aap::wire::StreamHead;
use rusqlite::{Connection, Result, params};

use crate::agents::heads;
use crate::counts::agent_key;

/// Keeps `card` and answers with its agent's streams.
pub(crate) fn put(tx: &Connection, card: &SignedCard, now: Timestamp) -> Result<Vec<StreamHead>> {
    // Strings, integers and booleans can always be written.
    let content = serde_json::to_vec(&card.alignment_card).unwrap_or_default();
    let signed_card = serde_json::to_string(card).unwrap_or_default();
    let agent = agent_key(tx, card.alignment_card.agent_id, now)?;
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
