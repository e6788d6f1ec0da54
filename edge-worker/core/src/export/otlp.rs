//! OTLP JSON: a trace becomes a span `execute_tool`; how stands in the crate `otlp`.

use otlp::{Call, span_json};
use trace_store::TraceDetail;

/// What stands before the first span.
pub(super) const HEAD: &str = concat!(
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[",
    "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"smoltbot\"}}]},",
    "\"scopeSpans\":[{\"scope\":{\"name\":\"smoltbot\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"},\"spans\":["
);
/// What stands behind the last one.
pub(super) const TAIL: &str = "]}]}]}\n";

/// Appends a span.
pub(super) fn write(detail: TraceDetail, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(out, &span_json(&call(detail).span()))
}

fn call(detail: TraceDetail) -> Call {
    let row = detail.row;
    Call {
        id: row.trace_id,
        agent_id: row.agent_id,
        timestamp: row.timestamp,
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
        document: detail.document,
        digest: detail.digest,
    }
}
