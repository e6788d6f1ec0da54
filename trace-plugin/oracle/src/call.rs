//! A tool call of the workload: what an agent tells of it, and what it was answered.

use serde_json::{Value, json};

use crate::home::Said;

/// The agents whose hooks are fed.
pub const AGENTS: [&str; 2] = ["openclaw", "claude-code"];

/// The runtime of calls that the in-process recorder records.
pub const RECORDER: &str = "oracle-gateway";

/// What a refused command is: every policy of the core pack refuses it.
const REFUSED: &str = "rm -rf /";
/// What a person is asked about.
const ASKED: &str = "git push --force";
/// How a complaint reads that says that nothing was recorded.
const NOT_RECORDED: &str = "NOT recorded";
/// How one reads that says that not even the loss could be written down.
const NOT_COUNTED: &str = "nor could the loss be written down";

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Allowed, runs, ends well.
    Allowed,
    /// The same, with a result of hundreds of kilobytes.
    Big,
    /// Allowed, runs, fails.
    Failed,
    /// Refused; nothing more is heard of it.
    Refused,
    /// A person is asked, and it runs.
    Asked,
    /// Allowed, and its end is never seen.
    Orphaned,
    /// Only its end is seen.
    EndOnly,
    /// The same, with a result of some kilobytes.
    Bulky,
    /// Holds what the edge will not take.
    Poison,
}

impl Kind {
    /// All but poison, in the measure in which they come.
    pub const USUAL: [Self; 10] = [
        Self::Allowed,
        Self::Allowed,
        Self::Allowed,
        Self::Refused,
        Self::Refused,
        Self::Failed,
        Self::Asked,
        Self::Orphaned,
        Self::EndOnly,
        Self::Big,
    ];

    /// Whether the agent tells that it is about to run.
    pub fn has_before(self) -> bool {
        !matches!(self, Self::EndOnly | Self::Bulky)
    }

    /// Whether the agent tells that it has ended.
    pub fn has_after(self) -> bool {
        !matches!(self, Self::Refused | Self::Orphaned)
    }
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not told.
    Untold,
    /// It was answered, and nothing was complained of: it counts.
    Accepted,
    /// It was answered, with the complaint that it was not recorded.
    Lost,
    /// It was not answered: whoever should have was killed. It may be recorded or not.
    Unanswered,
}

impl Fate {
    /// What an answer means.
    pub fn of(said: Option<&Said>) -> Self {
        match said {
            None => Self::Unanswered,
            Some(said) if said.stderr.contains(NOT_RECORDED) => Self::Lost,
            Some(_) => Self::Accepted,
        }
    }
}

/// The word in a poisonous call that this edge does not take.
pub const POISON: &str = "belladonna";

/// A call and its fate.
#[derive(Debug, Clone)]
pub struct Call {
    /// The agent's own id of it; no other call of a run has it.
    pub id: String,
    /// Whose it is.
    pub agent: &'static str,
    /// Its session.
    pub session: String,
    /// How it goes.
    pub kind: Kind,
    /// What came of telling that it is about to run.
    pub before: Fate,
    /// What came of telling that it has ended.
    pub after: Fate,
    /// How many answers complained that nothing was recorded, and that this will be told.
    pub losses: u64,
    /// How many of them said that it could not be written down that it will: nobody else will ever be told.
    pub untold: u64,
    /// What was known of it was damaged on the disk, or put back from a backup: it may be told, or not, or in two parts.
    pub waived: bool,
}

impl Call {
    /// A call that nothing was told of yet.
    pub fn new(id: String, agent: &'static str, session: String, kind: Kind) -> Self {
        Self {
            id,
            agent,
            session,
            kind,
            before: Fate::Untold,
            after: Fate::Untold,
            losses: 0,
            untold: 0,
            waived: false,
        }
    }

    /// Its parameters.
    pub fn params(&self) -> Value {
        let command = match self.kind {
            Kind::Refused => REFUSED.to_owned(),
            Kind::Asked => ASKED.to_owned(),
            Kind::Poison => format!("echo {POISON} {}", self.id),
            _ => format!("echo {}", self.id),
        };
        json!({ "command": command, "description": self.id })
    }

    /// What it answers, when it ends well.
    pub fn result(&self) -> Value {
        let text = match self.kind {
            Kind::Big => format!("{} {}", self.id, "all work and no play ".repeat(14_000)),
            Kind::Bulky => format!("{} {}", self.id, "no work and all play ".repeat(400)),
            _ => format!("{} is done", self.id),
        };
        json!({ "stdout": text })
    }

    /// The error of a call that fails.
    pub fn error(&self) -> String {
        format!("{} did not work", self.id)
    }

    /// What the agent tells before it runs.
    pub fn before(&self) -> String {
        let event = if self.agent == "openclaw" {
            json!({
                "hook": "before_tool_call",
                "event": { "toolName": "exec", "params": self.params(), "runId": self.session, "toolCallId": self.id },
                "ctx": { "sessionId": self.session },
            })
        } else {
            json!({
                "session_id": self.session, "cwd": "/srv", "hook_event_name": "PreToolUse", "permission_mode": "default",
                "tool_name": "Bash", "tool_use_id": self.id, "tool_input": self.params(),
            })
        };
        format!("{event}\n")
    }

    /// What the agent tells when it has ended.
    pub fn after(&self) -> String {
        let failed = self.kind == Kind::Failed;
        let mut event = if self.agent == "openclaw" {
            json!({
                "hook": "after_tool_call",
                "event": {
                    "toolName": "exec", "params": self.params(), "runId": self.session, "toolCallId": self.id,
                    "durationMs": 5,
                },
                "ctx": { "sessionId": self.session },
            })
        } else {
            let name = if failed {
                "PostToolUseFailure"
            } else {
                "PostToolUse"
            };
            json!({
                "session_id": self.session, "cwd": "/srv", "hook_event_name": name, "tool_name": "Bash",
                "tool_use_id": self.id, "tool_input": self.params(), "duration_ms": 5,
            })
        };
        let (of, result) = match self.agent {
            "openclaw" => (&mut event["event"], "result"),
            _ => (&mut event, "tool_response"),
        };
        if failed {
            of["error"] = json!(self.error());
        } else {
            of[result] = self.result();
        }
        format!("{event}\n")
    }

    /// Notes what was said to one event; what that means.
    pub fn answered(&mut self, said: Option<&Said>) -> Fate {
        let fate = Fate::of(said);
        if fate == Fate::Lost {
            let counted = said.is_some_and(|said| !said.stderr.contains(NOT_COUNTED));
            self.losses += u64::from(counted);
            self.untold += u64::from(!counted);
        }
        fate
    }

    /// Whether at least one trace of it must be found.
    pub fn must_be_told(&self) -> bool {
        self.before == Fate::Accepted || self.after == Fate::Accepted
    }

    /// Whether a trace of it is in the chain for sure, though the edge may not have it.
    pub fn is_linked(&self) -> bool {
        self.after == Fate::Accepted || self.kind == Kind::Refused && self.before == Fate::Accepted
    }
}
