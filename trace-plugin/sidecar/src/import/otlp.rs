//! Spans in files: JSON or NDJSON as the collector's file exporter writes them, and protobuf.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};

use aap::{Timestamp, ToolCall};
use otlp::{Heard, Told, Value as Attribute, heard, read_json, read_protobuf};
use serde_json::Value;

use super::{Past, Reader, text};
use crate::event::{Ended, Seen};

/// What a span whose service has no name is filed under.
const NAMELESS: &str = "otlp-file";

/// Lines of requests; nothing of one is needed for the next.
#[derive(Debug)]
pub(super) struct Spans;

impl Reader for Spans {
    fn line(&mut self, _: u64, line: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String> {
        message(line, tell)
    }

    fn end(&mut self, _: &mut dyn FnMut(Past)) {}
}

/// Whether the beginning of a file is spans that are no NDJSON.
pub(super) fn looks_like(begin: &[u8]) -> bool {
    let json = begin.trim_ascii_start().starts_with(b"{");
    let names = begin.windows(RESOURCE_SPANS.len());
    if json {
        names.into_iter().any(|window| window == RESOURCE_SPANS)
    } else {
        // Field 1, a message that begins with a resource or with spans.
        begin.first() == Some(&0x0a) && (read_protobuf(begin).is_ok() || begin.len() > 4096)
    }
}

const RESOURCE_SPANS: &[u8] = b"\"resourceSpans\"";

/// Whether each line is a request of its own: the first one is a whole one.
pub(super) fn is_lines(file: &mut File) -> io::Result<bool> {
    file.rewind()?;
    let mut first = Vec::new();
    let most = super::MAX_LINE_BYTES as u64;
    BufReader::new(&mut *file)
        .take(most)
        .read_until(b'\n', &mut first)?;
    Ok(serde_json::from_slice::<serde::de::IgnoredAny>(first.trim_ascii()).is_ok())
}

/// Reads one request, or what else holds `resourceSpans`.
pub(super) fn message(bytes: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String> {
    let json = bytes.trim_ascii_start().starts_with(b"{");
    let told = if json {
        read_json(bytes)
    } else {
        read_protobuf(bytes)
    };
    let mut bad = Vec::new();
    for Told {
        mut resource,
        spans,
    } in told.map_err(|error| error.to_string())?
    {
        // Whose they were does not matter here: they become calls in this agent's own record.
        resource
            .attributes
            .retain(|(key, _)| key != "gen_ai.agent.id");
        let named = |(key, value): &(String, Attribute)| {
            key == "service.name"
                && value
                    .as_text()
                    .is_some_and(|name| !name.starts_with("unknown_service"))
        };
        if !resource.attributes.iter().any(named) {
            resource
                .attributes
                .push(("service.name".to_owned(), NAMELESS.into()));
        }
        for mut span in spans {
            span.attributes.retain(|(key, _)| key != "gen_ai.agent.id");
            match heard(&resource, &span) {
                Heard::Call(_, flat) => tell(past(&flat)),
                Heard::Other => {}
                Heard::Unusable(why) => bad.push(why),
            }
        }
    }
    match bad.first() {
        None => Ok(()),
        Some(why) => Err(format!("{} of its spans cannot be kept: {why}", bad.len())),
    }
}

/// A flat trace of [`heard`], as a call.
fn past(flat: &Value) -> Past {
    let metadata = flat.get("metadata").unwrap_or(&Value::Null);
    let own = |key: &str| text(metadata, key).map(str::to_owned);
    let (ended, error) = match text(flat, "action_type") {
        Some("deny") => (Ended::Blocked, own("conscience_reason")),
        Some("error") => (Ended::Failed, own("error")),
        _ => (Ended::Completed, None),
    };
    let part = |key: &str| flat.get(key).cloned().unwrap_or_default();
    let took = flat.get("duration_ms").and_then(Value::as_f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates"
    )]
    let duration_ms = took.map(|ms| ms as u64);
    let runtime = own("runtime").unwrap_or_else(|| NAMELESS.to_owned());
    let call = ToolCall {
        session_id: own("session_id"),
        call_id: own("tool_call_id"),
        ..ToolCall::new(
            runtime,
            text(flat, "tool_name").unwrap_or_default(),
            part("params"),
        )
    };
    let at = text(flat, "timestamp").and_then(|at| Timestamp::parse(at).ok());
    let seen = Seen {
        ended,
        result: part("result"),
        error,
        exit_code: None,
        duration_ms,
    };
    let span = [own("otel_trace_id"), own("otel_span_id")].map(Option::unwrap_or_default);
    Past {
        name: format!("smoltbot/import\notlp\n{}\n{}", span[0], span[1]),
        // A span without a beginning is not heard.
        at: at.unwrap_or(Timestamp::from_millis(0)),
        seen: Some(seen),
        call,
    }
}
