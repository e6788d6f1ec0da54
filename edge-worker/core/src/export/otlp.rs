//! OTLP JSON: a trace becomes a span `execute_tool`, named as OpenTelemetry's conventions for generative AI name it.
//!
//! Spans of a session share a trace id, so that tools show them as one run; a trace without a session is a run of its own.
//! What the conventions have no name for stands under `smoltbot.`.

use aap::ActionType;
use aap::chain::Digest;
use serde::Serialize;
use serde_json::{Value, json};
use trace_store::{TraceDetail, TraceRow};

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

/// `SPAN_KIND_INTERNAL`, as the conventions want it for a tool's run.
const INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// A span, in the field names of OTLP's JSON mapping.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(rename = "traceId")]
    run: String,
    #[serde(rename = "spanId")]
    id: String,
    name: String,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

/// Appends a span.
pub(super) fn write(detail: &TraceDetail, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let row = &detail.row;
    let start = row.timestamp.millis().max(0);
    let took = row.duration_ms.unwrap_or_default().clamp(0.0, MAX_SPAN_MS);
    let nanos = i128::from(start) * 1_000_000;
    #[expect(clippy::cast_possible_truncation, reason = "it is clamped to a year")]
    let end = nanos + (took * 1_000_000.0) as i128;
    let (run, id) = ids(row);
    let span = Span {
        run,
        id,
        name: format!("execute_tool {}", row.tool_name),
        kind: INTERNAL,
        start_time_unix_nano: nanos.to_string(),
        end_time_unix_nano: end.to_string(),
        attributes: attributes(detail),
        status: (row.action_type != ActionType::Allow).then(
            || json!({ "code": ERROR, "message": row.reason.as_deref().unwrap_or_default() }),
        ),
    };
    serde_json::to_writer(out, &span)
}

/// The longest span that is told, in milliseconds: a year. What clients claim beyond is no duration.
const MAX_SPAN_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

/// Ids of trace and span, as hexadecimal digits.
fn ids(row: &TraceRow) -> (String, String) {
    let own = row.trace_id.uuid().simple().to_string();
    let run = match &row.session_id {
        None => own.clone(),
        Some(session) => {
            let name = format!("smoltbot/otlp/session\n{}\n{session}", row.agent_id);
            Digest::of(name.as_bytes()).to_string()[..32].to_owned()
        }
    };
    // An id's later half is its random one, or anything that a client chose: digested, it is never zero.
    let span = Digest::of(own.as_bytes()).to_string()[..16].to_owned();
    (run, span)
}

fn attributes(detail: &TraceDetail) -> Vec<Value> {
    let row = &detail.row;
    let at = |pointer: &str| {
        let value = detail.document.as_ref()?.pointer(pointer)?;
        (!value.is_null()).then_some(value)
    };
    let written = |pointer: &str| {
        at(pointer).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let error = match row.action_type {
        ActionType::Allow => None,
        ActionType::Deny => Some("refused".to_owned()),
        ActionType::Error => Some(row.outcome.clone().unwrap_or_else(|| "_OTHER".to_owned())),
    };
    let texts = [
        ("gen_ai.operation.name", Some("execute_tool".to_owned())),
        ("gen_ai.tool.name", Some(row.tool_name.clone())),
        ("gen_ai.tool.type", Some("function".to_owned())),
        (
            "gen_ai.tool.call.id",
            written("/context/metadata/tool_call_id"),
        ),
        ("gen_ai.tool.call.arguments", written("/action/parameters")),
        (
            "gen_ai.tool.call.result",
            written("/context/metadata/result"),
        ),
        ("gen_ai.agent.id", Some(row.agent_id.to_string())),
        ("gen_ai.conversation.id", row.session_id.clone()),
        ("error.type", error),
        ("smoltbot.trace_id", Some(row.trace_id.to_string())),
        (
            "smoltbot.action_type",
            Some(row.action_type.as_str().to_owned()),
        ),
        ("smoltbot.outcome", row.outcome.clone()),
        ("smoltbot.reason", row.reason.clone()),
        ("smoltbot.rule_id", row.rule_id.clone()),
        ("smoltbot.runtime", row.runtime.clone()),
        (
            "smoltbot.stream",
            row.stream.map(|stream| stream.to_string()),
        ),
        (
            "smoltbot.digest",
            detail.digest.map(|digest| digest.to_string()),
        ),
    ];
    let mut attributes: Vec<_> = texts
        .into_iter()
        .filter_map(|(key, text)| Some(json!({ "key": key, "value": { "stringValue": text? } })))
        .collect();
    if let Some(seq) = row.seq {
        // 64-bit integers are strings in OTLP's JSON.
        attributes.push(json!({ "key": "smoltbot.seq", "value": { "intValue": seq.to_string() } }));
    }
    for (key, flag) in [
        ("smoltbot.signed", row.signed),
        ("smoltbot.held_back", row.held_back),
    ] {
        attributes.push(json!({ "key": key, "value": { "boolValue": flag } }));
    }
    if !row.values_violated.is_empty() {
        let values: Vec<_> = row
            .values_violated
            .iter()
            .map(|value| json!({ "stringValue": value }))
            .collect();
        attributes.push(json!({ "key": "smoltbot.values_violated", "value": { "arrayValue": { "values": values } } }));
    }
    attributes
}
