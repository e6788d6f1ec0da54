//! A call of ours, or one that the edge keeps, as a span `execute_tool`.
//!
//! Where the agent's runtime told the span that its call was a part of (`traceparent`), ours is a child of it. Otherwise spans
//! of a session share a trace id, so that tools show them as one run; a call without a session is a run of its own. Ids are
//! derived from what they name: told twice, it is the same span. What others have told by a span keeps that span's ids.

use aap::chain::{Digest, Header};
use aap::{ActionType, AgentId, StreamId, Timestamp, TraceId};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::span::{Attributes, Span, Value, unhex};

/// The longest span that is told, in milliseconds: a year. What clients claim beyond is no duration.
const MAX_SPAN_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

/// Of the trace, of the span, and of its parent.
type Ids = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// A call. Its fields are those of a line of `GET /v1/export?format=ndjson`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Call {
    /// The trace's id.
    pub id: TraceId,
    /// Who acted.
    pub agent_id: AgentId,
    /// When.
    pub timestamp: Timestamp,
    /// The tool.
    pub tool_name: String,
    /// Allow, deny or error.
    pub action_type: ActionType,
    /// The conversation.
    pub session_id: Option<String>,
    /// The rule that decided.
    pub rule_id: Option<String>,
    /// The verdict in words, or the error.
    pub reason: Option<String>,
    /// Values that were or would have been violated.
    #[serde(default)]
    pub values_violated: Vec<String>,
    /// Milliseconds.
    pub duration_ms: Option<f64>,
    /// The runtime that asked.
    pub runtime: Option<String>,
    /// See `aap::trace::Metadata::outcome`.
    pub outcome: Option<String>,
    /// Whether its agent has signed it.
    pub signed: bool,
    /// Its chain.
    pub stream: Option<StreamId>,
    /// Its place there.
    pub seq: Option<u64>,
    /// Whether its content is held back.
    pub held_back: bool,
    /// The AP-Trace.
    #[serde(rename = "trace")]
    pub document: Option<Json>,
    /// The link's digest.
    pub digest: Option<Digest>,
}

impl Call {
    /// A link as a spool keeps it.
    pub fn of_link(header: &Header, document: Option<Json>) -> Self {
        let mut call = Self {
            id: header.trace_id,
            agent_id: header.agent_id,
            timestamp: header.timestamp,
            tool_name: header.tool_name.clone(),
            action_type: header.action_type,
            session_id: None,
            rule_id: header.rule_id.clone(),
            reason: None,
            values_violated: Vec::new(),
            duration_ms: None,
            runtime: None,
            outcome: None,
            signed: true,
            stream: Some(header.stream),
            seq: Some(header.seq),
            held_back: document.is_none(),
            document,
            digest: Some(header.digest()),
        };
        let error = (call.action_type == ActionType::Error).then(|| call.metadata_text("error"));
        call.reason = error
            .flatten()
            .or_else(|| call.metadata_text("conscience_reason"));
        call.runtime = call.metadata_text("runtime");
        call.outcome = call.metadata_text("outcome");
        call.session_id = call
            .at("/context/session_id")
            .and_then(Json::as_str)
            .map(str::to_owned);
        call.duration_ms = call.metadata("duration_ms").and_then(Json::as_f64);
        let values = call.metadata("values_violated").and_then(Json::as_array);
        call.values_violated = texts(values);
        call
    }

    fn at(&self, pointer: &str) -> Option<&Json> {
        let value = self.document.as_ref()?.pointer(pointer)?;
        (!value.is_null()).then_some(value)
    }

    fn metadata(&self, key: &str) -> Option<&Json> {
        self.at("/context/metadata")?.get(key)
    }

    /// A text of the metadata; what is no text, as JSON.
    fn metadata_text(&self, key: &str) -> Option<String> {
        self.metadata(key).and_then(written)
    }

    /// The call as a span.
    pub fn span(&self) -> Span {
        let took = self.duration_ms.unwrap_or_default().clamp(0.0, MAX_SPAN_MS);
        let start = u64::try_from(self.timestamp.millis()).unwrap_or_default();
        // The year 9999 does not fit into nanoseconds; OTLP's last one is 2554.
        let start = start.saturating_mul(1_000_000);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is clamped to a year"
        )]
        let end = start.saturating_add((took * 1_000_000.0) as u64);
        let (trace_id, span_id, parent) = self.ids();
        let failed = self.action_type != ActionType::Allow;
        Span {
            trace_id,
            span_id,
            parent,
            name: format!("execute_tool {}", self.tool_name),
            start,
            end,
            attributes: self.attributes(),
            error: failed.then(|| self.reason.clone().unwrap_or_default()),
        }
    }

    /// Of what others have told by a span: that span's.
    fn told(&self) -> Option<Ids> {
        let id = |key: &str, length: usize| {
            let id = unhex(self.metadata(key)?.as_str()?)?;
            (id.len() == length).then_some(id)
        };
        let parent = id("otel_parent_span_id", 8);
        Some((id("otel_trace_id", 16)?, id("otel_span_id", 8)?, parent))
    }

    fn ids(&self) -> Ids {
        if let Some(told) = self.told() {
            return told;
        }
        let digested =
            |name: &str| unhex(&Digest::of(name.as_bytes()).to_string()).unwrap_or_default();
        let own = self.id.uuid();
        // An id's later half is its random one, or anything that a client chose: digested, it is never zero.
        let mut span = digested(&own.simple().to_string());
        span.truncate(8);
        if let Some((run, parent)) = self
            .metadata("traceparent")
            .and_then(Json::as_str)
            .and_then(traceparent)
        {
            return (run, span, Some(parent));
        }
        let run = match &self.session_id {
            None => own.as_bytes().to_vec(),
            Some(session) => {
                let mut run = digested(&format!(
                    "smoltbot/otlp/session\n{}\n{session}",
                    self.agent_id
                ));
                run.truncate(16);
                run
            }
        };
        (run, span, None)
    }

    fn attributes(&self) -> Attributes {
        let error = match self.action_type {
            ActionType::Allow => None,
            ActionType::Deny => Some("refused".to_owned()),
            ActionType::Error => Some(self.outcome.clone().unwrap_or_else(|| "_OTHER".to_owned())),
        };
        let texts = [
            ("gen_ai.operation.name", Some("execute_tool".to_owned())),
            ("gen_ai.tool.name", Some(self.tool_name.clone())),
            ("gen_ai.tool.type", Some("function".to_owned())),
            ("gen_ai.tool.call.id", self.metadata_text("tool_call_id")),
            (
                "gen_ai.tool.call.arguments",
                self.at("/action/parameters").and_then(written),
            ),
            ("gen_ai.tool.call.result", self.metadata_text("result")),
            ("gen_ai.agent.id", Some(self.agent_id.to_string())),
            ("gen_ai.conversation.id", self.session_id.clone()),
            ("error.type", error),
            ("smoltbot.trace_id", Some(self.id.to_string())),
            (
                "smoltbot.action_type",
                Some(self.action_type.as_str().to_owned()),
            ),
            ("smoltbot.outcome", self.outcome.clone()),
            ("smoltbot.reason", self.reason.clone()),
            ("smoltbot.rule_id", self.rule_id.clone()),
            ("smoltbot.runtime", self.runtime.clone()),
            ("smoltbot.source", self.metadata_text("source")),
            (
                "smoltbot.stream",
                self.stream.map(|stream| stream.to_string()),
            ),
            (
                "smoltbot.digest",
                self.digest.map(|digest| digest.to_string()),
            ),
        ];
        let texts = texts.into_iter();
        let mut told: Attributes = texts
            .filter_map(|(key, text)| Some((key.to_owned(), Value::Text(text?))))
            .collect();
        let mut tell = |key: &str, value| told.push((key.to_owned(), value));
        if let Some(seq) = self.seq {
            tell("smoltbot.seq", Value::Int(seq.cast_signed()));
        }
        tell("smoltbot.signed", Value::Bool(self.signed));
        tell("smoltbot.held_back", Value::Bool(self.held_back));
        if !self.values_violated.is_empty() {
            let values = self.values_violated.iter().cloned();
            tell(
                "smoltbot.values_violated",
                Value::List(values.map(Value::Text).collect()),
            );
        }
        told
    }
}

fn texts(list: Option<&Vec<Json>>) -> Vec<String> {
    let items = list.into_iter().flatten().filter_map(Json::as_str);
    items.map(str::to_owned).collect()
}

fn written(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Trace and parent of a W3C `traceparent` of version 00, `00-<32 digits>-<16 digits>-<2 digits>`.
fn traceparent(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut parts = text.split('-');
    let (version, run, parent) = (parts.next()?, unhex(parts.next()?)?, unhex(parts.next()?)?);
    let known = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    (version == "00" && known(&run, 16) && known(&parent, 8)).then_some((run, parent))
}
