//! Codex's `PreToolUse` and `PostToolUse`, in Claude Code's shape with a turn's id; and its sessions' events.
//!
//! Codex takes no `"ask"` from `PreToolUse`: it would call the hook failed and run the tool. What a person would be asked
//! about is therefore refused. It has no event for a call that failed or was stopped by its sandbox or its user: such a call
//! is told as one whose end was not seen, at the latest when the session ends. The end of a command that goes on for long is
//! told when it is polled, maybe in a later turn. `PermissionRequest` says that Codex asks its
//! user about a call that we have already judged; the answer stays the user's. An answer with an unknown key, or a refusal
//! without a reason, counts as a failed hook there.

use aap::{Decision, Verdict};
use serde_json::{Value, json};

use super::snake::Told;
use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str = r#"{"session_id":"s","turn_id":"u","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"ls"}}"#;

/// Its events that tell nothing of a tool call that others do not tell.
const UNUSED: [&str; 7] = [
    "Notification",
    "PermissionRequest",
    "PostCompact",
    "PreCompact",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
];

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let (event, mut told) = Told::read(line, EXAMPLE)?;
    Ok(match event.as_str() {
        "PreToolUse" => Event::Before {
            call: told.call(Dialect::Codex, true)?,
            can_ask: false,
        },
        "PostToolUse" => {
            let call = told.call(Dialect::Codex, false)?;
            let seen = seen(&told, &call.tool);
            Event::After(call, seen)
        }
        "SessionStart" => told.session(Dialect::Codex, SessionChange::Started),
        "Stop" | "UserPromptSubmit" | "Interrupt" => {
            told.session(Dialect::Codex, SessionChange::TurnEnded)
        }
        "SessionEnd" => told.session(Dialect::Codex, SessionChange::Ended),
        other if UNUSED.contains(&other) => Event::Other,
        other => super::unknown(Dialect::Codex, other),
    })
}

/// How the call ended: an MCP server's tool says itself that it failed. What a command prints says nothing of that.
fn seen(told: &Told<'_>, tool: &str) -> Seen {
    let result = fields::result(told.tool_response);
    let failed = tool.starts_with("mcp__") && result.get("isError") == Some(&Value::Bool(true));
    Seen {
        ended: if failed {
            Ended::Failed
        } else {
            Ended::Completed
        },
        error: failed.then(|| fields::content(&result)),
        result,
        exit_code: None,
        duration_ms: fields::millis(told.duration_ms),
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    if applied == Decision::Allow {
        return json!({});
    }
    json!({ "hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": "deny",
        "permissionDecisionReason": told(verdict),
    }})
}
