//! `smoltbot status`: who this agent is, what waits, and when each agent was last heard.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use trace_plugin::spool::{Spool, Use};

use crate::agent::{self, Agent};
use crate::policies::Policies;
use crate::{lock, output};

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let home = &agent.config.home;
    let spool = Spool::open(
        &home.spool_file(),
        agent.identity.agent_id(),
        PATIENCE,
        Use::OneShot,
    )?;
    let depth = spool.depth()?;
    let agents = spool.agents()?;
    let base = agent::api_url(&agent.config);
    let rules = Policies::looked_at(&agent.config, Some(&agent.card)).report();
    let running = lock::is_taken(&home.lock_file());
    if as_json {
        let agents: Vec<Value> = agents
            .iter()
            .map(|(name, at)| json!({ "name": name, "last_event_at": at }))
            .collect();
        let status = json!({
            "agent_id": agent.identity.agent_id(),
            "running": running,
            "dashboard_url": agent.page(&base),
            "spool": {
                "waiting": depth.waiting,
                "quarantined": depth.quarantined,
                "dropped": depth.dropped,
            },
            "last_ack_at": depth.last_ack_at,
            "asked": depth.asked,
            "enabled": agent.config.enabled,
            "conscience": {
                "packs": rules.packs,
                "rules": rules.rules,
                "exceptions": rules.exceptions,
                "expired_exceptions": rules.expired,
                "problems": rules.complaints,
            },
            "agents": agents,
        });
        output::line(&status.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |name: &str, text: &str| output::line(&format!("{name:<14}{text}"));
    row("agent", &agent.identity.agent_id().to_string())?;
    row("dashboard", &agent.page(&base))?;
    row(
        "running",
        if running {
            "yes"
        } else {
            "no; start it with `smoltbot up`"
        },
    )?;
    if !agent.config.enabled {
        let what = "OFF by SMOLTBOT_ENABLED: hooks let calls pass unjudged and unrecorded";
        row("hooks", what)?;
    }
    row("packs", &rules.packs.join(", "))?;
    let expired = match rules.expired {
        0 => String::new(),
        expired => format!(", {expired} expired"),
    };
    row(
        "own policies",
        &format!(
            "{}, {}{expired}",
            output::count(rules.rules, "rule", "rules"),
            output::count(rules.exceptions, "exception", "exceptions")
        ),
    )?;
    for complaint in &rules.complaints {
        row("problem", complaint)?;
    }
    let token = agent::token(&agent.config)?;
    row(
        "gateway",
        &gateway::page_url(agent.config.gateway.listen, &token),
    )?;
    row(
        "spool",
        &format!(
            "{} waiting, {} quarantined, {} dropped",
            depth.waiting, depth.quarantined, depth.dropped
        ),
    )?;
    row("asked", &asked(depth.asked))?;
    let ack = depth
        .last_ack_at
        .map_or("never".to_owned(), |at| at.to_string());
    row("last ack", &ack)?;
    if agents.is_empty() {
        row("agents", "none heard yet")?;
    }
    for (name, at) in agents {
        row(&name, &format!("last event {at}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How many questions wait for a person, in words.
fn asked(questions: u64) -> String {
    match questions {
        0 => "no question waits for a person".to_owned(),
        1 => "1 question waits for a person".to_owned(),
        more => format!("{more} questions wait for a person"),
    }
}
