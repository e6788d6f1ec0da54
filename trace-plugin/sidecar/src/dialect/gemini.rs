//! Gemini CLI's `BeforeTool` and `AfterTool`, and its sessions' events.
//!
//! Calls have no id here: a before-event and an after-event are paired by what they say. `"ask"` is understood by some
//! versions only; the others would run the call without a word, and an event does not tell its version: what a person would
//! be asked about is therefore refused. A call that its user, its policy or another hook stops has no after-event.

use aap::{Decision, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::snake::Told;
use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str = r#"{"session_id":"s","cwd":"/","hook_event_name":"BeforeTool","tool_name":"run_shell_command","tool_input":{"command":"ls"}}"#;

/// Its shell.
const SHELL: &str = "run_shell_command";
/// Its events that tell nothing of a tool call that others do not tell.
const UNUSED: [&str; 5] = [
    "BeforeModel",
    "AfterModel",
    "BeforeToolSelection",
    "Notification",
    "PreCompress",
];

/// What a tool answered.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let (event, mut told) = Told::read(line, EXAMPLE)?;
    Ok(match event.as_str() {
        "BeforeTool" => Event::Before {
            call: call(&mut told, true)?,
            can_ask: false,
        },
        "AfterTool" => {
            let call = call(&mut told, false)?;
            let seen = seen(&told, &call.tool);
            Event::After(call, seen)
        }
        "SessionStart" => told.session(Dialect::Gemini, SessionChange::Started),
        "BeforeAgent" | "AfterAgent" => told.session(Dialect::Gemini, SessionChange::TurnEnded),
        "SessionEnd" => told.session(Dialect::Gemini, SessionChange::Ended),
        other if UNUSED.contains(&other) => Event::Other,
        other => super::unknown(Dialect::Gemini, other),
    })
}

/// The server whose tool it is.
#[derive(Deserialize)]
struct Server {
    server_name: String,
    tool_name: String,
}

/// The call. A server's tool is called as other agents call it, since `mcp_<server>_<tool>` does not tell where which ends.
fn call(told: &mut Told<'_>, waits: bool) -> Result<ToolCall, Unreadable> {
    let server = told
        .mcp_context
        .and_then(|raw| serde_json::from_str::<Server>(raw.get()).ok());
    if let Some(server) = server {
        told.tool_name = Some(format!("mcp__{}__{}", server.server_name, server.tool_name));
    }
    told.call(Dialect::Gemini, waits)
}

/// What a shell's answer ends with, after the exit code where that is not zero.
const TAIL: [&str; 3] = [
    "</untrusted_context>",
    "Process Group PGID:",
    "Background PIDs:",
];

/// A command's exit code, which its answer tells in a line of its own if it is not zero.
fn exit_code(result: &Value) -> Option<i64> {
    let text = result.get("llmContent")?.as_str()?;
    let mut lines = text.lines().rev();
    let last = lines.find(|line| !TAIL.iter().any(|tail| line.starts_with(tail)))?;
    last.strip_prefix("Exit Code: ")?.parse().ok()
}

fn seen(told: &Told<'_>, tool: &str) -> Seen {
    let error = told
        .tool_response
        .and_then(|raw| serde_json::from_str::<Response<'_>>(raw.get()).ok())
        .and_then(|response| fields::error(response.error.map(|raw| fields::result(Some(raw)))));
    let result = fields::result(told.tool_response);
    let exit_code = (tool == SHELL).then(|| exit_code(&result)).flatten();
    Seen {
        ended: if error.is_some() {
            Ended::Failed
        } else {
            Ended::Completed
        },
        result,
        error,
        exit_code,
        duration_ms: None,
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    if applied == Decision::Allow {
        return json!({});
    }
    json!({ "decision": "deny", "reason": told(verdict) })
}
