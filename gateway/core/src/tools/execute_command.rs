//! `execute_command`: a shell command in the workspace.
//!
//! In scope: running exactly the judged command line in the judged directory, without the gateway's secrets in its
//! environment, with an end. What a command does once it runs is judged before, by `conscience`; there is no sandbox here.

use aap::{Admitted, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use super::process::{self, End};
use super::{Failure, Output, Running, Tool, Workspace, arguments};
use crate::limits::{DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS};

/// Runs a shell command.
#[derive(Debug, Clone, Copy)]
pub struct ExecuteCommand;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    timeout_ms: Option<u64>,
    #[serde(default)]
    cwd: String,
}

impl Tool for ExecuteCommand {
    fn name(&self) -> &'static str {
        "execute_command"
    }

    fn description(&self) -> &'static str {
        "Runs a shell command in the workspace; everything that it started ends with it."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "a line for sh"},
                "timeout_ms": {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_MS, "default": DEFAULT_TIMEOUT_MS},
                "cwd": {"type": "string", "description": "directory below the workspace", "default": "."},
            },
            "required": ["command"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"command": "git status"}"#
    }

    fn directory(&self, call: &ToolCall, workspace: &Workspace) -> Result<String, Failure> {
        let asked = call
            .params
            .get("cwd")
            .and_then(Value::as_str)
            .unwrap_or_default();
        workspace.directory(asked).map(|(_, real)| real)
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let call = admitted.call();
            let asked: Arguments = arguments(self, call)?;
            let timeout_ms = asked.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
            if !(1..=MAX_TIMEOUT_MS).contains(&timeout_ms) {
                return Err(Failure::new(format!(
                    "`timeout_ms` is {timeout_ms}; it goes from 1 to {MAX_TIMEOUT_MS}"
                )));
            }
            let (directory, real) = workspace.directory(&asked.cwd)?;
            if call.cwd.as_deref() != Some(real.as_str()) {
                return Err(Failure::new(format!(
                    "`{}` is not the directory any more that was judged; nothing was run",
                    asked.cwd
                )));
            }
            let (output, end) = process::run(&asked.command, directory, &real, timeout_ms).await?;
            match end {
                End::Exited(code) => Ok(Output {
                    result: output,
                    exit_code: Some(code),
                }),
                End::TimedOut => Err(Failure {
                    message: format!(
                        "not done after {timeout_ms} ms, so it was killed with everything it started; \
                         `timeout_ms` allows up to {MAX_TIMEOUT_MS}"
                    ),
                    result: output,
                }),
            }
        })
    }
}
