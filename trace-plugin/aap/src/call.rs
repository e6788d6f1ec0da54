//! A tool call, the verdict on it, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One tool call as the agent asked for it, before anything is masked.
///
/// The bytes that are judged are the bytes that run: whoever executes takes `params` and `cwd` from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool's name as the agent's runtime calls it, `exec` or `Bash` for instance.
    pub tool: String,
    /// The arguments, raw.
    pub params: Value,
    /// The directory that the tool runs in, where the runtime says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The runtime that asks: `smoltbot`, `openclaw`, `claude-code`, ….
    pub runtime: String,
    /// The conversation that the call belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The run (one turn of the agent) within the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The runtime's own id of this call; with `run_id` it pairs a before-event with its after-event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// The subagent within the session that asks, by the runtime's own id; none where it is the session's main agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_id: Option<String>,
    /// The channel that the request came by (`web`, `discord`, `telegram`, `cli`, …), where the runtime knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The role of whom the agent acts for (`owner`, `member`, `guest`), where the runtime knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The W3C `traceparent` of what asked for the call, where the runtime tells: the parent of the call's own span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The runtime's id of the call that made this one, where a tool calls other tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_call_id: Option<String>,
    /// It runs although its verdict did not come within the hook's budget: the card does not enforce, or the operator wants it so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_budget: bool,
}

impl ToolCall {
    /// A call of `tool` with `params` and nothing else known.
    pub fn new(runtime: impl Into<String>, tool: impl Into<String>, params: Value) -> Self {
        Self {
            tool: tool.into(),
            params,
            cwd: None,
            runtime: runtime.into(),
            session_id: None,
            run_id: None,
            call_id: None,
            subagent_id: None,
            channel: None,
            role: None,
            traceparent: None,
            parent_call_id: None,
            over_budget: false,
        }
    }
}

/// What the conscience decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The call may run.
    Allow,
    /// A person must be asked first; a caller that cannot ask treats it as a refusal.
    Ask,
    /// The call must not run.
    Deny,
}

impl Decision {
    /// The lower-case word used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// A decision and the way to it. This is also the line that `smoltbot check --stdin` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Allow, ask or deny.
    #[serde(rename = "verdict")]
    pub decision: Decision,
    /// One sentence a person understands; says what the call would do, not which regex matched.
    pub reason: String,
    /// AAP value ids that running the call would have violated (`harm_prevention`, `privacy`, …). Empty when allowed.
    pub values_violated: Vec<String>,
    /// The policy that decided, such as `fs.delete.root`; none when nothing objected.
    pub rule_id: Option<String>,
    /// What to do instead, for the agent and its operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What the call was read to do, such as `delete:/`; sorted, without doubles.
    pub effects: Vec<String>,
    /// The operator's exception that lifted an objection, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

impl Verdict {
    /// An allowance without effects worth naming.
    pub fn allow(reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::Allow,
            reason: reason.into(),
            values_violated: Vec::new(),
            rule_id: None,
            advice: None,
            effects: Vec::new(),
            exception: None,
        }
    }
}

/// How an admitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It ran to its end. A shell command that exits non-zero still completed.
    Completed,
    /// It ran and failed, or could not start.
    Failed,
    /// It was started and goes on in the background.
    Running,
    /// Whoever held the admission let go of it without saying what happened.
    Abandoned,
}

/// What an executor says of a call that it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub kind: OutcomeKind,
    /// What the tool answered, raw; `Null` when there is nothing.
    pub result: Value,
    /// The error in the tool's words, when it failed.
    pub error: Option<String>,
    /// Exit code of a command, where there was one.
    pub exit_code: Option<i64>,
    /// Milliseconds from start to end as the executor measured them.
    pub duration_ms: u64,
}

impl Outcome {
    /// It ran to its end and answered `result` after `duration_ms`.
    pub fn completed(result: Value, duration_ms: u64) -> Self {
        Self {
            kind: OutcomeKind::Completed,
            result,
            error: None,
            exit_code: None,
            duration_ms,
        }
    }

    /// It failed with `error` after `duration_ms`.
    pub fn failed(error: impl Into<String>, duration_ms: u64) -> Self {
        Self {
            kind: OutcomeKind::Failed,
            result: Value::Null,
            error: Some(error.into()),
            exit_code: None,
            duration_ms,
        }
    }

    /// The admission was dropped.
    pub fn abandoned() -> Self {
        Self {
            kind: OutcomeKind::Abandoned,
            result: Value::Null,
            error: None,
            exit_code: None,
            duration_ms: 0,
        }
    }
}
