//! The agents: where each keeps its settings, what is put in there, and what a person must still do. One file each.

use std::path::PathBuf;

use crate::command::Smoltbot;
use crate::machine::{Machine, Version};
use crate::plan::Plan;
use crate::record::Installed;

mod claude_code;
mod codex;
mod copilot;
mod cursor;
mod gemini;
mod openclaw;
mod opencode;
mod shared;

/// An agent whose settings we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agent {
    /// `OpenClaw`, by a plugin.
    OpenClaw,
    /// Claude Code.
    ClaudeCode,
    /// `OpenAI`'s Codex CLI.
    Codex,
    /// Google's Gemini CLI.
    Gemini,
    /// Cursor.
    Cursor,
    /// GitHub Copilot CLI.
    Copilot,
    /// `OpenCode`, by a plugin.
    OpenCode,
    /// The MCP servers of clients, by a proxy around each.
    Mcp,
}

/// What planning is told.
pub struct Asked<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The smoltbot that is installed.
    pub smoltbot: &'a Smoltbot,
    /// What was installed before.
    pub before: Option<&'a Installed>,
    /// The agents that tell of their calls by hooks.
    pub hooked: &'a [Agent],
}

impl Agent {
    /// Every agent that has hooks or plugins of its own, in the order in which they are shown.
    pub const WITH_HOOKS: [Self; 7] = [
        Self::OpenClaw,
        Self::ClaudeCode,
        Self::Codex,
        Self::Gemini,
        Self::Cursor,
        Self::Copilot,
        Self::OpenCode,
    ];

    /// Its name on the command line and in traces.
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

    /// The agent of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::WITH_HOOKS.into_iter().chain([Self::Mcp]);
        all.find(|agent| agent.name() == name)
    }

    /// Where it keeps its settings on this machine; nowhere when it is not there.
    pub fn places(self, machine: &Machine) -> Vec<PathBuf> {
        let usual = |variable: Option<&str>, directory: &str| {
            let named = variable.and_then(|variable| machine.named_by(variable));
            named.unwrap_or_else(|| machine.home().join(directory))
        };
        let place = match self {
            Self::OpenClaw => return openclaw::places(machine),
            Self::Mcp => return crate::mcp::places(machine),
            Self::ClaudeCode => usual(Some("CLAUDE_CONFIG_DIR"), ".claude"),
            Self::Codex => usual(Some("CODEX_HOME"), ".codex"),
            Self::Gemini => machine
                .named_by("GEMINI_CLI_HOME")
                .unwrap_or_else(|| machine.home().to_owned())
                .join(".gemini"),
            Self::Cursor => usual(None, ".cursor"),
            Self::Copilot => usual(Some("COPILOT_HOME"), ".copilot"),
            Self::OpenCode => opencode::place(machine),
        };
        if place.is_dir() {
            vec![place]
        } else {
            Vec::new()
        }
    }

    /// Its version, where it can be read without starting it.
    pub fn version(self, machine: &Machine) -> Option<Version> {
        machine.version(match self {
            Self::OpenClaw => "openclaw",
            Self::ClaudeCode => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Cursor => "cursor-agent",
            Self::Copilot => "copilot",
            Self::OpenCode => "opencode",
            Self::Mcp => return None,
        })
    }

    /// What would be done for it. Nothing is changed.
    pub fn plan(self, asked: &Asked<'_>) -> Plan {
        let mut plan = Plan {
            places: self.places(asked.machine),
            version: self.version(asked.machine),
            command: asked.smoltbot.hook(self.name()),
            program: asked.smoltbot.program.clone(),
            ..Plan::default()
        };
        if plan.places.is_empty() {
            return plan;
        }
        if let Some(version) = &plan.version
            && let Some(needed) = self.needs()
            && version.is_before(needed)
        {
            let [major, minor, patch] = needed;
            plan.obstacle = Some(format!(
                "version {} is too old: it has no such hooks before {major}.{minor}.{patch}. Update it and run `smoltbot init` again",
                version.as_str()
            ));
            return plan;
        }
        for place in plan.places.clone() {
            let planned = match self {
                Self::OpenClaw => openclaw::plan(&place, asked, &mut plan),
                Self::ClaudeCode => claude_code::plan(&place, asked, &mut plan),
                Self::Codex => codex::plan(&place, asked, &mut plan),
                Self::Gemini => gemini::plan(&place, asked, &mut plan),
                Self::Cursor => cursor::plan(&place, asked, &mut plan),
                Self::Copilot => copilot::plan(&place, asked, &mut plan),
                Self::OpenCode => opencode::plan(&place, asked, &mut plan),
                Self::Mcp => crate::mcp::plan(&place, asked, &mut plan),
            };
            if let Err(obstacle) = planned {
                plan.obstacle.get_or_insert(obstacle);
            }
        }
        if plan.obstacle.is_some() {
            // All of an agent or nothing: half a hook would be believed to be one.
            plan.changes.clear();
        }
        plan
    }

    /// The oldest version that has the hooks which are installed.
    fn needs(self) -> Option<[u64; 3]> {
        match self {
            Self::OpenClaw => Some(openclaw::NEEDS),
            Self::ClaudeCode => Some(claude_code::NEEDS),
            Self::Gemini => Some(gemini::NEEDS),
            Self::Codex | Self::Cursor | Self::Copilot | Self::OpenCode | Self::Mcp => None,
        }
    }
}
