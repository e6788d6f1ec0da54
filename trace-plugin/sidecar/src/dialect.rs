//! The dialects of foreign agents: what their hooks tell us, and how they want to be answered. One file each.

use aap::{Decision, Verdict};
use serde::{Deserialize, Serialize};

use crate::event::Event;

mod claude_code;
mod codex;
mod copilot;
mod cursor;
mod fields;
mod gemini;
mod mcp;
mod openclaw;
mod opencode;
mod proof;
mod snake;

#[cfg(test)]
mod tests;

pub use crate::event::PROOF_PREFIX;
pub use fields::Unreadable;

/// An agent whose hooks we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `OpenClaw`'s plugin hooks: `{hook, event, ctx}`.
    OpenClaw,
    /// Claude Code's hooks: `PreToolUse`, `PostToolUse`, `PostToolUseFailure`.
    ClaudeCode,
    /// Codex's hooks: `PreToolUse`, `PostToolUse`.
    Codex,
    /// Gemini CLI's hooks: `BeforeTool`, `AfterTool`.
    Gemini,
    /// Cursor's hooks: `preToolUse`, `postToolUse`, `postToolUseFailure`.
    Cursor,
    /// GitHub Copilot CLI's hooks: `preToolUse`, `postToolUse`, `postToolUseFailure`.
    Copilot,
    /// `OpenCode`'s plugin hooks, in the neutral shape.
    OpenCode,
    /// Calls of MCP servers, in the neutral shape: `{hook, server, tool, params, …}`.
    Mcp,
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
    pub const ALL: [Self; 8] = [
        Self::OpenClaw,
        Self::ClaudeCode,
        Self::Codex,
        Self::Gemini,
        Self::Cursor,
        Self::Copilot,
        Self::OpenCode,
        Self::Mcp,
    ];

    /// The agent's name on the command line and in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenClaw => "openclaw",
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor",
            Self::Copilot => "copilot",
            Self::OpenCode => "opencode",
            Self::Mcp => "mcp",
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
            Self::Codex => codex::read(line),
            Self::Gemini => gemini::read(line),
            Self::Cursor => cursor::read(line),
            Self::Copilot => copilot::read(line),
            Self::OpenCode => opencode::read(line),
            Self::Mcp => mcp::read(self, line),
        }
    }

    /// The answer to a before-event, one JSON object.
    pub fn answer(self, verdict: &Verdict, applied: Decision) -> String {
        match self {
            Self::OpenClaw => openclaw::answer(verdict, applied),
            Self::ClaudeCode => claude_code::answer(verdict, applied),
            Self::Codex => codex::answer(verdict, applied),
            Self::Gemini => gemini::answer(verdict, applied),
            Self::Cursor => cursor::answer(verdict, applied),
            Self::Copilot => copilot::answer(verdict, applied),
            Self::OpenCode => opencode::answer(verdict, applied),
            Self::Mcp => mcp::answer(verdict, applied),
        }
        .to_string()
    }

    /// The events of a harmless call of this agent's shell (`echo smoltbot`), before and after it, as this agent tells them:
    /// to be handed to its hook one by one. `id` is the call's id, where the agent has such, and always the session's: the
    /// call's trace is found by it. With [`PROOF_PREFIX`] at its beginning the trace says that it is a proof.
    pub fn proof(self, id: &str) -> Vec<String> {
        proof::events(self, id)
    }
}

/// The events that agents' hooks have and others' have not, by whose they are.
const EVENTS: [(Dialect, &[&str]); 5] = [
    (
        Dialect::ClaudeCode,
        &["PreToolUse", "PostToolUse", "PostToolUseFailure"],
    ),
    (Dialect::Codex, &["Interrupt"]),
    (
        Dialect::Gemini,
        &["BeforeTool", "AfterTool", "BeforeAgent", "AfterAgent"],
    ),
    (
        Dialect::Cursor,
        &[
            "preToolUse",
            "postToolUse",
            "postToolUseFailure",
            "beforeShellExecution",
            "afterShellExecution",
            "beforeMCPExecution",
            "afterMCPExecution",
            "beforeReadFile",
            "afterFileEdit",
        ],
    ),
    (Dialect::OpenClaw, &["before_tool_call", "after_tool_call"]),
];

/// Longest name of an event that is repeated.
const MAX_SHOWN_CHARS: usize = 80;

/// What is told about an event that `dialect` does not have: whose it is, as far as is known.
fn unknown(dialect: Dialect, event: &str) -> Event {
    let owner = EVENTS
        .iter()
        .find(|(_, events)| events.contains(&event))
        .map(|(owner, _)| owner.name());
    let advice = owner.map_or_else(String::new, |owner| {
        format!("; {owner} has it: call `smoltbot hook {owner}` there")
    });
    // Masked before it is cut: half a secret is not known for one.
    let masked = redact::Redactor::new(redact::Level::None).text(event);
    let shown: String = masked.chars().take(MAX_SHOWN_CHARS).collect();
    let agent = dialect.name();
    Event::Doubted(
        Box::new(Event::Other),
        format!(
            "`{shown}` is no event of {agent} that smoltbot knows{advice}. Nothing was recorded of it"
        ),
    )
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
