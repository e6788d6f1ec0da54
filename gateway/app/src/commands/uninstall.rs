//! `smoltbot uninstall`: takes out exactly what `init` put in.
//!
//! Agents' settings first, so that no hook starts anything again; then what runs is stopped; then smoltbot's home goes, if
//! `init` made it and nothing in it is anybody's but ours. Traces are their agent's record, and not thrown away unasked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agent_hooks::{How, Installed, Left, Record, Undone};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use smoltbot_config::Config;

use super::init::site::Site;
use crate::cli::Uninstall;
use crate::{agent, background, output};

mod keep;

/// What `service install` leaves in the home, for as long as the system starts smoltbot.
const SERVICE: &str = "service.json";

/// What became of everything.
#[derive(Default)]
struct Done {
    agents: Vec<(String, Vec<Result<Undone, String>>)>,
    stopped: Option<i32>,
    /// The home was removed, or why it was not.
    kept: Option<Vec<String>>,
}

impl Done {
    fn failed(&self) -> bool {
        let mut files = self.agents.iter().flat_map(|(_, files)| files);
        files.any(Result::is_err)
    }
}

pub(crate) fn run(asked: &Uninstall) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let home = std::path::absolute(config.home.path())?;
    if !home.is_dir() {
        return nothing(asked);
    }
    let whole = asked.agents.is_empty();
    if asked.dry_run {
        return would(&config, &Record::load(&home)?.unwrap_or_default(), asked);
    }
    if whole && home.join(SERVICE).exists() {
        bail!(
            "the system starts smoltbot for {}, and would go on to: run `smoltbot service uninstall` first; nothing was changed",
            home.display()
        );
    }
    let mut done = Done::default();
    let mut record;
    {
        let _alone = Site::hold(&config)?;
        record = Record::load(&home)?.unwrap_or_default();
        for name in names(&record, asked) {
            let undone = agent_hooks::undo(&name, &mut record, &home)?;
            done.agents.push((name, undone));
        }
        if whole && !done.failed() {
            remove_file(&config.home.installed_file())?;
        }
    }
    if whole {
        done.stopped = background::stop(&config)?.map(|stopped| stopped.pid);
        let kept = if done.failed() {
            vec!["it knows what could not be taken out".to_owned()]
        } else if asked.purge {
            Vec::new()
        } else {
            keep::reasons(&config, &record)
        };
        if kept.is_empty() {
            remove_home(&home, &record.home_made)?;
        } else {
            if !done.failed() {
                // What it was before stays; what only served the hooks goes.
                remove_file(&home.join("install.lock"))?;
            }
            done.kept = Some(kept);
        }
    }
    print(&done, &home, asked)
}

/// The agents to take it out of.
fn names(record: &Record, asked: &Uninstall) -> Vec<String> {
    let wanted = |name: &str| {
        asked.agents.is_empty() || asked.agents.iter().any(|agent| agent.name() == name)
    };
    let names = record.agents.keys().filter(|name| wanted(name));
    names.cloned().collect()
}

fn remove_file(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes the home, and the directories above it that were made for it and are empty.
fn remove_home(home: &Path, made: &[PathBuf]) -> anyhow::Result<()> {
    fs::remove_dir_all(home).with_context(|| format!("{} cannot be removed", home.display()))?;
    for directory in made.iter().rev().filter(|made| *made != home) {
        // One that has something in it is not ours alone any more.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

fn nothing(asked: &Uninstall) -> anyhow::Result<ExitCode> {
    output::line(&if asked.json {
        json!({ "agents": [], "stopped": null, "home": "absent", "kept_because": null }).to_string()
    } else {
        "nothing is installed".to_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn told(how: &How) -> (&'static str, String) {
    match how {
        How::Restored => ("restored", "as it was before".to_owned()),
        How::Removed => ("removed", "removed".to_owned()),
        How::Edited => (
            "edited",
            "changed by others since: smoltbot's hooks taken out, everything else kept".to_owned(),
        ),
        How::Gone => ("gone", "gone already".to_owned()),
        How::SetAside(aside) => (
            "set_aside",
            format!("changed by others since: kept as {}", aside.display()),
        ),
    }
}

fn print(done: &Done, home: &Path, asked: &Uninstall) -> anyhow::Result<ExitCode> {
    let code = ExitCode::from(u8::from(done.failed()));
    let whole = asked.agents.is_empty();
    if asked.json {
        let agents: Vec<Value> = done
            .agents
            .iter()
            .map(|(name, files)| {
                let told = files.iter().map(|file| match file {
                    Ok(undone) => {
                        json!({ "path": undone.path, "done": told(&undone.how).0, "reason": null })
                    }
                    Err(why) => json!({ "path": null, "done": "failed", "reason": why }),
                });
                json!({ "name": name, "files": told.collect::<Vec<_>>() })
            })
            .collect();
        let state = if whole && done.kept.is_none() {
            "removed"
        } else {
            "kept"
        };
        let answer = json!({
            "agents": agents,
            "stopped": done.stopped,
            "home": state,
            "kept_because": done.kept,
        });
        output::line(&answer.to_string())?;
        return Ok(code);
    }
    for (name, files) in &done.agents {
        for file in files {
            match file {
                Ok(undone) => output::line(&format!(
                    "{name:<12}{}: {}",
                    undone.path.display(),
                    told(&undone.how).1
                ))?,
                Err(why) => output::line(&format!("{name:<12}NOT taken out: {why}"))?,
            }
        }
    }
    if done.agents.is_empty() {
        output::line("no agent has smoltbot's hooks")?;
    }
    if let Some(pid) = done.stopped {
        output::line(&format!("stopped what ran (pid {pid})"))?;
    }
    match &done.kept {
        _ if !whole => {}
        None => output::line(&format!("removed {}", home.display()))?,
        Some(kept) => {
            output::line(&format!("kept {}: {}", home.display(), kept.join("; ")))?;
            if !done.failed() {
                output::line("`smoltbot uninstall --purge` removes it, too")?;
            }
        }
    }
    Ok(code)
}

/// What would be done, and nothing of it.
fn would(config: &Config, record: &Record, asked: &Uninstall) -> anyhow::Result<ExitCode> {
    let mut agents = Vec::new();
    let mut lines = Vec::new();
    for name in names(record, asked) {
        let files = record.of(&name).map(files).unwrap_or_default();
        for file in &files {
            lines.push(match (&file["diff"], &file["reason"]) {
                (Value::String(diff), _) => diff.trim_end_matches('\n').to_owned(),
                (_, reason) => format!("{name}: {}", reason.as_str().unwrap_or_default()),
            });
        }
        agents.push(json!({ "name": name, "files": files }));
    }
    let kept = if asked.agents.is_empty() && !asked.purge {
        keep::reasons(config, record)
    } else {
        Vec::new()
    };
    let goes = asked.agents.is_empty() && kept.is_empty();
    if asked.json {
        let state = if goes { "would_remove" } else { "would_keep" };
        let answer = json!({ "agents": agents, "home": state, "kept_because": kept });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in lines {
        output::line(&line)?;
    }
    let home = config.home.path().display();
    output::line(&if goes {
        format!("would stop what runs, and remove {home}")
    } else {
        format!("would keep {home}: {}", kept.join("; "))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What would become of an agent's files.
fn files(installed: &Installed) -> Vec<Value> {
    let told = installed.files.iter().map(|file| {
        let change = |before: Option<String>, after: String| agent_hooks::Change {
            path: file.path.clone(),
            before,
            after,
            takeout: file.takeout.clone(),
        };
        let (diff, reason) = match agent_hooks::left(file) {
            Ok((before, Left::Before(after) | Left::Edited(after))) => {
                (Some(agent_hooks::unified(&change(before, after))), None)
            }
            Ok((_, Left::NoFile)) => (None, Some(format!("would remove {}", file.path.display()))),
            Ok((_, Left::Gone)) => (
                None,
                Some(format!("{} is gone already", file.path.display())),
            ),
            Ok((_, Left::SetAside)) => (
                None,
                Some(format!(
                    "{} was changed by others: would be renamed to end in .kept",
                    file.path.display()
                )),
            ),
            Err(why) => (None, Some(why)),
        };
        json!({ "path": file.path, "diff": diff, "reason": reason })
    });
    told.collect()
}
