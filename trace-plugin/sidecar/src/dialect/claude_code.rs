//! Claude Code's `PreToolUse`, `PostToolUse` and `PostToolUseFailure`.
//!
//! A refusal is answered as `hookSpecificOutput` with `permissionDecision: "deny"` and exit code 0, the form that carries
//! a reason. An allowance says nothing: `"allow"` would skip the permissions that the user has set.

use aap::{Decision, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen};

const EXAMPLE: &str = r#"{"session_id":"s","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"ls"}}"#;

#[derive(Deserialize)]
struct Told<'a> {
    hook_event_name: String,
    session_id: Option<String>,
    cwd: Option<String>,
    tool_name: Option<String>,
    tool_use_id: Option<String>,
    #[serde(borrow)]
    tool_input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_response: Option<&'a RawValue>,
    error: Option<Value>,
    is_interrupt: Option<bool>,
    duration_ms: Option<f64>,
}

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let told: Told<'_> = fields::object(line, EXAMPLE)?;
    let before = match told.hook_event_name.as_str() {
        "PreToolUse" => true,
        "PostToolUse" | "PostToolUseFailure" => false,
        _ => return Ok(Event::Other),
    };
    let Some(tool) = told.tool_name else {
        return Err(Unreadable::new("tool_name is missing: which tool is it?"));
    };
    let mut call = ToolCall {
        cwd: told.cwd,
        session_id: told.session_id,
        call_id: told.tool_use_id,
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
        return Ok(Event::Before(call));
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
