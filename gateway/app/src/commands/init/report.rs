//! What `init` says of each agent.

use std::path::PathBuf;
use std::process::ExitCode;

use agent_hooks::{Agent as Foreign, Change, Plan, Record, Takeout, unified};
use serde_json::{Value, json};
use smoltbot_config::Config;

use super::proof::By;
use super::servers::Asked;
use super::site::Site;
use super::{hooked, joined, wanted};
use crate::agent::{self, Agent};
use crate::cli::Init;
use crate::output;
use crate::publishing;

/// What was done for an agent.
pub(super) struct Report {
    pub(super) agent: Foreign,
    pub(super) plan: Plan,
    pub(super) installed: bool,
    /// The page of the trace that proves it.
    pub(super) proof: Option<String>,
    pub(super) by: Option<By>,
    /// Why there is no such page.
    pub(super) unproven: Option<String>,
    /// Nothing was tried, for an operator has switched off what would be needed.
    pub(super) untried: bool,
    /// The MCP servers that were wrapped, and what came of asking them.
    pub(super) servers: Vec<Asked>,
}

impl Report {
    pub(super) fn new(agent: Foreign, plan: Plan) -> Self {
        Self {
            agent,
            plan,
            installed: false,
            proof: None,
            by: None,
            unproven: None,
            untried: false,
            servers: Vec::new(),
        }
    }

    pub(super) fn found(&self) -> bool {
        !self.plan.places.is_empty()
    }

    /// Everything that a person should know, the worst first.
    fn reasons(&self) -> Vec<String> {
        if !self.found() {
            return vec![absent(self.agent).to_owned()];
        }
        let mut reasons: Vec<String> = self.plan.obstacle.iter().cloned().collect();
        reasons.extend(self.unproven.clone());
        if self.by == Some(By::HookOnly) && self.proof.is_some() {
            reasons.push(
                "proven by `smoltbot hook` alone: `node` is not in PATH, so its plugin was not run"
                    .to_owned(),
            );
        }
        reasons.extend(self.servers.iter().map(Asked::reason));
        if self.agent == Foreign::Mcp && self.installed {
            let known = !self.servers.is_empty() || self.unproven.is_some();
            reasons.push(if known {
                "calls are seen when a client starts its servers the next time".to_owned()
            } else {
                "no list names a server that is started by a command: there was nothing to wrap"
                    .to_owned()
            });
        }
        if self.plan.obstacle.is_none() {
            reasons.extend(self.plan.advice.clone());
            reasons.extend(self.plan.notes.clone());
        }
        reasons
    }

    fn json(&self) -> Value {
        let mut told = json!({
            "name": self.agent.name(),
            "found": self.found(),
            "installed": self.installed,
            "proof": self.proof,
            "reason": joined(&self.reasons()),
            "proven_by": self.by.filter(|_| self.proof.is_some()).map(By::as_str),
            "version": self.plan.version.as_ref().map(agent_hooks::Version::as_str),
            "places": self.plan.places,
            "changed": self.plan.changes.iter().filter(|_| self.installed).map(|change| &change.path).collect::<Vec<_>>(),
        });
        if self.agent == Foreign::Mcp {
            told["servers"] = self.servers.iter().map(Asked::json).collect();
        }
        told
    }
}

/// Why an agent is not found.
fn absent(agent: Foreign) -> &'static str {
    match agent {
        Foreign::OpenClaw => {
            "not on this machine: neither ~/.openclaw nor OPENCLAW_STATE_DIR is a directory"
        }
        Foreign::ClaudeCode => {
            "not on this machine: neither ~/.claude nor CLAUDE_CONFIG_DIR is a directory"
        }
        Foreign::Codex => "not on this machine: neither ~/.codex nor CODEX_HOME is a directory",
        Foreign::Gemini => {
            "not on this machine: ~/.gemini is no directory (nor .gemini in GEMINI_CLI_HOME)"
        }
        Foreign::Cursor => "not on this machine: ~/.cursor is no directory",
        Foreign::Copilot => {
            "not on this machine: neither ~/.copilot nor COPILOT_HOME is a directory"
        }
        Foreign::OpenCode => {
            "not on this machine: neither ~/.config/opencode nor OPENCODE_CONFIG_DIR is a directory"
        }
        Foreign::Mcp => "no client's list of MCP servers was found",
    }
}

pub(super) fn print(
    agent: &Agent,
    base: &str,
    reports: &[Report],
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let level = agent::publish_level(&agent.config);
    if as_json {
        let answer = json!({
            "agent_id": agent.identity.agent_id(),
            "dashboard_url": agent.page(base),
            "publish_level": level.as_str(),
            "agents": reports.iter().map(Report::json).collect::<Vec<_>>(),
        });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |name: &str, text: &str| output::line(&format!("{name:<12}{text}"));
    output::line(if agent.is_new {
        "Made a new identity."
    } else {
        "This agent has an identity already; it was kept."
    })?;
    row("agent", &agent.identity.agent_id().to_string())?;
    row("dashboard", &agent.page(base))?;
    row("home", &agent.config.home.path().display().to_string())?;
    row("public", &publishing::public(&agent.config).join("; "))?;
    for report in reports {
        let name = report.agent.name();
        let mut reasons = report.reasons();
        match (&report.proof, report.installed) {
            (Some(page), _) if report.agent == Foreign::Mcp => {
                row(name, &format!("the proxy works: {page}"))?;
            }
            (Some(page), _) => row(name, &format!("hooks work: {page}"))?,
            (None, true) if report.agent == Foreign::Mcp => row(name, "servers wrapped")?,
            (None, true) => row(name, "hooks installed")?,
            (None, false) if report.found() => row(name, "NOT installed")?,
            (None, false) => row(name, &reasons.remove(0))?,
        }
        for reason in reasons {
            row("", &reason)?;
        }
    }
    if reports.iter().all(|report| !report.installed) && reports.iter().any(Report::found) {
        row(
            "next",
            "put right what is said above, then run `smoltbot init` again",
        )?;
    } else if reports.iter().all(|report| !report.installed) {
        row(
            "next",
            "start everything with `smoltbot up`; install an agent and run `smoltbot init` again",
        )?;
    } else {
        row(
            "undo",
            "`smoltbot uninstall` takes out exactly what was put in",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What would be done, and nothing of it.
pub(super) fn would(config: &Config, site: &Site, asked: &Init) -> anyhow::Result<ExitCode> {
    let home = &config.home;
    let files = [
        home.config_file(),
        home.key_file(),
        home.card_file(),
        home.token_file(),
    ];
    let missing: Vec<&PathBuf> = files.iter().filter(|path| !path.exists()).collect();
    let record = Record::load(home.path())?.unwrap_or_default();
    let mut hooked = hooked(&record);
    let mut reports = Vec::new();
    for foreign in wanted(asked) {
        let plan = site.plan(foreign, &record, &hooked);
        if plan.obstacle.is_none() && !plan.places.is_empty() {
            hooked.push(foreign);
        }
        reports.push(Report::new(foreign, plan));
    }
    if asked.json {
        let agents: Vec<Value> = reports
            .iter()
            .map(|report| {
                let mut told = report.json();
                let changes = report.plan.changes.iter();
                told["installed"] = json!(record.of(report.agent.name()).is_some());
                told["would_change"] = changes
                    .map(|change| {
                        json!({
                            "path": change.path,
                            "diff": unified(change),
                            "new": change.before.is_none(),
                            "bytes": change.after.len(),
                            "purpose": purpose(&report.plan, change),
                        })
                    })
                    .collect();
                told
            })
            .collect();
        output::line(&json!({ "would_make": missing, "agents": agents }).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    if missing.is_empty() {
        output::line("nothing to make: the identity, the card and the token exist")?;
    }
    for path in missing {
        output::line(&format!("would make {}", path.display()))?;
    }
    let mut new = 0;
    for report in reports {
        let name = report.agent.name();
        for reason in report.reasons() {
            output::line(&format!("{name}: {reason}"))?;
        }
        if report.found() && report.plan.obstacle.is_none() && report.plan.changes.is_empty() {
            output::line(&format!("{name}: nothing to change"))?;
        }
        for change in &report.plan.changes {
            if change.before.is_some() {
                output::line(unified(change).trim_end_matches('\n'))?;
            } else {
                let purpose = purpose(&report.plan, change);
                let size = output::count(change.after.len(), "byte", "bytes");
                let path = change.path.display();
                output::line(&format!("{name}: would make {path} ({size}), {purpose}"))?;
                new += 1;
            }
        }
    }
    if new > 0 {
        output::line("`smoltbot init --dry-run --json` shows new files whole")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a file that would change is for.
fn purpose(plan: &Plan, change: &Change) -> String {
    match change.takeout {
        Takeout::File => "part of its plugin".to_owned(),
        Takeout::Mcp { .. } => "MCP servers that are started through the proxy".to_owned(),
        _ if plan.plugin.is_some() => "settings that load its plugin".to_owned(),
        _ => format!("settings with hooks that run `{}`", plan.command),
    }
}
