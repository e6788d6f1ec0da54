//! A conversation: a message comes in, an answer goes out, and whatever it does on the way goes through the Gate.
//!
//! There is no language model in this room yet; the answer to plain talk says so.

use std::time::Duration;

use aap::{ApprovalStatus, Gate, OutcomeKind, ToolCall, TraceId, Verdict};
use serde::Serialize;
use serde_json::Value;

mod command;
mod ids;
mod questions;
mod words;

use crate::tools::Toolbox;
use command::Command;
use questions::{Asker, Questions};
pub use questions::{Decision, Question};

/// The runtime's name in every trace.
pub const RUNTIME: &str = "smoltbot";
/// The channel that the chat's calls come by.
const CHANNEL: &str = "web";
/// Whom the chat acts for: who shows the gateway's token owns it.
const ROLE: &str = "owner";

/// Answers messages.
pub(crate) struct Chat {
    gate: Gate,
    toolbox: Toolbox,
    dashboard_url: String,
    questions: Questions,
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
    /// It wants a person to agree first; nothing runs until they do.
    Asking(Box<Question>),
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
    /// What a person said, where one was asked: `approved`, `denied` or `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalStatus>,
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
    /// A chat whose questions to a person are open for `answer_within`.
    pub(crate) fn new(
        gate: Gate,
        toolbox: Toolbox,
        dashboard_url: &str,
        answer_within: Duration,
    ) -> Self {
        Self {
            gate,
            toolbox,
            questions: Questions::new(answer_within),
            dashboard_url: dashboard_url.trim_end_matches('/').to_owned(),
        }
    }

    pub(crate) fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    pub(crate) fn dashboard_url(&self) -> &str {
        &self.dashboard_url
    }

    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// Answers `turn` and tells of its progress. Dropping the future ends what runs and abandons it. Where somebody is told
    /// of progress (`asks`), a person can be asked; else a question is a refusal.
    pub(crate) async fn answer(
        &self,
        mut turn: Turn,
        asks: bool,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Answer {
        let command = std::mem::replace(&mut turn.command, Ok(Command::Help));
        let reply = match command {
            Ok(Command::Help) => Reply::Message {
                text: words::help(&self.toolbox),
            },
            Ok(Command::Tools) => words::tools(&self.toolbox),
            Ok(Command::Talk) => Reply::Message {
                text: words::no_model(&self.toolbox),
            },
            Ok(Command::Run { tool, params }) => {
                let call = self.call(&turn, tool, params);
                self.run(call, asks, progress).await
            }
            Err(unreadable) => words::unreadable(&self.toolbox, &unreadable),
        };
        turn.answer(reply)
    }

    fn call(&self, turn: &Turn, tool: String, params: Value) -> ToolCall {
        ToolCall {
            cwd: Some(self.toolbox.directory(&tool, &params)),
            session_id: Some(turn.session_id.clone()),
            run_id: Some(turn.run_id.clone()),
            call_id: Some(ids::unique().to_string()),
            channel: Some(CHANNEL.to_owned()),
            role: Some(ROLE.to_owned()),
            ..ToolCall::new(RUNTIME, tool, params)
        }
    }

    async fn run(
        &self,
        call: ToolCall,
        asks: bool,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Reply {
        let (tool, cwd) = (call.tool.clone(), call.cwd.clone());
        progress(Progress::Judging { tool: tool.clone() });
        let told = |trace_id, verdict, approval| CallReply {
            tool: tool.clone(),
            cwd,
            trace_id,
            trace_url: format!("{}{}", self.dashboard_url, aap::paths::trace_page(trace_id)),
            verdict,
            approval,
            result: Value::Null,
            error: None,
            exit_code: None,
            duration_ms: 0,
        };
        let asker = Asker {
            questions: &self.questions,
            tell: |question| progress(Progress::Asking(Box::new(question))),
        };
        let asked = if asks {
            self.gate.ask_with(call, &asker).await
        } else {
            self.gate.ask(call).await
        };
        let admitted = match asked {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let judged = refusal.judged;
                let approval = judged.approval.map(|approval| approval.status);
                return Reply::Refusal(Box::new(told(judged.trace_id, judged.verdict, approval)));
            }
        };
        progress(Progress::Running {
            tool: tool.clone(),
            trace_id: admitted.trace_id(),
        });
        let verdict = admitted.verdict().clone();
        // Of what runs, an ask is one that was approved.
        let approval = (verdict.decision == aap::Decision::Ask).then_some(ApprovalStatus::Approved);
        let executed = self.toolbox.execute(admitted).await;
        let outcome = executed.outcome;
        let reply = Box::new(CallReply {
            result: outcome.result,
            error: outcome.error,
            exit_code: outcome.exit_code,
            duration_ms: outcome.duration_ms,
            ..told(executed.trace_id, verdict, approval)
        });
        if outcome.kind == OutcomeKind::Completed {
            Reply::Result(reply)
        } else {
            Reply::Failure(reply)
        }
    }
}
