//! Claude Code's `PreToolUse`, `PostToolUse` and `PostToolUseFailure`; and the events that tell that nobody said yes.
//!
//! A refusal is answered as `hookSpecificOutput` with `permissionDecision: "deny"` and exit code 0, the form that carries
//! a reason. An allowance says nothing: `"allow"` would skip the permissions that the user has set. `"ask"` makes the agent
//! ask its user, in the modes where it does ask: `bypassPermissions` runs the call without a word, `auto` lets a model
//! decide, `dontAsk` refuses. There we refuse ourselves. The answer is not told: that the call runs shows a yes, that it has
//! not run when the turn is over (`Stop`, `UserPromptSubmit`, `SessionEnd`) shows a no, where those hooks are installed.

use aap::{Decision, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionKey};

const EXAMPLE: &str = r#"{"session_id":"s","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"ls"}}"#;

/// The modes in which a person is asked; one that says nothing of its mode asks.
const ASKING: [&str; 3] = ["default", "acceptEdits", "plan"];
/// How an error begins that says that the user did not want the call to run.
const REJECTED: &str = "The user doesn't want to";
/// Where Claude Code runs: at a terminal or below one.
const CHANNEL: &str = "cli";

#[derive(Deserialize)]
struct Told<'a> {
    hook_event_name: String,
    session_id: Option<String>,
    cwd: Option<String>,
    permission_mode: Option<String>,
    tool_name: Option<String>,
    tool_use_id: Option<String>,
    #[serde(borrow)]
    tool_input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_response: Option<&'a RawValue>,
    error: Option<Value>,
    reason: Option<Value>,
    is_interrupt: Option<bool>,
    duration_ms: Option<f64>,
}

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let told: Told<'_> = fields::object(line, EXAMPLE)?;
    let before = match told.hook_event_name.as_str() {
        "PreToolUse" => true,
        "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => false,
        "Stop" | "UserPromptSubmit" | "SessionEnd" => {
            let session = told.session_id.as_deref();
            let key = session.map(|id| SessionKey::new(Dialect::ClaudeCode.name(), id));
            return Ok(key.map_or(Event::Other, Event::TurnOver));
        }
        _ => return Ok(Event::Other),
    };
    let Some(tool) = told.tool_name else {
        return Err(Unreadable::new("tool_name is missing: which tool is it?"));
    };
    let mut call = ToolCall {
        cwd: told.cwd,
        session_id: told.session_id,
        call_id: told.tool_use_id,
        channel: Some(CHANNEL.to_owned()),
        ..ToolCall::new(Dialect::ClaudeCode.name(), tool, Value::Null)
    };
    match fields::params(told.tool_input) {
        Ok(params) => call.params = params,
        Err(what) if before => {
            return Err(Unreadable {
                what,
                call: Some(Box::new(call)),
            });
        }
        Err(what) => call.params = json!({ "unreadable": what }),
    }
    if before {
        let mode = told.permission_mode.as_deref();
        let can_ask = mode.is_none_or(|mode| ASKING.contains(&mode));
        return Ok(Event::Before { call, can_ask });
    }
    if told.hook_event_name == "PermissionDenied" {
        let reason = match told.reason {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        return Ok(Event::After(call, blocked(reason)));
    }
    let failed = told.hook_event_name == "PostToolUseFailure";
    let error = match told.error {
        Some(Value::String(text)) => Some(text),
        Some(Value::Null) | None => failed.then(|| {
            if told.is_interrupt == Some(true) {
                "Interrupted"
            } else {
                "Failed; no error was told"
            }
            .to_owned()
        }),
        Some(other) => Some(other.to_string()),
    };
    if let Some(reason) = error.as_deref().filter(|text| text.starts_with(REJECTED)) {
        return Ok(Event::After(call, blocked(Some(reason.to_owned()))));
    }
    let seen = Seen {
        ended: if failed {
            Ended::Failed
        } else {
            Ended::Completed
        },
        result: fields::result(told.tool_response),
        error: failed.then_some(error).flatten(),
        exit_code: None,
        duration_ms: fields::millis(told.duration_ms),
    };
    Ok(Event::After(call, seen))
}

/// It did not run: the user, or the agent's own rules, had it stopped.
fn blocked(reason: Option<String>) -> Seen {
    Seen {
        ended: Ended::Blocked,
        result: Value::Null,
        error: reason,
        exit_code: None,
        duration_ms: None,
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    let decision = match applied {
        Decision::Allow => return json!({}),
        Decision::Ask => "ask",
        Decision::Deny => "deny",
    };
    json!({ "hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": decision,
        "permissionDecisionReason": told(verdict),
    }})
}
