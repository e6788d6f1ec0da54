//! `smoltbot init`: identity, card, and hooks in every agent of this machine, each proven.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use agent_hooks::{Agent as Foreign, AskedServer, Record, Unproven};
use redact::{Level, Redactor};
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::clock;

use crate::agent::{self, Agent};
use crate::background::{self, Background};
use crate::cli::Init;
use crate::http;

pub(crate) mod proof;
mod report;
mod servers;
pub(crate) mod site;

use proof::Told;
use report::Report;
use site::Site;

pub(crate) fn run(asked: &Init) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let site = Site::here(&config)?;
    if asked.dry_run {
        return report::would(&config, &site, asked);
    }
    let made = missing_directories(&config);
    let agent = Agent::load_or_make(config)?;
    let mut reports = install(&agent, &site, made, asked)?;
    let base = prove(&agent, &site, &mut reports)?;
    remember(&agent, &reports)?;
    report::print(&agent, &base, &reports, asked.json)
}

/// The directories of smoltbot's home that are not there yet, outermost first: what `init` makes, `uninstall` may remove.
fn missing_directories(config: &Config) -> Vec<PathBuf> {
    let path =
        std::path::absolute(config.home.path()).unwrap_or_else(|_| config.home.path().into());
    let above = path.ancestors().take_while(|path| !path.exists());
    let mut missing: Vec<PathBuf> = above.map(Into::into).collect();
    missing.reverse();
    missing
}

/// The agents that are asked for.
fn wanted(asked: &Init) -> Vec<Foreign> {
    let mut wanted = asked.agents.clone();
    if wanted.is_empty() {
        wanted.extend(Foreign::WITH_HOOKS);
    }
    if asked.mcp && !wanted.contains(&Foreign::Mcp) {
        wanted.push(Foreign::Mcp);
    }
    // MCP servers last: which of them are left alone depends on who else tells of their calls.
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// The agents whose hooks are installed.
fn hooked(record: &Record) -> Vec<Foreign> {
    let names = record.agents.keys();
    names
        .filter_map(|name| Foreign::parse(name))
        .filter(|agent| *agent != Foreign::Mcp)
        .collect()
}

/// Installs what is asked for. `made`: the directories that were made for the home just now.
fn install(
    agent: &Agent,
    site: &Site,
    made: Vec<PathBuf>,
    asked: &Init,
) -> anyhow::Result<Vec<Report>> {
    let _alone = Site::hold(&agent.config)?;
    let home = agent.config.home.path();
    let known = Record::load(home)?;
    let first = known.is_none();
    let mut record = known.unwrap_or_default();
    if first {
        record.home_made = made;
    }
    record.save(home)?;
    let record = &mut record;
    let mut reports = Vec::new();
    for foreign in wanted(asked) {
        let plan = site.plan(foreign, record, &hooked(record));
        let mut report = Report::new(foreign, plan);
        if report.found() && report.plan.obstacle.is_none() {
            let now = clock::now().to_string();
            match agent_hooks::install(foreign.name(), &report.plan, record, home, &now) {
                Ok(()) => report.installed = true,
                Err(why) => {
                    // What was changed of it until then is taken out again: half a hook would be believed to be one.
                    let mut why = why;
                    for undone in agent_hooks::undo(foreign.name(), record, home)? {
                        if let Err(more) = undone {
                            why = format!("{why}; {more}");
                        }
                    }
                    report.plan.obstacle = Some(why);
                }
            }
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Starts what must run, and proves each installed hook; the base of the dashboard's URLs.
fn prove(agent: &Agent, site: &Site, reports: &mut [Report]) -> anyhow::Result<String> {
    let config = &agent.config;
    let mut base = agent::api_url(config);
    if reports.iter().all(|report| !report.installed) {
        return Ok(base);
    }
    let off = if !config.enabled {
        Some("smoltbot is switched off (SMOLTBOT_ENABLED), so nothing was proven".to_owned())
    } else if !config.sidecar.on_demand {
        let why = "sidecar.on_demand is false, so nothing was started and nothing proven; start `smoltbot up` and run `smoltbot init` again";
        (!is_up(config)).then(|| why.to_owned())
    } else {
        None
    };
    let untried = off.is_some();
    let started = match off {
        Some(why) => Err(why),
        None if !config.sidecar.on_demand => Ok(None),
        None => background::ensure(config).map(Some).map_err(|error| {
            format!("not proven, for smoltbot cannot run in the background: {error:#}")
        }),
    };
    match started {
        Err(why) => {
            for report in reports.iter_mut().filter(|report| report.installed) {
                report.unproven = Some(why.clone());
                report.untried = untried;
            }
            return Ok(base);
        }
        Ok(Some(background)) => base = told_base(&background).unwrap_or(base),
        Ok(None) => {}
    }
    let id = agent.identity.agent_id().to_string();
    let program = site.smoltbot.program.to_string_lossy();
    http::block_on(async {
        let mut told: Vec<(usize, Told)> = Vec::new();
        for (index, report) in reports.iter_mut().enumerate() {
            if !report.installed {
                continue;
            }
            if report.agent == Foreign::Mcp {
                let wrapped = agent_hooks::wrapped(&site.machine, &program);
                report.servers = servers::ask_all(wrapped).await;
                if report.servers.iter().all(|server| server.tools.is_err()) {
                    continue;
                }
            }
            match proof::tell(report.agent, &report.plan, site).await {
                Ok(call) => {
                    report.by = Some(call.by);
                    told.push((index, call));
                }
                Err(error) => report.unproven = Some(format!("{error:#}")),
            }
        }
        for (index, call) in told {
            match proof::arrives(&base, &id, &call).await {
                Ok(page) => reports[index].proof = Some(page),
                Err(error) => reports[index].unproven = Some(format!("{error:#}")),
            }
        }
        Ok(())
    })?;
    Ok(base)
}

/// Notes what came of proving: `doctor` tells it until the next `init`.
fn remember(agent: &Agent, reports: &[Report]) -> anyhow::Result<()> {
    let _alone = Site::hold(&agent.config)?;
    let home = agent.config.home.path();
    // Another `init` or `uninstall` may have been at it meanwhile.
    let Some(mut record) = Record::load(home)? else {
        return Ok(());
    };
    let now = clock::now().to_string();
    // What a program says when it fails may quote its token, and this stays.
    let masked = |text: &str| Redactor::new(Level::Full).text(text).into_inner();
    for report in reports.iter().filter(|report| report.installed) {
        let Some(installed) = record.agents.get_mut(report.agent.name()) else {
            continue;
        };
        if report.untried {
            continue;
        }
        installed.servers = report
            .servers
            .iter()
            .map(|asked| AskedServer {
                name: asked.server.name.clone(),
                file: asked.server.file.clone(),
                at: now.clone(),
                reason: asked.tools.as_ref().err().map(|why| masked(why)),
            })
            .collect();
        installed.unproven = report.unproven.as_deref().map(|why| Unproven {
            at: now.clone(),
            reason: masked(why),
        });
        if report.proof.is_some() {
            installed.proven_at = Some(now.clone());
        }
    }
    Ok(record.save(home)?)
}

/// Whether somebody takes in events for this home.
fn is_up(config: &Config) -> bool {
    let socket = config.home.socket(&config.sidecar);
    socket.is_ok_and(|socket| UnixStream::connect(socket).is_ok())
}

/// The dashboard's base, as what was started says: its port may have been chosen by the system.
fn told_base(background: &Background) -> Option<String> {
    let lines = background.said.iter();
    let mut urls = lines.filter_map(|line| Some(line.strip_prefix("edge")?.trim().to_owned()));
    urls.next().filter(|url| url.starts_with("http"))
}

/// A list of texts in JSON; null when there is none.
fn joined(texts: &[String]) -> Value {
    if texts.is_empty() {
        Value::Null
    } else {
        json!(texts.join("; "))
    }
}
