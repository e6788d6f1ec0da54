//! Whether each agent's hooks are as they were installed, and are run.

use std::os::unix::fs::PermissionsExt as _;

use agent_hooks::{Agent, AskedServer, Installed, Record, Smoltbot, Unproven};
use smoltbot_config::Config;

use super::{Finding, Verdict};
use crate::commands::init::site::Site;

const INIT: &str = "run `smoltbot init`";
/// MCP servers are wrapped only when that is asked for.
const INIT_MCP: &str = "run `smoltbot init --mcp`";

fn init(agent: Agent) -> &'static str {
    if agent == Agent::Mcp { INIT_MCP } else { INIT }
}

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let site = match Site::here(config) {
        Ok(site) => site,
        Err(error) => return vec![Finding::wrong("hooks", format!("{error:#}"), "set HOME")],
    };
    let record = match Record::load(config.home.path()) {
        Ok(record) => record.unwrap_or_default(),
        Err(error) => {
            let todo = "move it away and run `smoltbot init`, which finds its hooks again";
            return vec![Finding::wrong("hooks", error.to_string(), todo)];
        }
    };
    let mut findings = Vec::new();
    for agent in Agent::WITH_HOOKS.into_iter().chain([Agent::Mcp]) {
        match record.of(agent.name()) {
            Some(installed) => {
                let whole = of(agent, installed, &record, &site);
                let servers = match agent {
                    Agent::Mcp => servers(installed, &site),
                    _ => Vec::new(),
                };
                // Where no server has worked, the wrapping alone is nothing that is well.
                if whole.verdict != Verdict::Well
                    || installed.proven_at.is_some()
                    || servers.is_empty()
                {
                    findings.push(whole);
                }
                findings.extend(servers);
            }
            None if agent != Agent::Mcp && !agent.places(&site.machine).is_empty() => {
                let what = "is on this machine, without smoltbot's hooks: its calls are not seen";
                findings.push(Finding::note(agent.name(), what, INIT));
            }
            None => {}
        }
    }
    if findings.is_empty() {
        findings.push(Finding::note(
            "hooks",
            "no agent that smoltbot knows is on this machine",
            "install one, then run `smoltbot init`",
        ));
    }
    findings
}

/// Looks at one agent, with the program that its hooks were installed for.
fn of(agent: Agent, installed: &Installed, record: &Record, site: &Site) -> Finding {
    let name = agent.name();
    let program = &installed.program;
    let runs = program
        .metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    if !runs {
        let what = format!(
            "its hooks run {}, which is no program any more",
            program.display()
        );
        return Finding::wrong(
            name,
            what,
            format!("{} with the smoltbot that you have now", init(agent)),
        );
    }
    let site = Site {
        machine: site.machine.clone(),
        smoltbot: Smoltbot {
            program: program.clone(),
            ..site.smoltbot.clone()
        },
    };
    let hooked: Vec<Agent> = record
        .agents
        .keys()
        .filter_map(|name| Agent::parse(name))
        .collect();
    let plan = site.plan(agent, record, &hooked);
    if plan.places.is_empty() {
        let what = "is not on this machine any more, though its hooks were installed";
        return Finding::wrong(
            name,
            what,
            format!("run `smoltbot uninstall --agent {name}`"),
        );
    }
    if let Some(obstacle) = plan.obstacle {
        return Finding::wrong(
            name,
            obstacle,
            format!("put that right, then {}", init(agent)),
        );
    }
    if !plan.changes.is_empty() {
        let files: Vec<String> = plan
            .changes
            .iter()
            .map(|change| change.path.display().to_string())
            .collect();
        let what = format!(
            "its hooks are not as they were installed, in {}",
            files.join(", ")
        );
        return Finding::wrong(name, what, init(agent));
    }
    // Files that somebody else wrote are read as they are now: what switches hooks off is said again.
    if let Some(advice) = plan.advice.first() {
        return Finding::wrong(
            name,
            "its hooks are installed, and are not run",
            advice.clone(),
        );
    }
    let version = plan.version.map_or(String::new(), |version| {
        format!(", version {}", version.as_str())
    });
    let what = if agent == Agent::Mcp {
        "servers wrapped"
    } else {
        "hooks installed"
    };
    if let Some(Unproven { at, reason }) = &installed.unproven {
        return Finding::wrong(
            name,
            format!("{what}{version}, and `smoltbot init` could not prove it {at}: {reason}"),
            format!("put that right, then {}", init(agent)),
        );
    }
    let proven = match &installed.proven_at {
        Some(at) => format!("proven {at}"),
        None => "not proven yet".to_owned(),
    };
    Finding::well(name, format!("{what}, {proven}{version}"))
}

/// What `init` found of the MCP servers that are wrapped now, where it found no good.
fn servers(installed: &Installed, site: &Site) -> Vec<Finding> {
    let program = installed.program.to_string_lossy();
    let wrapped = agent_hooks::wrapped(&site.machine, &program);
    let told = wrapped.iter().filter_map(|server| {
        let (name, file) = (&server.name, server.file.display());
        let mut asked = installed.servers.iter();
        let asked = asked.find(|asked| asked.name == *name && asked.file == server.file);
        let Some(AskedServer { at, reason, .. }) = asked else {
            let what = format!("`{name}` in {file} is wrapped, and was not asked yet");
            return Some(Finding::note("mcp", what, INIT_MCP));
        };
        let reason = reason.as_ref()?;
        let what = format!(
            "`{name}` in {file} is wrapped, and did not work when it was asked {at}: {reason}"
        );
        Some(match server.unfilled() {
            Some(_) => Finding::note("mcp", what, "nothing, if its client can start it"),
            None => Finding::wrong("mcp", what, format!("put that right, then {INIT_MCP}")),
        })
    });
    told.collect()
}
