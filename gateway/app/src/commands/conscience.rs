//! `smoltbot conscience`: the rules, for those who live by them and those who write them. Works before `init`.

mod explain;
mod lint;
mod list;
mod new;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use smoltbot_config::Config;

use crate::cli::ConscienceTask;
use crate::policies::Policies;
use crate::{agent, cards};

pub(crate) fn run(task: ConscienceTask) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    match task {
        ConscienceTask::List { all, cwd, json } => list::run(&config, all, cwd, json),
        ConscienceTask::Explain(explain) => explain::run(&config, explain),
        ConscienceTask::Test { files, cwd, json } => test::run(&config, files, cwd, json),
        ConscienceTask::New { effect, name, ask } => new::run(&config, &effect, name, ask),
        ConscienceTask::Lint { files, cwd, json } => lint::run(&config, &files, cwd, json),
    }
}

/// The rules of this home as its files say now.
fn policies(config: &Config) -> Policies {
    Policies::looked_at(config, cards::known(&config.home).as_ref())
}

/// The directory that was given, else the current one, in full.
fn directory(given: Option<PathBuf>) -> anyhow::Result<String> {
    let path = match given {
        Some(path) => std::path::absolute(&path)
            .with_context(|| format!("{} is no directory", path.display()))?,
        None => {
            std::env::current_dir().context("the current directory cannot be told; use --cwd")?
        }
    };
    path.into_os_string()
        .into_string()
        .map_err(|path| anyhow::anyhow!("{} is not UTF-8; use --cwd", path.display()))
}

fn warn(complaints: &[String]) {
    for complaint in complaints {
        tracing::warn!("{complaint}");
    }
}
