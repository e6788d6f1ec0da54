//! `smoltbot init`: identity, card, and what becomes public.

use std::path::PathBuf;
use std::process::ExitCode;

use redact::Level;
use serde_json::{Value, json};

use crate::agent::{self, Agent};
use crate::output;

/// Agents that are looked for: name, the variable that moves its directory, the directory below HOME.
const AGENTS: [(&str, &str, &str); 7] = [
    ("openclaw", "OPENCLAW_STATE_DIR", ".openclaw"),
    ("claude-code", "CLAUDE_CONFIG_DIR", ".claude"),
    ("codex", "CODEX_HOME", ".codex"),
    ("gemini", "GEMINI_DIR", ".gemini"),
    ("cursor", "CURSOR_DIR", ".cursor"),
    ("copilot", "COPILOT_HOME", ".copilot"),
    ("opencode", "OPENCODE_CONFIG_DIR", ".config/opencode"),
];

pub(crate) fn run(as_json: bool, dry_run: bool) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    if dry_run {
        return would(&config, as_json);
    }
    let agent = Agent::load_or_make(config)?;
    let base = agent::api_url(&agent.config);
    let level = agent::publish_level(&agent.config);
    if as_json {
        let answer = json!({
            "agent_id": agent.identity.agent_id(),
            "dashboard_url": agent.page(&base),
            "publish_level": level.as_str(),
            "agents": found(),
        });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |name: &str, text: &str| output::line(&format!("{name:<12}{text}"));
    output::line(if agent.is_new {
        "Made a new identity."
    } else {
        "This agent has an identity already; nothing was changed."
    })?;
    row("agent", &agent.identity.agent_id().to_string())?;
    row("dashboard", &agent.page(&base))?;
    row("home", &agent.config.home.path().display().to_string())?;
    row("public", public(level))?;
    row(
        "next",
        "start everything with `smoltbot up`, and let your agent's hooks call `smoltbot hook openclaw` or `smoltbot hook claude-code`",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What a level makes public, in words.
fn public(level: Level) -> &'static str {
    match level {
        Level::None => {
            "tool names, verdicts and reasons; nothing of parameters and results (publish.level none)"
        }
        Level::Shape => {
            "tool names, verdicts, reasons, and the shape of parameters and results, not their content (publish.level shape)"
        }
        Level::Preview => {
            "tool names, verdicts, reasons, parameters and a short preview of results, secrets masked (publish.level preview)"
        }
        Level::Full => {
            "tool names, verdicts, reasons, parameters and results, secrets masked (publish.level full)"
        }
    }
}

fn would(config: &smoltbot_config::Config, as_json: bool) -> anyhow::Result<ExitCode> {
    let home = &config.home;
    let wanted = [
        home.config_file(),
        home.key_file(),
        home.card_file(),
        home.token_file(),
    ];
    let missing: Vec<&PathBuf> = wanted.iter().filter(|path| !path.exists()).collect();
    if as_json {
        output::line(&json!({ "would_make": missing, "agents": found() }).to_string())?;
    } else if missing.is_empty() {
        output::line("nothing to make: the identity, the card and the token exist")?;
    } else {
        for path in missing {
            output::line(&format!("would make {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Which agents there are on this machine. Their hooks are not installed by this version, and that is said.
fn found() -> Vec<Value> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    AGENTS
        .iter()
        .map(|(name, variable, directory)| {
            let place = std::env::var_os(variable)
                .map(PathBuf::from)
                .or_else(|| Some(home.as_ref()?.join(directory)));
            let found = place.is_some_and(|place| place.is_dir());
            let reason = match (found, *name) {
                (false, _) => "its directory does not exist".to_owned(),
                (true, "openclaw" | "claude-code") => {
                    format!("this version does not install hooks by itself: let its hooks call `smoltbot hook {name}`")
                }
                (true, _) => "this version does not understand its hooks yet".to_owned(),
            };
            json!({ "name": name, "found": found, "installed": false, "proof": null, "reason": reason })
        })
        .collect()
}
