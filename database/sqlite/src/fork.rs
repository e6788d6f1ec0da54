//! Forks: an agent's key that has told two stories of one stream.
//!
//! Within a batch each link names the one before, and the note proves them all. Here is checked what no batch can show by
//! itself: that a link fits what was stored of its stream before. Where it does not, two digests stand for one place, each
//! under a valid note, and both are kept.

use aap::submission::Place;
use aap::{Timestamp, TraceId};
use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::rows::id_bytes;

/// The stream's row, and the note that proves what is being appended to it.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) stream: i64,
    pub(crate) note: &'a str,
    pub(crate) now: Timestamp,
}

/// Keeps two digests of one place; once each.
pub(crate) fn keep(
    tx: &Connection,
    told: Told<'_>,
    seq: i64,
    first: &[u8; 32],
    second: &[u8; 32],
    trace: TraceId,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO equivocations (stream, seq, first_digest, second_digest, second_trace_id, second_note, \
         received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        told.stream,
        seq,
        &first[..],
        &second[..],
        id_bytes(&trace.uuid()),
        told.note,
        told.now.millis(),
    ])
    .map(drop)
}

/// The digest that is stored for a place.
pub(crate) fn stored(tx: &Connection, stream: i64, seq: i64) -> Result<Option<[u8; 32]>> {
    tx.prepare_cached("SELECT fingerprint FROM traces WHERE stream = ?1 AND seq = ?2")?
        .query_row(params![stream, seq], |row| row.get(0))
        .optional()
}

/// Whether the first link of a batch follows what is stored before it, and the last is what the stored one after it
/// follows. A content that is held back does not tell what it follows, so it is taken as it is.
pub(crate) fn look(tx: &Connection, told: Told<'_>, first: &Place, last: &Place) -> Result<()> {
    let seq = |place: &Place| i64::try_from(place.header.seq).ok();
    if let Some(before) = seq(first).and_then(|seq| seq.checked_sub(1))
        && let Some(stored) = stored(tx, told.stream, before)?
        && stored != *first.header.prev.as_bytes()
    {
        let named = first.header.prev.as_bytes();
        keep(tx, told, before, &stored, named, first.header.trace_id)?;
    }
    let Some(here) = seq(last) else {
        return Ok(());
    };
    let follows: Option<Option<String>> = tx
        .prepare_cached(
            "SELECT json_extract(document, '$.context.metadata.prev') FROM traces JOIN documents USING (position) \
             WHERE stream = ?1 AND seq = ?2",
        )?
        .query_row(params![told.stream, here.saturating_add(1)], |row| row.get(0))
        .optional()?;
    let named = follows
        .flatten()
        .and_then(|prev| prev.parse::<aap::chain::Digest>().ok())
        .filter(|named| *named != last.digest);
    match named {
        Some(named) => keep(
            tx,
            told,
            here,
            named.as_bytes(),
            last.digest.as_bytes(),
            last.header.trace_id,
        ),
        None => Ok(()),
    }
}
