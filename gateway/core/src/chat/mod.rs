//! A conversation: a message comes in, an answer goes out, and whatever it does on the way goes through the Gate.
//!
//! There is no language model in this room yet; the answer to plain talk says so.

use aap::{Gate, OutcomeKind, ToolCall, TraceId, Verdict};
use serde::Serialize;
use serde_json::Value;

mod command;
mod ids;
mod words;

use crate::tools::Toolbox;
use command::Command;

/// The runtime's name in every trace.
pub const RUNTIME: &str = "smoltbot";

/// Answers messages.
pub(crate) struct Chat {
    gate: Gate,
    toolbox: Toolbox,
    dashboard_url: String,
}

/// A message, read, with its place.
pub(crate) struct Turn {
    session_id: String,
    run_id: String,
    command: Result<Command, command::Unreadable>,
}

/// What happens before the answer; a line of the stream each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Progress {
    /// The conscience is asked.
    Judging {
        /// The tool.
        tool: String,
    },
    /// It agreed; the tool runs.
    Running {
        /// The tool.
        tool: String,
        /// The id that the call's trace will have.
        trace_id: TraceId,
    },
}

/// The answer to a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The conversation; send it along with the next message.
    pub session_id: String,
    /// This message's run.
    pub run_id: String,
    /// The answer itself.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reply {
    /// Words.
    Message {
        /// Plain text.
        text: String,
    },
    /// The tools.
    Tools {
        /// Plain text.
        text: String,
        /// Each of them.
        tools: Vec<ToolInfo>,
    },
    /// The message could not be read; nothing was run.
    Error {
        /// Plain text: what is wrong, where, and an example.
        text: String,
        /// Line of the message, from 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        line: Option<usize>,
        /// Character of the line, from 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        column: Option<usize>,
    },
    /// The tool ran to its end; a command's exit code may still be other than 0.
    Result(Box<CallReply>),
    /// The tool ran and failed, or could not start.
    Failure(Box<CallReply>),
    /// The conscience refused; nothing was run.
    Refusal(Box<CallReply>),
}

/// One tool, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolInfo {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// A message that calls it.
    pub example: String,
}

/// What became of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallReply {
    /// The tool.
    pub tool: String,
    /// The directory that it was judged in.
    pub cwd: Option<String>,
    /// The trace that tells it.
    pub trace_id: TraceId,
    /// Where the trace is shown.
    pub trace_url: String,
    /// `verdict`, `reason`, `values_violated`, `rule_id`, `advice`, `effects`.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What the tool answered; null when there is nothing.
    pub result: Value,
    /// Why it failed, when it did.
    pub error: Option<String>,
    /// Exit code of a command that ended.
    pub exit_code: Option<i64>,
    /// Milliseconds that it ran.
    pub duration_ms: u64,
}

impl Turn {
    /// Reads `message`, sent in `session_id` or opening a new session.
    pub(crate) fn new(message: &str, session_id: Option<String>) -> Self {
        Self {
            session_id: session_id.unwrap_or_else(|| format!("web-{}", ids::unique())),
            run_id: ids::unique().to_string(),
            command: command::read(message),
        }
    }

    /// Whether answering runs a tool.
    pub(crate) fn calls_a_tool(&self) -> bool {
        matches!(self.command, Ok(Command::Run { .. }))
    }

    fn answer(self, reply: Reply) -> Answer {
        Answer {
            session_id: self.session_id,
            run_id: self.run_id,
            reply,
        }
    }
}

impl Chat {
    pub(crate) fn new(gate: Gate, toolbox: Toolbox, dashboard_url: &str) -> Self {
        Self {
            gate,
            toolbox,
            dashboard_url: dashboard_url.trim_end_matches('/').to_owned(),
        }
    }

    pub(crate) fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    pub(crate) fn dashboard_url(&self) -> &str {
        &self.dashboard_url
    }

    /// Answers `turn` and tells of its progress. Dropping the future ends what runs and abandons it.
    pub(crate) async fn answer(&self, mut turn: Turn, progress: impl Fn(Progress)) -> Answer {
        let command = std::mem::replace(&mut turn.command, Ok(Command::Help));
        let reply = match command {
            Ok(Command::Help) => Reply::Message {
                text: words::help(&self.toolbox),
            },
            Ok(Command::Tools) => words::tools(&self.toolbox),
            Ok(Command::Talk) => Reply::Message {
                text: words::no_model(&self.toolbox),
            },
            Ok(Command::Run { tool, params }) => self.run(&turn, tool, params, progress).await,
            Err(unreadable) => words::unreadable(&self.toolbox, &unreadable),
        };
        turn.answer(reply)
    }

    async fn run(
        &self,
        turn: &Turn,
        tool: String,
        params: Value,
        progress: impl Fn(Progress),
    ) -> Reply {
        let call = ToolCall {
            cwd: Some(self.toolbox.directory(&tool, &params)),
            session_id: Some(turn.session_id.clone()),
            run_id: Some(turn.run_id.clone()),
            call_id: Some(ids::unique().to_string()),
            ..ToolCall::new(RUNTIME, tool.clone(), params)
        };
        let cwd = call.cwd.clone();
        progress(Progress::Judging { tool: tool.clone() });
        let told = |trace_id, verdict| CallReply {
            tool: tool.clone(),
            cwd,
            trace_id,
            trace_url: format!("{}{}", self.dashboard_url, aap::paths::trace_page(trace_id)),
            verdict,
            result: Value::Null,
            error: None,
            exit_code: None,
            duration_ms: 0,
        };
        let admitted = match self.gate.ask(call).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let judged = refusal.judged;
                return Reply::Refusal(Box::new(told(judged.trace_id, judged.verdict)));
            }
        };
        progress(Progress::Running {
            tool: tool.clone(),
            trace_id: admitted.trace_id(),
        });
        let verdict = admitted.verdict().clone();
        let executed = self.toolbox.execute(admitted).await;
        let outcome = executed.outcome;
        let reply = Box::new(CallReply {
            result: outcome.result,
            error: outcome.error,
            exit_code: outcome.exit_code,
            duration_ms: outcome.duration_ms,
            ..told(executed.trace_id, verdict)
        });
        if outcome.kind == OutcomeKind::Completed {
            Reply::Result(reply)
        } else {
            Reply::Failure(reply)
        }
    }
}
