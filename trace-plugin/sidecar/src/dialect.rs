//! The dialects of foreign agents: what their hooks tell us, and how they want to be answered. One file each.

use aap::{Decision, Verdict};
use serde::{Deserialize, Serialize};

use crate::event::Event;

mod claude_code;
mod fields;
mod openclaw;

#[cfg(test)]
mod tests;

pub use fields::Unreadable;

/// An agent whose hooks we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `OpenClaw`'s plugin hooks: `{hook, event, ctx}`.
    OpenClaw,
    /// Claude Code's hooks: `PreToolUse`, `PostToolUse`, `PostToolUseFailure`.
    ClaudeCode,
}

/// What a hook is answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Lines for standard output, one for each object read.
    pub stdout: String,
    /// Lines for standard error.
    pub stderr: String,
    /// The exit code.
    pub exit_code: u8,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 2] = [Self::OpenClaw, Self::ClaudeCode];

    /// The agent's name on the command line and in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenClaw => "openclaw",
            Self::ClaudeCode => "claude-code",
        }
    }

    /// The dialect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Reads one object.
    ///
    /// # Errors
    /// [`Unreadable`] says what is wrong with it, and tells the call as far as it could be read.
    pub fn read(self, line: &str) -> Result<Event, Unreadable> {
        match self {
            Self::OpenClaw => openclaw::read(line),
            Self::ClaudeCode => claude_code::read(line),
        }
    }

    /// The answer to a before-event, one JSON object.
    pub fn answer(self, verdict: &Verdict, applied: Decision) -> String {
        match self {
            Self::OpenClaw => openclaw::answer(verdict, applied),
            Self::ClaudeCode => claude_code::answer(verdict, applied),
        }
        .to_string()
    }
}

/// The reason as an agent is told it: what is wrong, by which rule, what to do instead.
fn told(verdict: &Verdict) -> String {
    let mut text = verdict.reason.clone();
    if !text.ends_with('.') {
        text.push('.');
    }
    if let Some(advice) = &verdict.advice {
        text.push(' ');
        text.push_str(advice);
    }
    if let Some(rule) = &verdict.rule_id {
        text.push_str(" (smoltbot rule ");
        text.push_str(rule);
        text.push(')');
    }
    text
}
