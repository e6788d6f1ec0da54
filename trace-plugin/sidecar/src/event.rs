//! What foreign agents tell: a call is about to run, or has run.

use std::borrow::Cow;

use aap::{ApprovalStatus, Evidence, ToolCall};
use serde_json::Value;

/// Runtimes whose calls may end in a later run of the same session: Codex tells the end of a command when it is polled.
const ACROSS_RUNS: [&str; 1] = ["codex"];

/// A runtime's id as it may be kept: an id that holds a secret is known by its digest.
fn kept(id: &str) -> Cow<'_, str> {
    if redact::holds_secret(id) {
        Cow::Owned(aap::chain::Digest::of(id.as_bytes()).to_string())
    } else {
        Cow::Borrowed(id)
    }
}

/// Pairs a before-event with its after-event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CallKey {
    text: String,
    by_content: bool,
}

impl CallKey {
    /// The runtime's own ids, or what the call says where it has none.
    pub fn of(call: &ToolCall) -> Self {
        let (run, session) = (call.run_id.as_deref(), call.session_id.as_deref());
        let scope = if ACROSS_RUNS.contains(&call.runtime.as_str()) {
            session.or(run)
        } else {
            run.or(session)
        };
        let scope = scope.unwrap_or_default();
        if let Some(id) = &call.call_id {
            return Self {
                text: format!("{}\u{1f}{}\u{1f}{}", call.runtime, kept(scope), kept(id)),
                by_content: false,
            };
        }
        let content = aap::canon::to_vec(&(&call.tool, &call.params)).unwrap_or_default();
        Self {
            text: format!(
                "{}\u{1f}{}\u{1f}={}",
                call.runtime,
                kept(scope),
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
        Self(format!("{runtime}\u{1f}{}", kept(id)))
    }

    /// The runtime whose session it is.
    pub fn runtime(&self) -> &str {
        self.0.split('\u{1f}').next().unwrap_or_default()
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

impl SessionKey {
    /// Whether it is the session of a call that only proves that what happens is seen.
    pub fn is_proof(&self) -> bool {
        let id = self.0.split_once('\u{1f}').map(|(_, id)| id);
        id.is_some_and(|id| id.starts_with(PROOF_PREFIX))
    }
}

/// How the call or session ids of the calls begin that prove an installation: their traces say so.
pub const PROOF_PREFIX: &str = "smoltbot-proof-";

/// Whether `call` only proves that what happens is seen.
pub fn is_proof(call: &ToolCall) -> bool {
    [&call.call_id, &call.session_id]
        .into_iter()
        .flatten()
        .any(|id| id.starts_with(PROOF_PREFIX))
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

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionChange {
    /// It began, or goes on.
    Started,
    /// The agent waits for its user: what a person was asked about in this session and has not run by now was not granted.
    TurnEnded,
    /// It is over: as [`Self::TurnEnded`], and the end of a call that is still open will not be seen.
    Ended,
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
    /// Something happened to a session.
    Session(SessionKey, SessionChange),
    /// Something that is no tool call: a session's start, for instance.
    Other,
    /// An event that looks as if it were not this agent's, and what to tell its operator about it. What it says is taken
    /// all the same.
    Doubted(Box<Event>, String),
}
