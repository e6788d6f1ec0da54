//! Rollouts of Codex: `~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl`.
//!
//! A line is `{"timestamp","type","payload"}`; calls and their outputs are payloads of `response_item`. In the first versions
//! payloads stood alone, without a time: these calls have the session's. Read from rollouts of 0.20 to 0.149.

use aap::{Timestamp, ToolCall};
use serde_json::{Map, Value, json};

use super::{Open, Past, Reader, text, texts, time};
use crate::dialect::Dialect;
use crate::event::{Ended, Seen};

/// What outputs say of a call that nobody let run.
const REFUSED: [&str; 4] = [
    "rejected by user",
    "rejected by the user",
    "rejected by policy",
    "blocked by hook",
];
/// How far into an output that is looked for: it is its first sentence.
const REFUSED_WITHIN: usize = 200;

/// A rollout as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Rollout {
    session: Option<String>,
    cwd: Option<String>,
    began: Option<Timestamp>,
    open: Open,
}

impl Reader for Rollout {
    fn line(&mut self, number: u64, line: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String> {
        let line = super::json(line)?;
        let at = time(&line);
        let payload = line.get("payload").unwrap_or(&line);
        let kind = if line.get("payload").is_some() {
            text(&line, "type")
        } else {
            None
        };
        match kind {
            Some("session_meta") => self.meta(payload, at),
            Some("turn_context") => {
                self.cwd = text(payload, "cwd").map(str::to_owned).or(self.cwd.take());
            }
            Some("response_item") => self.item(number, payload, at, tell)?,
            Some(_) => {}
            None if payload.get("instructions").is_some() && payload.get("type").is_none() => {
                self.meta(payload, at);
            }
            None => self.item(number, payload, at, tell)?,
        }
        Ok(())
    }

    fn end(&mut self, tell: &mut dyn FnMut(Past)) {
        self.open.all(tell);
    }
}

impl Rollout {
    fn meta(&mut self, payload: &Value, at: Option<Timestamp>) {
        // A session that was forked from another has that one's first line behind its own.
        if self.session.is_none() {
            self.session = text(payload, "id").map(str::to_owned);
            self.cwd = text(payload, "cwd").map(str::to_owned);
            self.began = time(payload).or(at);
        }
    }

    fn item(
        &mut self,
        number: u64,
        item: &Value,
        at: Option<Timestamp>,
        tell: &mut dyn FnMut(Past),
    ) -> Result<(), String> {
        let (tool, params) = match text(item, "type") {
            Some("function_call") => {
                let name = text(item, "name").ok_or("its function_call has no name")?;
                (name, arguments(item.get("arguments")))
            }
            Some("custom_tool_call") => {
                let name = text(item, "name").ok_or("its custom_tool_call has no name")?;
                (name, json!({ "input": item.get("input") }))
            }
            Some("local_shell_call") => {
                let action = item.get("action").and_then(Value::as_object);
                let mut action: Map<_, _> = action.cloned().unwrap_or_default();
                action.remove("type");
                ("local_shell", Value::Object(action))
            }
            Some("web_search_call") => (
                "web_search",
                item.get("action").cloned().unwrap_or_default(),
            ),
            Some("function_call_output" | "custom_tool_call_output") => {
                let id = text(item, "call_id").unwrap_or_default();
                let seen = seen(item.get("output").unwrap_or(&Value::Null));
                if let Some(past) = self.open.end(id, seen) {
                    tell(past);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let at = at
            .or(self.began)
            .ok_or("its timestamp is missing or no time")?;
        let id = text(item, "call_id").or_else(|| text(item, "id"));
        // What has no id is told apart by its place.
        let id = id.map_or_else(|| format!("line {number}"), str::to_owned);
        let call = ToolCall {
            cwd: self.cwd.clone(),
            session_id: self.session.clone(),
            call_id: Some(id),
            ..ToolCall::new(Dialect::Codex.name(), tool, params)
        };
        if tool == "web_search" {
            // The provider ran it; there is no output of it.
            tell(Past::new(call, at, Some(completed(Value::Null))));
        } else {
            self.open.begin(call, at, tell);
        }
        Ok(())
    }
}

/// Arguments are JSON in a text.
fn arguments(told: Option<&Value>) -> Value {
    match told {
        Some(Value::String(written)) => match serde_json::from_str(written) {
            Ok(read @ Value::Object(_)) => read,
            _ => json!({ "unreadable": written }),
        },
        Some(other) => other.clone(),
        None => json!({}),
    }
}

fn completed(result: Value) -> Seen {
    Seen {
        ended: Ended::Completed,
        result,
        error: None,
        exit_code: None,
        duration_ms: None,
    }
}

/// An output is a text, `{"output","metadata":{"exit_code","duration_seconds"}}` in a text, parts of a message, or
/// `{"content","success"}`.
fn seen(output: &Value) -> Seen {
    let structured = match output {
        Value::String(written) => serde_json::from_str(written).ok(),
        other => Some(other.clone()),
    };
    let structured = structured.filter(Value::is_object);
    let inner = structured
        .as_ref()
        .and_then(|told| told.get("output").or_else(|| told.get("content")));
    let said = texts(inner.unwrap_or(output));
    let metadata = |key: &str| {
        structured
            .as_ref()
            .and_then(|told| told.pointer("/metadata")?.get(key))
    };
    let line = |name: &str| {
        said.lines()
            .take(4)
            .find_map(|line| line.strip_prefix(name))
    };
    let exit_code = metadata("exit_code")
        .and_then(Value::as_i64)
        .or_else(|| line("Exit code: ")?.trim().parse().ok());
    let seconds = metadata("duration_seconds")
        .and_then(Value::as_f64)
        .or_else(|| line("Wall time: ")?.split(' ').next()?.parse().ok());
    let begin: String = said.chars().take(REFUSED_WITHIN).collect();
    let failed = structured
        .as_ref()
        .and_then(|told| told.get("success")?.as_bool())
        == Some(false);
    let ended = if REFUSED.iter().any(|words| begin.contains(words)) && exit_code.is_none() {
        Ended::Blocked
    } else if failed {
        Ended::Failed
    } else {
        Ended::Completed
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates"
    )]
    let duration_ms = seconds.map(|seconds| (seconds * 1000.0) as u64);
    Seen {
        ended,
        error: (ended != Ended::Completed).then(|| said.clone()),
        exit_code,
        duration_ms,
        result: inner.cloned().unwrap_or_else(|| output.clone()),
    }
}
