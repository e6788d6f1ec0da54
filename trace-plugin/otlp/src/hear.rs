//! A span of others as a call: the flat trace that the edge takes from clients which sign nothing.
//!
//! A span is a tool call where it says so: by the conventions for generative AI (`gen_ai.operation.name` is `execute_tool`),
//! by `OpenInference` (`openinference.span.kind` is `TOOL`), or by `OpenClaw`'s own exporter (`openclaw.tool.execution`). Of its
//! attributes only those below are kept. Whoever sends it says who acted: `gen_ai.agent.id`, which is an id if it is a UUID
//! and a name otherwise, else `service.name`; `service.instance.id` names a process rather than an agent, most are random.

use aap::{ActionType, AgentId, Timestamp, TraceId};
use serde_json::{Map, Value as Json, json};

use crate::span::{Attributes, Resource, Span, attribute, hex, text};

/// Characters of a name or an id that are kept.
const MAX_CHARS: usize = 256;
/// How SDKs name a service whose operator gave it no name.
const NAMELESS: &str = "unknown_service";
/// The trace's [`aap::trace::Metadata::outcome`]: how the call ended is what somebody reported.
const REPORTED: &str = "reported";
/// What `error.type` says of a call that was not let run, and `openclaw.outcome`, too.
const REFUSED: [&str; 4] = ["refused", "denied", "permission_denied", "blocked"];

/// What a span is.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A tool call, as a flat trace.
    Call(AgentId, Json),
    /// No tool call.
    Other,
    /// A tool call that cannot be kept, and why.
    Unusable(String),
}

/// Reads a span of this resource.
pub fn heard(resource: &Resource, span: &Span) -> Heard {
    let Some(tool) = tool(span) else {
        return Heard::Other;
    };
    match call(&resource.attributes, span, &tool) {
        Ok((agent, call)) => Heard::Call(agent, call),
        Err(why) => Heard::Unusable(why),
    }
}

/// The tool's name, if the span is a tool call.
fn tool(span: &Span) -> Option<String> {
    let told = &span.attributes;
    let by_convention = text(told, "gen_ai.tool.name");
    let after = span.name.strip_prefix("execute_tool ");
    let openclaw = span.name == "openclaw.tool.execution" && by_convention.is_some();
    let name = match text(told, "gen_ai.operation.name") {
        Some("execute_tool") => by_convention.or(after),
        None if text(told, "openinference.span.kind") == Some("TOOL") => text(told, "tool.name"),
        None if after.is_some() || openclaw => by_convention.or(after),
        _ => return None,
    };
    Some(name.unwrap_or(&span.name).to_owned())
}

fn call(resource: &Attributes, span: &Span, tool: &str) -> Result<(AgentId, Json), String> {
    let told = &span.attributes;
    let whole = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    if !whole(&span.trace_id, 16) || !whole(&span.span_id, 8) {
        return Err("its traceId is not 16 bytes, or its spanId not 8".to_owned());
    }
    if tool.is_empty() {
        return Err("it has neither gen_ai.tool.name nor a name".to_owned());
    }
    if span.start == 0 {
        return Err("startTimeUnixNano is missing".to_owned());
    }
    let millis = i64::try_from(span.start / 1_000_000).unwrap_or(i64::MAX);
    let at = Timestamp::from_millis(millis);
    let agent = agent(resource, told)?;
    let (run, id) = (hex(&span.trace_id), hex(&span.span_id));
    let trace_id = TraceId::derived(at, &format!("smoltbot/otlp/span\n{agent}\n{run}\n{id}"));
    let action_type = action_type(span);
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(told, key)).map(cut);

    let mut metadata = Map::new();
    let mut tell = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), value.into());
        }
    };
    tell("source", Some("otlp".to_owned()));
    tell("outcome", Some(REPORTED.to_owned()));
    tell(
        "session_id",
        first(&["gen_ai.conversation.id", "session.id"]),
    );
    tell(
        "tool_call_id",
        first(&["gen_ai.tool.call.id", "tool_call.id"]),
    );
    let runtime = text(told, "smoltbot.runtime").or_else(|| text(resource, "service.name"));
    tell("runtime", runtime.map(cut));
    tell("agent_name", first(&["gen_ai.agent.name"]));
    tell("rule_id", first(&["smoltbot.rule_id"]));
    let said = reason(span, action_type);
    let key = if action_type == ActionType::Error {
        "error"
    } else {
        "conscience_reason"
    };
    tell(key, said);
    // Whoever exports it again tells it as this span.
    let parent = span.parent.as_deref().filter(|id| whole(id, 8)).map(hex);
    tell("otel_trace_id", Some(run));
    tell("otel_span_id", Some(id));
    tell("otel_parent_span_id", parent);
    let values = attribute(told, "smoltbot.values_violated").cloned();
    if let Some(values) = values {
        metadata.insert("values_violated".to_owned(), values.into_json());
    }
    // A clock that was set back in between tells no duration.
    let took = span.end.checked_sub(span.start).filter(|_| span.end > 0);
    #[expect(
        clippy::cast_precision_loss,
        reason = "of a year in nanoseconds none is lost"
    )]
    let took = took.map(|nanos| (nanos / 1_000) as f64 / 1_000.0);
    let flat = json!({
        "id": trace_id,
        "agent_id": agent,
        "timestamp": at,
        "tool_name": tool,
        "action_type": action_type,
        "params": content(told, &["gen_ai.tool.call.arguments", "input.value", "tool.parameters"]),
        "result": content(told, &["gen_ai.tool.call.result", "output.value"]),
        "duration_ms": took,
        "metadata": metadata,
    });
    Ok((agent, flat))
}

/// Who acted, as whoever sends the span says.
fn agent(resource: &Attributes, told: &Attributes) -> Result<AgentId, String> {
    let named = text(told, "gen_ai.agent.id").or_else(|| text(resource, "gen_ai.agent.id"));
    if let Some(id) = named.and_then(|id| id.parse::<AgentId>().ok()) {
        return if id.is_self_certifying() {
            Err(format!(
                "agent {id} has an id of version 8, which its key must prove: such agents send to /v1/traces, with a checkpoint"
            ))
        } else {
            Ok(id)
        };
    }
    let service = text(resource, "service.name").filter(|name| !name.starts_with(NAMELESS));
    if named.is_none() && service.is_none() {
        return Err(
            "it does not say who acted: set service.name (OTEL_SERVICE_NAME) or gen_ai.agent.id"
                .to_owned(),
        );
    }
    let namespace = text(resource, "service.namespace").unwrap_or_default();
    let (service, named) = (service.unwrap_or_default(), named.unwrap_or_default());
    Ok(AgentId::of_name(&format!(
        "smoltbot/otlp/agent\n{namespace}\n{service}\n{named}"
    )))
}

fn action_type(span: &Span) -> ActionType {
    let told = |key| text(&span.attributes, key);
    if let Some(kind) = told("smoltbot.action_type").and_then(ActionType::parse) {
        return kind;
    }
    let error = told("error.type");
    let refused = [error, told("openclaw.outcome")];
    if refused
        .into_iter()
        .flatten()
        .any(|word| REFUSED.contains(&word))
    {
        ActionType::Deny
    } else if error.is_some() || span.error.is_some() {
        ActionType::Error
    } else {
        ActionType::Allow
    }
}

/// Why it was refused, or what went wrong.
fn reason(span: &Span, kind: ActionType) -> Option<String> {
    if kind == ActionType::Allow {
        return text(&span.attributes, "smoltbot.reason").map(str::to_owned);
    }
    let keys = ["smoltbot.reason", "openclaw.deniedReason"];
    let told = keys.iter().find_map(|key| text(&span.attributes, key));
    let message = span.error.as_deref().filter(|text| !text.is_empty());
    let said = told
        .or(message)
        .or_else(|| text(&span.attributes, "error.type"));
    said.map(str::to_owned)
}

/// Arguments or a result: JSON where the text is JSON.
fn content(told: &Attributes, keys: &[&str]) -> Json {
    let found = keys.iter().find_map(|key| attribute(told, key)).cloned();
    match found.map(crate::Value::into_json) {
        Some(Json::String(text)) => match serde_json::from_str(&text) {
            Ok(parsed @ (Json::Object(_) | Json::Array(_))) => parsed,
            _ => text.into(),
        },
        Some(other) => other,
        None => Json::Null,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}
