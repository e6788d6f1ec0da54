//! Rows as JSON: the shapes that scripts read, in one place.

use aap::chain::Digest;
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId};
use serde::Serialize;
use serde_json::{Map, Value, json};
use trace_store::{Cursor, TraceDetail, TraceRow};

/// A trace as listings show it.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    id: TraceId,
    agent_id: AgentId,
    timestamp: Timestamp,
    tool_name: String,
    action_type: ActionType,
    params: Value,
    result: Value,
    duration_ms: Option<f64>,
    /// `context.metadata` without the result, with `session_id`.
    metadata: Map<String, Value>,
    signed: bool,
}

impl Listed {
    /// Moves parameters, result and metadata out of the document.
    pub(crate) fn new(row: TraceRow, document: Option<Value>) -> Self {
        let mut document = document.unwrap_or_default();
        let params = document.pointer_mut("/action/parameters").map(Value::take);
        let metadata = document.pointer_mut("/context/metadata").map(Value::take);
        let mut metadata = match metadata {
            Some(Value::Object(metadata)) => metadata,
            _ => summary(&row),
        };
        let result = metadata.remove("result").unwrap_or_default();
        if let Some(session) = row.session_id {
            metadata.entry("session_id").or_insert(session.into());
        }
        Self {
            id: row.trace_id,
            agent_id: row.agent_id,
            timestamp: row.timestamp,
            tool_name: row.tool_name,
            action_type: row.action_type,
            params: params.unwrap_or_default(),
            result,
            duration_ms: row.duration_ms,
            metadata,
            signed: row.signed,
        }
    }
}

/// Metadata of a trace whose document is not at hand: what the row itself tells.
fn summary(row: &TraceRow) -> Map<String, Value> {
    let told = json!({
        "action_type": row.action_type,
        "tool_name": row.tool_name,
        "duration_ms": row.duration_ms,
        "session_id": row.session_id,
        "conscience_reason": row.reason,
        "values_violated": row.values_violated,
        "rule_id": row.rule_id,
        "runtime": row.runtime,
        "outcome": row.outcome,
        "stream": row.stream,
        "seq": row.seq,
        "held_back": row.held_back.then_some(true),
    });
    match told {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}

/// The data of a live event: a listing's row without bodies, and why.
pub(crate) fn live_event(row: &TraceRow) -> Value {
    json!({
        "id": row.trace_id,
        "agent_id": row.agent_id,
        "timestamp": row.timestamp,
        "tool_name": row.tool_name,
        "action_type": row.action_type,
        "duration_ms": row.duration_ms,
        "metadata": summary(row),
        "signed": row.signed,
        "reason": row.reason,
        "values_violated": row.values_violated,
        "rule_id": row.rule_id,
    })
}

/// A page of traces.
#[derive(Debug, Serialize)]
pub(crate) struct TracesPage {
    pub(crate) traces: Vec<Listed>,
    pub(crate) next_cursor: Option<String>,
    /// Rows among which the longest were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looked_at: Option<u64>,
    /// Whether these are all there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) complete: Option<bool>,
}

/// A refusal: a listing's row, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    #[serde(flatten)]
    listed: Listed,
    reason: Option<String>,
    values_violated: Vec<String>,
    rule_id: Option<String>,
}

impl Refusal {
    pub(crate) fn new(mut row: TraceRow, document: Option<Value>) -> Self {
        let reason = row.reason.take();
        let values_violated = std::mem::take(&mut row.values_violated);
        let rule_id = row.rule_id.take();
        Self {
            listed: Listed::new(row, document),
            reason,
            values_violated,
            rule_id,
        }
    }
}

/// A page of refusals.
#[derive(Debug, Serialize)]
pub(crate) struct RefusalsPage {
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) next_cursor: Option<String>,
}

/// One trace whole, with what proves it.
#[derive(Debug, Serialize)]
pub(crate) struct Whole {
    #[serde(flatten)]
    exported: Exported,
    note: Option<String>,
    previous: Option<TraceId>,
    next: Option<TraceId>,
}

impl From<TraceDetail> for Whole {
    fn from(mut detail: TraceDetail) -> Self {
        Self {
            note: detail.note.take(),
            previous: detail.previous,
            next: detail.next,
            exported: detail.into(),
        }
    }
}

/// One trace as an export has it: all of it but what depends on its neighbours.
#[derive(Debug, Serialize)]
pub(crate) struct Exported {
    id: TraceId,
    agent_id: AgentId,
    timestamp: Timestamp,
    /// The time it is listed under.
    at: Timestamp,
    odd_time: bool,
    received_at: Timestamp,
    position: i64,
    tool_name: String,
    action_type: ActionType,
    session_id: Option<String>,
    rule_id: Option<String>,
    reason: Option<String>,
    values_violated: Vec<String>,
    duration_ms: Option<f64>,
    runtime: Option<String>,
    outcome: Option<String>,
    signed: bool,
    stream: Option<StreamId>,
    seq: Option<u64>,
    held_back: bool,
    /// The AP-Trace.
    trace: Option<Value>,
    digest: Option<Digest>,
}

impl From<TraceDetail> for Exported {
    fn from(detail: TraceDetail) -> Self {
        let row = detail.row;
        Self {
            id: row.trace_id,
            agent_id: row.agent_id,
            timestamp: row.timestamp,
            at: row.at,
            odd_time: row.odd_time,
            received_at: row.received_at,
            position: row.position,
            tool_name: row.tool_name,
            action_type: row.action_type,
            session_id: row.session_id,
            rule_id: row.rule_id,
            reason: row.reason,
            values_violated: row.values_violated,
            duration_ms: row.duration_ms,
            runtime: row.runtime,
            outcome: row.outcome,
            signed: row.signed,
            stream: row.stream,
            seq: row.seq,
            held_back: row.held_back,
            trace: detail.document,
            digest: detail.digest,
        }
    }
}

pub(crate) fn next_cursor(cursor: Option<Cursor>) -> Option<String> {
    cursor.map(|cursor| cursor.to_string())
}
