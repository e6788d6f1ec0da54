//! From Postgres' rows to the port's.

use aap::chain::Digest;
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId};
use serde_json::Value;
use tokio_postgres::types::FromSql;
use tokio_postgres::{Error, Row};
use trace_store::{StoreError, TraceDetail, TraceRow};
use uuid::Uuid;

use crate::values::Time;

/// The columns that [`trace_row`] reads, of `traces t`.
pub(crate) const COLUMNS: &str = "t.position, t.trace_id, t.agent_id, t.timestamp, t.at, t.received_at, t.tool_name, \
    t.action_type, t.session_id, t.rule_id, t.reason, t.values_violated, t.duration_ms, t.runtime, t.outcome, t.stream, \
    t.seq, t.held_back";
/// What is read after [`COLUMNS`] by [`trace_detail`].
pub(crate) const DETAIL_COLUMNS: &str = ", t.document::text, t.fingerprint";

/// As it is stored.
pub(crate) const fn action_word(action_type: ActionType) -> &'static str {
    match action_type {
        ActionType::Allow => "allow",
        ActionType::Deny => "deny",
        ActionType::Error => "error",
    }
}

/// Reads what [`action_word`] wrote.
pub(crate) fn action_of(word: &str) -> ActionType {
    match word {
        "deny" => ActionType::Deny,
        "error" => ActionType::Error,
        _ => ActionType::Allow,
    }
}

/// A row holds something else than the program expects.
fn unread(error: &Error) -> StoreError {
    StoreError::Failed(format!("a row of the database cannot be read: {error}"))
}

/// One column.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|error| unread(&error))
}

pub(crate) fn time(row: &Row, index: usize) -> Result<Timestamp, StoreError> {
    Ok(get::<Time>(row, index)?.0)
}

/// A count; never negative in the tables.
pub(crate) fn count(row: &Row, index: usize) -> Result<u64, StoreError> {
    Ok(u64::try_from(get::<i64>(row, index)?).unwrap_or(0))
}

pub(crate) fn trace_id(row: &Row, index: usize) -> Result<TraceId, StoreError> {
    Ok(TraceId::from(get::<Uuid>(row, index)?))
}

pub(crate) fn agent_id(row: &Row, index: usize) -> Result<AgentId, StoreError> {
    Ok(AgentId::from(get::<Uuid>(row, index)?))
}

pub(crate) fn stream_id(row: &Row, index: usize) -> Result<StreamId, StoreError> {
    Ok(StreamId::from(get::<Uuid>(row, index)?))
}

pub(crate) fn digest(row: &Row, index: usize) -> Result<Digest, StoreError> {
    let bytes: &[u8] = get(row, index)?;
    let bytes = bytes.try_into().map_err(|_| {
        StoreError::Failed(format!(
            "a digest in the database has {} bytes, not 32",
            bytes.len()
        ))
    })?;
    Ok(Digest::from_bytes(bytes))
}

/// Reads [`COLUMNS`].
pub(crate) fn trace_row(row: &Row) -> Result<TraceRow, StoreError> {
    let (timestamp, at) = (time(row, 3)?, time(row, 4)?);
    let stream: Option<Uuid> = get(row, 15)?;
    let seq: Option<i64> = get(row, 16)?;
    Ok(TraceRow {
        position: get(row, 0)?,
        trace_id: trace_id(row, 1)?,
        agent_id: agent_id(row, 2)?,
        timestamp,
        at,
        odd_time: at != timestamp,
        received_at: time(row, 5)?,
        tool_name: get(row, 6)?,
        action_type: action_of(get(row, 7)?),
        session_id: get(row, 8)?,
        rule_id: get(row, 9)?,
        reason: get(row, 10)?,
        values_violated: get::<Option<Vec<String>>>(row, 11)?.unwrap_or_default(),
        duration_ms: get(row, 12)?,
        runtime: get(row, 13)?,
        outcome: get(row, 14)?,
        signed: stream.is_some(),
        stream: stream.map(StreamId::from),
        seq: seq.and_then(|seq| u64::try_from(seq).ok()),
        held_back: get(row, 17)?,
    })
}

/// Reads [`COLUMNS`] and [`DETAIL_COLUMNS`].
pub(crate) fn trace_detail(row: &Row) -> Result<TraceDetail, StoreError> {
    let document: Option<&str> = get(row, 18)?;
    let row_itself = trace_row(row)?;
    Ok(TraceDetail {
        document: document.and_then(|document| serde_json::from_str::<Value>(document).ok()),
        digest: if row_itself.signed {
            Some(digest(row, 19)?)
        } else {
            None
        },
        row: row_itself,
        note: None,
        previous: None,
        next: None,
    })
}
