//! Cursor's hooks: `preToolUse`, `postToolUse`, `postToolUseFailure` for every tool, and the older ones for each kind of tool.
//!
//! **Install the three for every tool, and no others of these**: they have an id for each call. The older ones
//! (`beforeShellExecution`, `afterShellExecution`, `beforeMCPExecution`, `afterMCPExecution`, `beforeReadFile`,
//! `afterFileEdit`) are for versions before them; they have no id, and with both installed every command is recorded twice.
//! Cursor puts a question to its user after `beforeShellExecution` and `beforeMCPExecution`; after `preToolUse` only newer
//! versions do so, for some tools, and the others would run the call without a word: there we refuse.
//!
//! Nothing else than what is listed here is kept of an event: never the user's mail address. Cursor can be made to run
//! Claude Code's hooks; it tells them the same.

use aap::{Decision, ToolCall, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Dialect, Unreadable, fields, told};
use crate::event::{Ended, Event, Seen, SessionChange};

const EXAMPLE: &str = r#"{"conversation_id":"c","generation_id":"g","hook_event_name":"preToolUse","tool_name":"Shell","tool_use_id":"t","tool_input":{"command":"ls"},"workspace_roots":["/"]}"#;

/// Its events that tell nothing of a tool call that others do not tell.
const UNUSED: [&str; 8] = [
    "afterAgentResponse",
    "afterAgentThought",
    "afterTabFileEdit",
    "beforeTabFileRead",
    "preCompact",
    "subagentStart",
    "subagentStop",
    "workspaceOpen",
];

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(default, deserialize_with = "fields::text")]
    hook_event_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    conversation_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    generation_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    cwd: Option<String>,
    #[serde(borrow)]
    workspace_roots: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::text")]
    tool_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    tool_use_id: Option<String>,
    #[serde(borrow)]
    tool_input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_output: Option<&'a RawValue>,
    #[serde(borrow)]
    result_json: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::text")]
    error_message: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    failure_type: Option<String>,
    #[serde(default, deserialize_with = "fields::number")]
    duration: Option<f64>,
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::text")]
    file_path: Option<String>,
    #[serde(borrow)]
    edits: Option<&'a RawValue>,
}

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    let mut told: Told<'_> = fields::object(line, EXAMPLE)?;
    let Some(event) = told.hook_event_name.take() else {
        return Err(Unreadable::new(format!(
            "hook_event_name is missing: not a hook event. Expected an object such as {EXAMPLE}"
        )));
    };
    let change = match event.as_str() {
        "sessionStart" => Some(SessionChange::Started),
        "beforeSubmitPrompt" | "stop" => Some(SessionChange::TurnEnded),
        "sessionEnd" => Some(SessionChange::Ended),
        _ => None,
    };
    if let Some(change) = change {
        let session = told
            .conversation_id
            .as_deref()
            .or(told.session_id.as_deref());
        return Ok(fields::session(Dialect::Cursor, session, change));
    }
    Ok(match event.as_str() {
        "preToolUse" => before(any_tool(&mut told, true)?, false),
        "postToolUse" | "postToolUseFailure" => {
            let call = any_tool(&mut told, false)?;
            Event::After(call, seen(&event, &mut told))
        }
        "beforeShellExecution" => before(shell(&mut told, true)?, true),
        "afterShellExecution" => {
            let call = shell(&mut told, false)?;
            let result = fields::result(told.output);
            Event::After(call, completed(result, told.duration))
        }
        "beforeMCPExecution" => before(any_tool(&mut told, true)?, true),
        "afterMCPExecution" => {
            let call = any_tool(&mut told, false)?;
            let result = fields::result_in_text(told.result_json);
            Event::After(call, completed(result, told.duration))
        }
        "beforeReadFile" => {
            let params = json!({ "file_path": told.file_path.take() });
            before(told.call("Read".to_owned(), Ok(params), true)?, false)
        }
        "afterFileEdit" => {
            let edits = fields::result(told.edits.take());
            let params = json!({ "file_path": told.file_path.take(), "edits": edits });
            let call = told.call("Edit".to_owned(), Ok(params), false)?;
            Event::After(call, completed(Value::Null, told.duration))
        }
        other if UNUSED.contains(&other) => Event::Other,
        other => super::unknown(Dialect::Cursor, other),
    })
}

fn before(call: ToolCall, can_ask: bool) -> Event {
    Event::Before { call, can_ask }
}

impl Told<'_> {
    /// The call of `tool`. The first root of the workspace is where it runs, if no other directory is told.
    fn call(
        &mut self,
        tool: String,
        params: Result<Value, String>,
        waits: bool,
    ) -> Result<ToolCall, Unreadable> {
        let root = || match fields::result(self.workspace_roots) {
            Value::Array(roots) => roots.into_iter().find_map(|root| match root {
                Value::String(root) => Some(root),
                _ => None,
            }),
            _ => None,
        };
        let call = ToolCall {
            cwd: self.cwd.take().filter(|cwd| !cwd.is_empty()).or_else(root),
            session_id: self.conversation_id.take().or(self.session_id.take()),
            run_id: self.generation_id.take().filter(|id| !id.is_empty()),
            call_id: self.tool_use_id.take().filter(|id| !id.is_empty()),
            ..ToolCall::new(Dialect::Cursor.name(), tool, Value::Null)
        };
        fields::with_params(call, params, waits)
    }
}

/// A call of a tool that is told by its name.
fn any_tool(told: &mut Told<'_>, waits: bool) -> Result<ToolCall, Unreadable> {
    let Some(tool) = told.tool_name.take() else {
        return Err(Unreadable::new("tool_name is missing: which tool is it?"));
    };
    let params = fields::params_in_text(told.tool_input);
    told.call(tool, params, waits)
}

/// A call of the shell by its own hooks. The directory is told before the command runs only, so it is none of the parameters.
fn shell(told: &mut Told<'_>, waits: bool) -> Result<ToolCall, Unreadable> {
    let params = fields::params(told.command).map(|command| {
        let mut params = Map::new();
        params.insert("command".to_owned(), command);
        Value::Object(params)
    });
    told.call("Shell".to_owned(), params, waits)
}

fn completed(result: Value, duration: Option<f64>) -> Seen {
    let exit_code = ["exitCode", "exit_code"]
        .iter()
        .find_map(|key| result.get(key).and_then(Value::as_i64));
    Seen {
        ended: Ended::Completed,
        result,
        error: None,
        exit_code,
        duration_ms: fields::millis(duration),
    }
}

/// How a call ended that is told by its tool's name. What was not permitted, by us or by the user, has failed in Cursor's eyes.
fn seen(event: &str, told: &mut Told<'_>) -> Seen {
    if event == "postToolUse" {
        return completed(fields::result_in_text(told.tool_output), told.duration);
    }
    let error = told.error_message.take();
    if told.failure_type.as_deref() == Some("permission_denied") {
        return fields::blocked(error);
    }
    Seen {
        ended: Ended::Failed,
        error: Some(error.unwrap_or_else(|| "Failed; no error was told".to_owned())),
        ..completed(fields::result_in_text(told.tool_output), told.duration)
    }
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    let permission = match applied {
        Decision::Allow => return json!({}),
        Decision::Ask => "ask",
        Decision::Deny => "deny",
    };
    let reason = told(verdict);
    json!({ "permission": permission, "user_message": reason, "agent_message": reason })
}
