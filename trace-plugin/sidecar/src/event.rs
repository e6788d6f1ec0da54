//! What foreign agents tell: a call is about to run, or has run.

use aap::{ApprovalStatus, Evidence, ToolCall};
use serde_json::Value;

/// Pairs a before-event with its after-event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallKey {
    text: String,
    by_content: bool,
}

impl CallKey {
    /// The runtime's own ids, or what the call says where it has none.
    pub fn of(call: &ToolCall) -> Self {
        let scope = call
            .run_id
            .as_deref()
            .or(call.session_id.as_deref())
            .unwrap_or_default();
        if let Some(id) = &call.call_id {
            return Self {
                text: format!("{}\u{1f}{scope}\u{1f}{id}", call.runtime),
                by_content: false,
            };
        }
        let content = aap::canon::to_vec(&(&call.tool, &call.params)).unwrap_or_default();
        Self {
            text: format!(
                "{}\u{1f}{scope}\u{1f}={}",
                call.runtime,
                aap::chain::Digest::of(&content)
            ),
            by_content: true,
        }
    }

    /// The key as the spool keeps it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the runtime gave no id: the same call may then come again and is another one.
    pub fn is_by_content(&self) -> bool {
        self.by_content
    }
}

/// Names a session of a runtime: what it has read is remembered under this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(String);

impl SessionKey {
    /// The session that `call` belongs to, or its run where the runtime names no session. None where it names neither:
    /// then nothing is known of what came before.
    pub fn of(call: &ToolCall) -> Option<Self> {
        let id = call.session_id.as_deref().or(call.run_id.as_deref())?;
        Some(Self::new(&call.runtime, id))
    }

    /// The session `id` of `runtime`.
    pub fn new(runtime: &str, id: &str) -> Self {
        Self(format!("{runtime}\u{1f}{id}"))
    }

    /// As the spool kept it.
    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    /// The key as the spool keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a foreign agent says a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It ran to its end.
    Completed,
    /// It ran and failed, or could not start.
    Failed,
    /// It goes on in the background.
    Running,
    /// Somebody stopped it before it ran: another plugin, the operator, or we.
    Blocked,
}

/// What was seen after a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// How it ended.
    pub ended: Ended,
    /// What it answered, raw.
    pub result: Value,
    /// Its error, or the reason it was blocked for.
    pub error: Option<String>,
    /// A command's exit code.
    pub exit_code: Option<i64>,
    /// Milliseconds, as the agent tells; none where it does not.
    pub duration_ms: Option<u64>,
}

/// One event of a foreign agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A call is about to run; somebody waits for the verdict.
    Before {
        /// The call.
        call: ToolCall,
        /// Whether the agent puts a verdict of `ask` to a person. Where it doesn't, that is a refusal.
        can_ask: bool,
    },
    /// A call has ended. Its parameters are those that ran.
    After(ToolCall, Seen),
    /// What came of asking a person about a call, and how the agent knows.
    Answered(ToolCall, ApprovalStatus, Evidence),
    /// The agent waits for its user, or has gone: what a person was asked about in this session and has not run by now
    /// was not granted.
    TurnOver(SessionKey),
    /// Something that is no tool call: a session's start, for instance.
    Other,
}
