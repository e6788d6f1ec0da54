//! The shape that Claude Code made and that Codex, Gemini CLI and Copilot CLI took over: one object with snake-case keys.

use aap::ToolCall;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Dialect, Unreadable, fields};
use crate::event::{Event, SessionChange};

/// Where these agents run: at a terminal or below one.
pub(super) const CHANNEL: &str = "cli";

/// What of it is of use to us. Keys of an odd type are as if they were not there, so that the call is judged all the same.
#[derive(Deserialize)]
pub(super) struct Told<'a> {
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) hook_event_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) session_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) turn_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) agent_id: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) cwd: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) permission_mode: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) tool_name: Option<String>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) tool_use_id: Option<String>,
    #[serde(borrow)]
    pub(super) tool_input: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) mcp_context: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) reason: Option<String>,
    #[serde(default, deserialize_with = "fields::flag")]
    pub(super) is_interrupt: Option<bool>,
    #[serde(default, deserialize_with = "fields::number")]
    pub(super) duration_ms: Option<f64>,
    #[serde(default, deserialize_with = "fields::text")]
    pub(super) cursor_version: Option<String>,
}

impl<'a> Told<'a> {
    /// Reads an object; without the name of its event it is none.
    pub(super) fn read(line: &'a str, example: &str) -> Result<(String, Self), Unreadable> {
        let mut told: Self = fields::object(line, example)?;
        let Some(event) = told.hook_event_name.take() else {
            return Err(Unreadable::new(format!(
                "hook_event_name is missing: not a hook event. Expected an object such as {example}"
            )));
        };
        Ok((event, told))
    }

    /// The call as `dialect` tells it; `waits` where somebody waits for a verdict.
    pub(super) fn call(&mut self, dialect: Dialect, waits: bool) -> Result<ToolCall, Unreadable> {
        let Some(tool) = self.tool_name.take() else {
            return Err(Unreadable::new("tool_name is missing: which tool is it?"));
        };
        let call = ToolCall {
            cwd: self.cwd.take(),
            session_id: self.session_id.take(),
            run_id: self.turn_id.take(),
            call_id: self.tool_use_id.take(),
            subagent_id: self.agent_id.take(),
            channel: Some(CHANNEL.to_owned()),
            ..ToolCall::new(dialect.name(), tool, serde_json::Value::Null)
        };
        fields::with_params(call, fields::params_in_text(self.tool_input), waits)
    }

    /// That something happened to the session; without its id that is nobody's.
    pub(super) fn session(&self, dialect: Dialect, change: SessionChange) -> Event {
        fields::session(dialect, self.session_id.as_deref(), change)
    }

    /// The error, in words.
    pub(super) fn error(&self) -> Option<String> {
        fields::error(self.error.map(|raw| fields::result(Some(raw))))
    }
}
