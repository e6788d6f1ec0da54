//! Between SQLite's values and the port's rows.

use aap::chain::Digest;
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId};
use rusqlite::{Result, Row};
use trace_store::{TraceDetail, TraceRow};
use uuid::Uuid;

/// The columns that [`trace_row`] reads, of the tables that listings join.
pub(crate) const COLUMNS: &str = "t.position, t.trace_id, a.agent_id, t.timestamp, t.at, t.received_at, t.tool, \
    t.action_type, s.session_id, t.rule_id, t.reason, t.values_violated, t.duration_ms, t.runtime, t.outcome, \
    st.stream_id, t.seq, t.held_back";
/// What is read after [`COLUMNS`] by [`trace_detail`].
pub(crate) const DETAIL_COLUMNS: &str = ", d.document, t.fingerprint";
/// What follows `FROM traces t [INDEXED BY …]`. CROSS JOIN keeps SQLite from starting with the agents.
pub(crate) const JOINS: &str = " CROSS JOIN agents a ON a.agent = t.agent \
    LEFT JOIN sessions s ON s.session = t.session LEFT JOIN streams st ON st.stream = t.stream";
/// The join that brings the document.
pub(crate) const JOIN_DOCUMENTS: &str = " LEFT JOIN documents d ON d.position = t.position";

/// 16 bytes as they are stored.
pub(crate) fn id_bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

/// As it is stored.
pub(crate) fn action_code(action_type: ActionType) -> i64 {
    match action_type {
        ActionType::Allow => 0,
        ActionType::Deny => 1,
        ActionType::Error => 2,
    }
}

/// Reads what [`action_code`] wrote.
pub(crate) fn action_of(code: i64) -> ActionType {
    match code {
        1 => ActionType::Deny,
        2 => ActionType::Error,
        _ => ActionType::Allow,
    }
}

/// A JSON list, or none when it would be empty.
pub(crate) fn values_json(values: &[String]) -> Option<String> {
    // A list of strings can always be written.
    (!values.is_empty()).then(|| serde_json::to_string(values).unwrap_or_default())
}

/// Reads what [`values_json`] wrote.
pub(crate) fn values_of(json: Option<&str>) -> Vec<String> {
    json.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

pub(crate) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(index)?))
}

pub(crate) fn digest(row: &Row<'_>, index: usize) -> Result<Digest> {
    Ok(Digest::from_bytes(row.get(index)?))
}

pub(crate) fn trace_id(row: &Row<'_>, index: usize) -> Result<TraceId> {
    Ok(TraceId::from_bytes(row.get(index)?))
}

pub(crate) fn agent_id(row: &Row<'_>, index: usize) -> Result<AgentId> {
    Ok(AgentId::from_bytes(row.get(index)?))
}

/// A count; never negative in the tables.
pub(crate) fn count(row: &Row<'_>, index: usize) -> Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

/// Reads [`COLUMNS`].
pub(crate) fn trace_row(row: &Row<'_>) -> Result<TraceRow> {
    let (timestamp, at) = (time(row, 3)?, time(row, 4)?);
    let stream: Option<[u8; 16]> = row.get(15)?;
    let seq: Option<i64> = row.get(16)?;
    let values: Option<&str> = row.get_ref(11)?.as_str_or_null()?;
    Ok(TraceRow {
        position: row.get(0)?,
        trace_id: trace_id(row, 1)?,
        agent_id: agent_id(row, 2)?,
        timestamp,
        at,
        odd_time: at != timestamp,
        received_at: time(row, 5)?,
        tool_name: row.get(6)?,
        action_type: action_of(row.get(7)?),
        session_id: row.get(8)?,
        rule_id: row.get(9)?,
        reason: row.get(10)?,
        values_violated: values_of(values),
        duration_ms: row.get(12)?,
        runtime: row.get(13)?,
        outcome: row.get(14)?,
        signed: stream.is_some(),
        stream: stream.map(StreamId::from_bytes),
        seq: seq.and_then(|seq| u64::try_from(seq).ok()),
        held_back: row.get(17)?,
    })
}

/// Reads [`COLUMNS`] and [`DETAIL_COLUMNS`].
pub(crate) fn trace_detail(row: &Row<'_>) -> Result<TraceDetail> {
    let document: Option<&str> = row.get_ref(18)?.as_str_or_null()?;
    let row_itself = trace_row(row)?;
    Ok(TraceDetail {
        document: document.and_then(|document| serde_json::from_str(document).ok()),
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
