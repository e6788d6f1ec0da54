//! Alignment cards, on their way in.

use aap::Timestamp;
use aap::card::SignedCard;
use aap::chain::Digest;
use aap::wire::StreamHead;
use tokio_postgres::types::Type;
use trace_store::StoreError;

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::rows::{count, digest, stream_id};
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
