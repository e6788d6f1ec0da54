//! `smoltbot status`: who this agent is, when each agent was last heard, what waits and what was lost.
//!
//! It tells what can be told, whatever does not work: a figure that is not known is said not to be known.

use std::process::ExitCode;

use serde_json::{Value, json};
use trace_plugin::clock;

use crate::agent::{self, Agent};
use crate::models::Models;
use crate::policies::Policies;
use crate::{background, listening, lock, output, settings};

mod agents;
mod otlp;
mod spool;

pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let home = &agent.config.home;
    let spool = spool::look(&agent);
    let spans = otlp::look(&agent);
    let (heard, record_problem) = agents::look(&agent.config, spool.heard.as_deref());
    let base = agent::api_url(&agent.config);
    let rules = Policies::looked_at(&agent.config, Some(&agent.card)).report();
    let running = lock::is_taken(&home.lock_file());
    let models = Models::of(&agent.config);
    let faults = settings::of_up(&agent.config, None)
        .err()
        .unwrap_or_default();
    let faults = faults.each();
    let now = clock::now();
    if as_json {
        let agents: Vec<Value> = heard.iter().map(|heard| heard.json(now)).collect();
        let status = json!({
            "agent_id": agent.identity.agent_id(),
            "running": running,
            "dashboard_url": agent.page(&base),
            "spool": spool.json(),
            "last_ack_at": spool.depth.as_ref().and_then(|depth| depth.last_ack_at),
            "asked": spool.depth.as_ref().map(|depth| depth.asked),
            "enabled": agent.config.enabled,
            "conscience": {
                "packs": rules.packs,
                "rules": rules.rules,
                "exceptions": rules.exceptions,
                "expired_exceptions": rules.expired,
                "problems": rules.complaints,
            },
            "agents": agents,
            "problem": record_problem,
            "otlp": otlp::json(&agent, spans.as_ref()),
            "models": models.as_ref().ok().map(Models::json),
            "models_problem": models.as_ref().err().map(|faults| faults.each().join("; ")),
            "config_problems": faults,
        });
        output::line(&status.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |name: &str, text: &str| output::line(&format!("{name:<14}{text}"));
    row("agent", &agent.identity.agent_id().to_string())?;
    row("dashboard", &agent.page(&base))?;
    row("running", &running_row(&agent, running))?;
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
    // Without a token there is no gateway to name; what is wrong with it is the gateway's to say.
    if let Ok(token) = agent::token(&agent.config) {
        let page = match listening::gateway(&agent.config) {
            // What was told by a process that has ended leads nowhere.
            Some(at) if running || agent.config.gateway.listen.port() != 0 => {
                gateway::page_url(at, &token)
            }
            _ => "takes a free port when it runs".to_owned(),
        };
        row("gateway", &page)?;
    }
    let start = start_rows(models.as_ref().ok(), faults).into_iter();
    let rest = spool.rows().into_iter().chain(otlp::rows(spans.as_ref()));
    for (name, text) in start.chain(rest) {
        row(name, &text)?;
    }
    if let Some(problem) = &record_problem {
        row("problem", problem)?;
    }
    if heard.is_empty() {
        row(
            "agents",
            if spool.heard.is_some() {
                "none heard yet"
            } else {
                "not known"
            },
        )?;
    }
    for heard in &heard {
        row(&heard.name, &heard.text(now))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who answers in the chat, and what keeps everything from being started.
fn start_rows(models: Option<&Models>, faults: &[String]) -> Vec<(&'static str, String)> {
    let model = models.map(|models| ("model", models.told()));
    let wrong = faults.iter().map(|fault| {
        let text = format!("no start with this configuration: {fault}");
        ("problem", text)
    });
    model.into_iter().chain(wrong).collect()
}

/// Whether something runs, in words.
fn running_row(agent: &Agent, running: bool) -> String {
    if running {
        return "yes".to_owned();
    }
    let config = &agent.config;
    if background::starts_on_demand(config) {
        "no; hooks record by themselves meanwhile, and the next one starts it".to_owned()
    } else {
        "no; start it with `smoltbot up`".to_owned()
    }
}
