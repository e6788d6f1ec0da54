//! `bash`: a line in a shell that stays open, so that directory, variables and functions last from one call to the next.
//!
//! **In scope.** Which shell a call goes to ([`Shells`]): one a chat session and name, so no chat reaches another's; and that
//! a line runs only in the directory that was judged. The shell itself is [`shell::Shell`].
//!
//! What a line does is judged before it runs, by `conscience`, which sees the line and the directory and not what earlier
//! lines have set: a variable of theirs is unknown to it. There is no sandbox here.

use std::sync::Arc;
use std::time::Duration;

use aap::{Admitted, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

mod screen;
mod session;
mod shell;
mod shells;

pub(crate) use shells::Shells;

use super::{Failure, Output, Running, Tool, Workspace, arguments};
use crate::limits::{DEFAULT_TIMEOUT_MS, MAX_SHELL_NAME_CHARS, MAX_TIMEOUT_MS};
use shell::{Ended, Ran, Shell};
use shells::Key;

/// The shell of a call that names none.
const MAIN: &str = "main";

/// Runs lines in shells that stay open.
pub struct Bash {
    shells: Arc<Shells>,
    start_within: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    session: Option<String>,
    timeout_ms: Option<u64>,
}

impl Bash {
    /// Lines for `shells`, whose owner ends them, and each of which may take `start_within` to open.
    pub(crate) fn new(shells: Arc<Shells>, start_within: Duration) -> Self {
        Self {
            shells,
            start_within,
        }
    }

    async fn line(&self, call: &ToolCall, workspace: &Workspace) -> Result<Output, Failure> {
        let asked: Arguments = arguments(self, call)?;
        let timeout_ms = asked.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
        if !(1..=MAX_TIMEOUT_MS).contains(&timeout_ms) {
            return Err(Failure::new(format!(
                "`timeout_ms` is {timeout_ms}; it goes from 1 to {MAX_TIMEOUT_MS}"
            )));
        }
        if asked.command.contains('\0') {
            return Err(Failure::new(
                "`command` holds a NUL byte, which no shell can read",
            ));
        }
        let key = key(call, asked.session.as_deref())?;
        let name = key.name.clone();
        let slot = self.shells.slot(key)?;
        let mut place = slot.place(&name)?;
        let (mut shell, judged) = if let Some(shell) = place.take() {
            let directory = shell.directory().ok_or_else(|| gone(&name))?;
            (shell, directory)
        } else {
            let (directory, real) = workspace.directory("")?;
            if call.cwd.as_deref() != Some(real.as_str()) {
                return Err(moved(&name));
            }
            let shell = Shell::start(&directory, &real, self.start_within).await?;
            (shell, real)
        };
        if call.cwd.as_deref() != Some(judged.as_str()) {
            place.give_back(shell);
            return Err(moved(&name));
        }
        // Until it is given back, letting go of this call lets go of the shell, and that ends it.
        let ran = shell.run(&asked.command, timeout_ms).await?;
        let mut result = json!({"output": ran.output});
        if ran.bytes_cut > 0 {
            result["bytes_cut"] = json!(ran.bytes_cut);
        }
        if !matches!(ran.ended, Ended::Gone(_) | Ended::Stuck) {
            if let Some(now) = shell.directory() {
                result["cwd"] = json!(now);
            }
            place.give_back(shell);
        }
        told(&name, &ran, timeout_ms, result)
    }
}

fn told(name: &str, ran: &Ran, timeout_ms: u64, mut result: Value) -> Result<Output, Failure> {
    let after = match ran.ended {
        Ended::Exited(code) => {
            return Ok(Output {
                result,
                exit_code: Some(code),
            });
        }
        Ended::Gone(code) => {
            result["shell"] = json!(format!(
                "`{name}` has ended; the next call starts a new one in the workspace"
            ));
            return Ok(Output {
                result,
                exit_code: code,
            });
        }
        Ended::Interrupted => "it was interrupted; the shell goes on".to_owned(),
        Ended::Stuck => format!(
            "it did not end when it was interrupted, so the shell `{name}` was ended with everything in it; the next call \
             starts a new one in the workspace"
        ),
    };
    Err(Failure {
        message: format!(
            "not done after {timeout_ms} ms: {after}. `timeout_ms` allows up to {MAX_TIMEOUT_MS}"
        ),
        result,
    })
}

fn gone(name: &str) -> Failure {
    Failure::new(format!(
        "the directory of the shell `{name}` is gone, so it was ended with everything in it; the next call starts a new one in \
         the workspace. Nothing was run"
    ))
}

fn moved(name: &str) -> Failure {
    Failure::new(format!(
        "the shell `{name}` is not in the directory any more that was judged; nothing was run, try again"
    ))
}

/// Which shell a call goes to.
fn key(call: &ToolCall, name: Option<&str>) -> Result<Key, Failure> {
    let name = name.unwrap_or(MAIN);
    let fits = (1..=MAX_SHELL_NAME_CHARS).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        return Err(Failure::new(format!(
            "`session` names a shell in one line of 1 to {MAX_SHELL_NAME_CHARS} characters"
        )));
    }
    Ok(Key {
        chat: call.session_id.clone().unwrap_or_default(),
        name: name.to_owned(),
    })
}

impl Tool for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn description(&self) -> &'static str {
        "Runs a line in a shell that stays open: directory, variables and background jobs last until the next call. Its \
         output goes to a terminal; its input is empty."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "a line or more for bash"},
                "session": {"type": "string", "description": "which shell, where one is not enough", "default": MAIN, "maxLength": MAX_SHELL_NAME_CHARS},
                "timeout_ms": {"type": "integer", "minimum": 1, "maximum": MAX_TIMEOUT_MS, "default": DEFAULT_TIMEOUT_MS},
            },
            "required": ["command"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"command": "cd \"$(mktemp -d)\" && pwd"}"#
    }

    fn directory(&self, call: &ToolCall, workspace: &Workspace) -> Result<String, Failure> {
        let name = call.params.get("session").and_then(Value::as_str);
        let open = self.shells.directory(&key(call, name)?);
        Ok(open.unwrap_or_else(|| workspace.root().to_owned()))
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(self.line(admitted.call(), workspace))
    }
}
