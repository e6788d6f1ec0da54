//! Claude Code's `PreToolUse`, `PostToolUse`, `PostToolUseFailure` and `PermissionDenied`, and its sessions' events.
//!
//! A refusal is answered as `hookSpecificOutput` with `permissionDecision: "deny"` and exit code 0, the form that carries
//! a reason. An allowance says nothing: `"allow"` would skip the permissions that the user has set. `"ask"` makes the agent
//! ask its user, in the modes where it does ask: `bypassPermissions` runs the call without a word, `auto` lets a model
//! decide, `dontAsk` refuses. There we refuse ourselves. The answer is not told: that the call runs shows a yes, that it has
//! not run when the turn is over (`Stop`, `UserPromptSubmit`, `SessionEnd`) shows a no, where those hooks are installed.
//!
//! A command that exits with another code than zero has failed in Claude Code's eyes; for us it ran to its end.
//!
//! `PermissionRequest` tells nothing that `PreToolUse` has not told, and has no call id; `PostToolBatch` repeats what
//! `PostToolUse` has told. Cursor can be made to run Claude Code's hooks: its calls are recorded and answered as
//! Cursor's own, under the ids that its own hooks have too, so that none is recorded twice.

use aap::{Decision, Verdict};
use serde_json::{Value, json};

use super::snake::Told;
use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str = r#"{"session_id":"s","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"t","tool_input":{"command":"ls"}}"#;

/// The modes in which a person is asked; one that says nothing of its mode asks.
const ASKING: [&str; 3] = ["default", "acceptEdits", "plan"];
/// Its shells.
const SHELLS: [&str; 2] = ["Bash", "PowerShell"];
/// How an error begins that says that the user did not want the call to run.
const REJECTED: &str = "The user doesn't want to";
/// Its events that tell nothing of a tool call that others do not tell.
const UNUSED: [&str; 25] = [
    "ConfigChange",
    "CwdChanged",
    "DirectoryAdded",
    "Elicitation",
    "ElicitationResult",
    "FileChanged",
    "InstructionsLoaded",
    "MessageDisplay",
    "Notification",
    "PermissionRequest",
    "PostCompact",
    "PostModelSwitch",
    "PostToolBatch",
    "PreCompact",
    "PreModelSwitch",
    "Setup",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "TaskCompleted",
    "TaskCreated",
    "TeammateIdle",
    "UserPromptExpansion",
    "WorktreeCreate",
    "WorktreeRemove",
];

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let (event, mut told) = Told::read(line, EXAMPLE)?;
    if told.cursor_version.is_some() {
        return super::cursor::read(line);
    }
    if told.turn_id.is_some() {
        let doubt = "this event has a turn_id, so it is Codex's, and is recorded and answered as Codex's: call \
                     `smoltbot hook codex` there";
        return Ok(Event::Doubted(
            Box::new(super::codex::read(line)?),
            doubt.to_owned(),
        ));
    }
    let dialect = Dialect::ClaudeCode;
    Ok(match event.as_str() {
        "PreToolUse" => {
            let mode = told.permission_mode.take();
            let can_ask = mode.is_none_or(|mode| ASKING.contains(&mode.as_str()));
            let call = told.call(dialect, true)?;
            Event::Before { call, can_ask }
        }
        "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => {
            let call = told.call(dialect, false)?;
            let seen = seen(&event, &call.tool, &mut told);
            Event::After(call, seen)
        }
        "SessionStart" => told.session(dialect, SessionChange::Started),
        "Stop" | "UserPromptSubmit" => told.session(dialect, SessionChange::TurnEnded),
        "SessionEnd" => told.session(dialect, SessionChange::Ended),
        other if UNUSED.contains(&other) => Event::Other,
        other => super::unknown(dialect, other),
    })
}

/// The exit code of a command that ran to its end: Claude Code calls every one but zero a failure, and says so first.
fn exit_code(error: Option<&str>) -> Option<i64> {
    let first = error?.lines().next()?;
    first.strip_prefix("Exit code ")?.parse().ok()
}

/// How the call ended.
fn seen(event: &str, tool: &str, told: &mut Told<'_>) -> Seen {
    if event == "PermissionDenied" {
        return fields::blocked(told.reason.take());
    }
    let failed = event == "PostToolUseFailure";
    let error = told.error().or_else(|| {
        let interrupted = told.is_interrupt == Some(true);
        let text = if interrupted {
            "Interrupted"
        } else {
            "Failed; no error was told"
        };
        failed.then(|| text.to_owned())
    });
    if error
        .as_deref()
        .is_some_and(|text| text.starts_with(REJECTED))
    {
        return fields::blocked(error);
    }
    let exit_code = (failed && SHELLS.contains(&tool)).then(|| exit_code(error.as_deref()));
    if let Some(code) = exit_code.flatten() {
        return Seen {
            ended: Ended::Completed,
            result: error.map_or(Value::Null, Value::from),
            error: None,
            exit_code: Some(code),
            duration_ms: fields::millis(told.duration_ms),
        };
    }
    Seen {
        ended: if failed {
            Ended::Failed
        } else {
            Ended::Completed
        },
        result: fields::result(told.tool_response),
        error: failed.then_some(error).flatten(),
        exit_code: None,
        duration_ms: fields::millis(told.duration_ms),
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
