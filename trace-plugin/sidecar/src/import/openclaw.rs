//! Sessions of `OpenClaw` as JSONL: `~/.openclaw/agents/*/sessions/*.jsonl`, and what newer versions export or archive so.
//!
//! The first line is the session; messages of the assistant hold `toolCall` parts, those of the role `toolResult` answer them.
//! Read from sessions of format versions 3 and 4. From 2026.9 on live sessions are in a database: `openclaw_database`.

use aap::ToolCall;
use serde_json::{Value, json};

use super::{Open, Past, Reader, text, texts, time};
use crate::dialect::Dialect;
use crate::event::{Ended, Seen};

/// A session as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: Option<String>,
    cwd: Option<String>,
    open: Open,
}

impl Reader for Session {
    fn line(&mut self, _: u64, line: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String> {
        let line = super::json(line)?;
        match text(&line, "type") {
            Some("session") => {
                self.id = text(&line, "id").map(str::to_owned);
                self.cwd = text(&line, "cwd").map(str::to_owned);
            }
            Some("message") => self.message(&line, tell)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tell: &mut dyn FnMut(Past)) {
        self.open.all(tell);
    }
}

impl Session {
    /// A session whose id is known before its first line.
    pub(super) fn of(id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            ..Self::default()
        }
    }

    fn message(&mut self, line: &Value, tell: &mut dyn FnMut(Past)) -> Result<(), String> {
        let Some(message) = line.get("message") else {
            return Err("it is a message without one".to_owned());
        };
        if text(message, "role") == Some("toolResult") {
            let id = text(message, "toolCallId").unwrap_or_default();
            if let Some(past) = self.open.end(id, seen(message)) {
                tell(past);
            }
            return Ok(());
        }
        let parts = message.get("content").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            if text(part, "type") != Some("toolCall") {
                continue;
            }
            let at = time(line).or_else(|| time(message));
            let at = at.ok_or("its timestamp is missing or no time")?;
            let id = text(part, "id").ok_or("its toolCall has no id")?;
            let tool = text(part, "name").ok_or("its toolCall has no name")?;
            let params = part.get("arguments").cloned().unwrap_or_default();
            let call = ToolCall {
                cwd: self.cwd.clone(),
                session_id: self.id.clone(),
                call_id: Some(id.to_owned()),
                ..ToolCall::new(Dialect::OpenClaw.name(), tool, params)
            };
            self.open.begin(call, at, tell);
        }
        Ok(())
    }
}

/// As its hook tells an end: by `details.status`, and by whether there is an error.
fn seen(message: &Value) -> Seen {
    let content = message.get("content").cloned().unwrap_or_default();
    let details = message.get("details").cloned().unwrap_or_default();
    let failed = message.get("isError").and_then(Value::as_bool) == Some(true);
    let said = texts(&content);
    let reason = text(&details, "reason").map(str::to_owned);
    let (ended, error) = match text(&details, "status") {
        Some("blocked") => (Ended::Blocked, reason.or(Some(said))),
        Some("running") => (Ended::Running, None),
        Some("error" | "failed") => (Ended::Failed, Some(said)),
        _ if failed => (Ended::Failed, Some(said)),
        _ => (Ended::Completed, None),
    };
    Seen {
        ended,
        error,
        exit_code: details.get("exitCode").and_then(Value::as_i64),
        duration_ms: details.get("durationMs").and_then(Value::as_u64),
        result: json!({ "content": content, "details": details }),
    }
}
