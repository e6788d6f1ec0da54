//! What an agent says: steps on the way, and the answer.

use std::time::Duration;

use aap::{ApprovalStatus, TraceId, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::questions::Question;
use super::run::Run;
use crate::model::{ErrorKind, ModelError, Part, Usage};

/// What happens before the answer; a line of the stream each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Step {
    /// The conscience is asked.
    Judging {
        /// The call; the same id in each step of it.
        call_id: String,
        /// The tool.
        tool: String,
        /// The arguments.
        params: Value,
    },
    /// It wants a person to agree first; nothing runs until they do.
    Asking(Box<Question>),
    /// It agreed; the tool runs.
    Running {
        /// The call.
        call_id: String,
        /// The tool.
        tool: String,
        /// The id that the call's trace will have.
        trace_id: TraceId,
    },
    /// A call that the model made has come to its end, or was refused.
    Called {
        /// The call.
        call_id: String,
        /// What became of it.
        #[serde(flatten)]
        reply: Reply,
    },
    /// Something that the user should know, such as that another model answers.
    Note {
        /// Plain text.
        text: String,
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
    /// The model that gave it; `gateway` where none was asked.
    pub model: String,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// What it cost, over all rounds.
    pub usage: Usage,
    /// What went wrong with the model, where that ended the run. For the wires that have codes of their own for it.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

/// A model that could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What can be done about it.
    pub kind: ErrorKind,
    /// When it may be asked again, where its provider says so.
    pub retry_after: Option<Duration>,
}

impl From<&ModelError> for Failure {
    fn from(error: &ModelError) -> Self {
        Self {
            kind: error.kind,
            retry_after: error.retry_after,
        }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The model was done.
    EndTurn,
    /// It ran into its limit of tokens.
    MaxTokens,
    /// A text that ends an answer came.
    StopSequence,
    /// The model waits for tools that whoever asked has.
    ToolUse,
    /// The provider's filter held the answer back.
    Refusal,
    /// It would have called tools for ever.
    MaxRounds,
    /// The message was a command to the gateway.
    Command,
    /// Somebody ended it.
    Aborted,
    /// The model could not answer.
    Error,
}

impl StopReason {
    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::ToolUse => "tool_use",
            Self::Refusal => "refusal",
            Self::MaxRounds => "max_rounds",
            Self::Command => "command",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reply {
    /// Words.
    Message {
        /// Plain text, or Markdown where a model wrote it.
        text: String,
    },
    /// The tools.
    Tools {
        /// Plain text.
        text: String,
        /// Each of them.
        tools: Vec<ToolInfo>,
    },
    /// The message could not be read, or the model could not answer.
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
    /// Somebody ended the run.
    Aborted {
        /// What was said until then.
        text: String,
    },
    /// Calls of tools that whoever asked has, and answers themselves.
    Calls {
        /// What the model said with them.
        text: String,
        /// Each a [`Part::ToolUse`].
        calls: Vec<Part>,
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
    pub name: String,
    /// What it does.
    pub description: String,
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

/// The name that stands for a model where none was asked.
pub const NO_MODEL: &str = "gateway";

impl Answer {
    /// An answer of the gateway itself.
    pub(super) fn command(run: &Run, reply: Reply) -> Self {
        Self {
            session_id: run.session().to_owned(),
            run_id: run.id().to_owned(),
            reply,
            model: NO_MODEL.to_owned(),
            stop_reason: StopReason::Command,
            usage: Usage::default(),
            failure: None,
        }
    }

    #[cfg(test)]
    pub(super) fn note(run: &Run, text: &str) -> Self {
        Self::command(run, Reply::Message { text: text.into() })
    }
}

impl Reply {
    /// What it says, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Message { text }
            | Self::Tools { text, .. }
            | Self::Error { text, .. }
            | Self::Aborted { text }
            | Self::Calls { text, .. } => text.clone(),
            Self::Result(call) | Self::Failure(call) | Self::Refusal(call) => {
                super::told::to_person(self, call)
            }
        }
    }
}
