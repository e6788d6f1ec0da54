//! What can be typed about other people's agents: putting hooks in, taking them out, looking whether all is well.

use agent_hooks::Agent;
use clap::Args;

/// What to install.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Only into this agent; repeat it for several: openclaw, claude-code, codex, gemini, cursor, copilot, opencode
    #[arg(long = "agent", value_name = "NAME", value_parser = agent)]
    pub(crate) agents: Vec<Agent>,
    /// Also wrap the MCP servers that clients without hooks start, with `smoltbot mcp-proxy`
    ///
    /// An agent with hooks tells of its MCP calls already: the servers that only such agents start are left alone.
    #[arg(long)]
    pub(crate) mcp: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show what would change in which file, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What to take out.
#[derive(Debug, Args)]
pub(crate) struct Uninstall {
    /// Only out of this agent; repeat it for several. smoltbot itself stays then, and goes on running
    #[arg(long = "agent", value_name = "NAME", value_parser = agent, conflicts_with = "purge")]
    pub(crate) agents: Vec<Agent>,
    /// Also remove ~/.smoltbot with this agent's identity and all its traces, whatever is in it
    #[arg(long)]
    pub(crate) purge: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show what would change in which file, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How to tell what is wrong.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn agent(name: &str) -> Result<Agent, String> {
    Agent::parse(name).ok_or_else(|| {
        let known = Agent::WITH_HOOKS.map(Agent::name).join(", ");
        format!("smoltbot knows {known} and mcp")
    })
}
