//! Transcripts of Claude Code: `~/.claude/projects/*/*.jsonl`, and those of its subagents below.
//!
//! An assistant's message holds `tool_use` parts, a user's the `tool_result` parts that answer them. A session that was resumed
//! may have its earlier lines again in another file, with the same ids. Read from transcripts of 1.0 to 2.1.

use aap::ToolCall;
use serde_json::Value;

use super::{Open, Past, Reader, json, text, texts, time};
use crate::dialect::Dialect;
use crate::event::{Ended, Seen};

/// How results begin that say that nobody let the call run.
const REFUSED: [&str; 6] = [
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "The user has denied",
    "Permission to use ",
    "Claude requested permissions to ",
    "PreToolUse:",
];
/// How the result of a command begins that ended with another exit code than 0.
const EXIT_CODE: &str = "Exit code ";

/// A transcript as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    open: Open,
}

impl Reader for Transcript {
    fn line(&mut self, _: u64, line: &[u8], tell: &mut dyn FnMut(Past)) -> Result<(), String> {
        let line = json(line)?;
        let parts = line.pointer("/message/content").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            match text(part, "type") {
                Some("tool_use") => self.begun(&line, part, tell)?,
                Some("tool_result") => self.ended(&line, part, tell),
                _ => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, tell: &mut dyn FnMut(Past)) {
        self.open.all(tell);
    }
}

impl Transcript {
    fn begun(
        &mut self,
        line: &Value,
        part: &Value,
        tell: &mut dyn FnMut(Past),
    ) -> Result<(), String> {
        let at = time(line).ok_or("its timestamp is missing or no time")?;
        let id = text(part, "id").ok_or("its tool_use has no id")?;
        let tool = text(part, "name").ok_or("its tool_use has no name")?;
        let input = part.get("input").cloned().unwrap_or_default();
        let own = |key: &str| text(line, key).map(str::to_owned);
        let call = ToolCall {
            cwd: own("cwd"),
            session_id: own("sessionId"),
            call_id: Some(id.to_owned()),
            subagent_id: own("agentId"),
            ..ToolCall::new(Dialect::ClaudeCode.name(), tool, input)
        };
        self.open.begin(call, at, tell);
        Ok(())
    }

    fn ended(&mut self, line: &Value, part: &Value, tell: &mut dyn FnMut(Past)) {
        let seen = seen(part, line.get("toolUseResult"));
        let id = text(part, "tool_use_id").unwrap_or_default();
        if let Some(past) = self.open.end(id, seen) {
            tell(past);
        }
    }
}

fn seen(part: &Value, told: Option<&Value>) -> Seen {
    let content = part.get("content").cloned().unwrap_or_default();
    let said = texts(&content);
    let failed = part.get("is_error").and_then(Value::as_bool) == Some(true);
    let exit_code = said.strip_prefix(EXIT_CODE).filter(|_| failed);
    let exit_code = exit_code.and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let refused = failed && REFUSED.iter().any(|start| said.starts_with(start));
    let ended = match (refused, failed, exit_code) {
        (true, ..) => Ended::Blocked,
        (_, true, None) => Ended::Failed,
        _ => Ended::Completed,
    };
    // What hooks are told is the structured result, where there is one.
    let told = told.filter(|told| told.is_object());
    let duration = told.and_then(|told| {
        told.get("durationMs")
            .or_else(|| told.get("totalDurationMs"))
    });
    Seen {
        ended,
        error: matches!(ended, Ended::Blocked | Ended::Failed).then_some(said),
        exit_code,
        duration_ms: duration.and_then(Value::as_u64),
        result: told.cloned().unwrap_or(content),
    }
}
