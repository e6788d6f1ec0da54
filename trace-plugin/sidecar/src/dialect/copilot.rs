//! GitHub Copilot CLI's `preToolUse`, `postToolUse` and `postToolUseFailure`, and its sessions' events.
//!
//! Under names in camel case the keys are so, too, and the event's name is not told: `toolArgs` with neither a result nor an
//! error is a call that is about to run. Under names in Pascal case the shape is Claude Code's. Calls have no id: they are
//! paired by what they say. The arguments may be a text that holds JSON. A call that its user or a rule stops has no
//! after-event. `"ask"` makes it ask its user; where there is none (`-p`, the cloud agent) Copilot refuses by itself. A hook
//! that exits non-zero refuses the call, too, so we never do.

use aap::{Decision, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::snake::{self, Told};
use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str =
    r#"{"sessionId":"s","timestamp":1,"cwd":"/","toolName":"bash","toolArgs":{"command":"ls"}}"#;

/// Its shells; in Pascal case under Claude Code's name.
const SHELLS: [&str; 3] = ["bash", "powershell", "Bash"];
/// Its events in Pascal case that tell nothing of a tool call that others do not tell.
const UNUSED: [&str; 6] = [
    "ErrorOccurred",
    "Notification",
    "PermissionRequest",
    "PreCompact",
    "SubagentStart",
    "SubagentStop",
];

/// An event in camel case. Which one it is shows by its keys.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Camel<'a> {
    #[serde(default, rename = "hook_event_name", deserialize_with = "fields::text")]
    hook_event_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    cwd: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    tool_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    tool_call_id: Option<String>,
    #[serde(borrow)]
    tool_args: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::text")]
    source: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    prompt: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    stop_reason: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    agent_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    reason: Option<String>,
}

/// The result in either case.
#[derive(Deserialize)]
struct Outcome {
    #[serde(
        default,
        alias = "result_type",
        rename = "resultType",
        deserialize_with = "fields::text"
    )]
    kind: Option<String>,
}

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let mut camel: Camel<'_> = fields::object(line, EXAMPLE)?;
    if camel.hook_event_name.is_some() && camel.session_id.is_none() {
        return pascal(line);
    }
    let session = camel.session_id.clone();
    let change = |change| fields::session(Dialect::Copilot, session.as_deref(), change);
    let Some(tool) = camel.tool_name.take() else {
        return match camel {
            // The keys tell which event it is; notifications and errors are none of ours.
            Camel {
                hook_event_name: Some(_),
                ..
            }
            | Camel { error: Some(_), .. }
            | Camel {
                agent_name: Some(_),
                ..
            } => Ok(Event::Other),
            Camel {
                prompt: Some(_), ..
            }
            | Camel {
                stop_reason: Some(_),
                ..
            } => Ok(change(SessionChange::TurnEnded)),
            Camel {
                source: Some(_), ..
            } => Ok(change(SessionChange::Started)),
            Camel {
                reason: Some(_), ..
            } => Ok(change(SessionChange::Ended)),
            Camel {
                session_id: Some(_),
                ..
            } => Ok(Event::Other),
            _ => Err(Unreadable::new(format!(
                "not a hook event: neither sessionId nor toolName. Expected an object such as {EXAMPLE}"
            ))),
        };
    };
    let waits = camel.tool_result.is_none() && camel.error.is_none();
    let call = ToolCall {
        cwd: camel.cwd,
        session_id: camel.session_id,
        call_id: camel.tool_call_id,
        channel: Some(snake::CHANNEL.to_owned()),
        ..ToolCall::new(Dialect::Copilot.name(), tool, Value::Null)
    };
    let call = fields::with_params(call, fields::params_in_text(camel.tool_args), waits)?;
    Ok(if waits {
        Event::Before {
            call,
            can_ask: true,
        }
    } else {
        let seen = seen(&call.tool, camel.tool_result, camel.error);
        Event::After(call, seen)
    })
}

fn pascal(line: &str) -> Result<Event, Unreadable> {
    let (event, mut told) = Told::read(line, EXAMPLE)?;
    Ok(match event.as_str() {
        "PreToolUse" => Event::Before {
            call: told.call(Dialect::Copilot, true)?,
            can_ask: true,
        },
        "PostToolUse" | "PostToolUseFailure" => {
            let call = told.call(Dialect::Copilot, false)?;
            let result = told.tool_result.or(told.tool_response);
            let seen = seen(&call.tool, result, told.error);
            Event::After(call, seen)
        }
        "SessionStart" => told.session(Dialect::Copilot, SessionChange::Started),
        "Stop" | "UserPromptSubmit" => told.session(Dialect::Copilot, SessionChange::TurnEnded),
        "SessionEnd" => told.session(Dialect::Copilot, SessionChange::Ended),
        other if UNUSED.contains(&other) => Event::Other,
        other => super::unknown(Dialect::Copilot, other),
    })
}

/// A command's exit code, from the last line of its answer: `<shellId: 1 completed with exit code 3>`.
fn exit_code(result: &Value) -> Option<i64> {
    let text = ["textResultForLlm", "text_result_for_llm"]
        .iter()
        .find_map(|key| result.get(key)?.as_str())?;
    let last = text.lines().next_back()?.strip_prefix('<')?;
    let (_, code) = last.strip_suffix('>')?.rsplit_once(" exit code ")?;
    code.parse().ok()
}

fn seen(tool: &str, result: Option<&RawValue>, error: Option<&RawValue>) -> Seen {
    let error = fields::error(error.map(|raw| fields::result(Some(raw))));
    let kind = result
        .and_then(|raw| serde_json::from_str::<Outcome>(raw.get()).ok())
        .and_then(|outcome| outcome.kind);
    let result = fields::result(result);
    let said = || Some(fields::content(&result));
    let (ended, error) = match (kind.as_deref(), error) {
        (_, Some(error)) => (Ended::Failed, Some(error)),
        (Some("rejected" | "denied"), None) => (Ended::Blocked, said()),
        (Some("failure" | "timeout"), None) => (Ended::Failed, said()),
        (_, None) => (Ended::Completed, None),
    };
    let exit_code = SHELLS.contains(&tool).then(|| exit_code(&result)).flatten();
    Seen {
        ended,
        result,
        error,
        exit_code,
        duration_ms: None,
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    let decision = match applied {
        Decision::Allow => return json!({}),
        Decision::Ask => "ask",
        Decision::Deny => "deny",
    };
    json!({ "permissionDecision": decision, "permissionDecisionReason": told(verdict) })
}
