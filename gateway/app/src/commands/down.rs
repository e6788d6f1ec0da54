//! `smoltbot up --detach` and `smoltbot down`: roles in the background, and stopping whatever runs.

use std::process::ExitCode;

use serde_json::json;

use crate::background::{self, State};
use crate::{agent, output, settings};

/// Starts everything in the background, unless it runs.
pub(crate) fn up(database_url: Option<String>) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    // What is wrong with it is told here, and not in a log.
    settings::of_up(&config, database_url.clone())?;
    let arguments = database_url
        .map(|url| vec!["--database-url".into(), url.into()])
        .unwrap_or_default();
    let found = background::ensure_up(&config, arguments)?;
    for line in &found.said {
        output::line(line)?;
    }
    let how = match found.state {
        State::Started => "started in the background",
        State::Running => "running already",
    };
    output::line(&format!(
        "{:<11}{how} (pid {}), log in {}; stop it with `smoltbot down`",
        found.roles,
        found.pid,
        found.log.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Stops what runs.
pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let stopped = background::stop(&config)?;
    if as_json {
        let answer = match &stopped {
            Some(stopped) => {
                json!({"stopped": true, "pid": stopped.pid, "roles": stopped.roles, "killed": stopped.killed})
            }
            None => json!({"stopped": false}),
        };
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(stopped) = stopped else {
        output::line("nothing runs")?;
        return Ok(ExitCode::SUCCESS);
    };
    output::line(&format!(
        "{} smoltbot {} (pid {})",
        if stopped.killed { "killed" } else { "stopped" },
        stopped.roles,
        stopped.pid
    ))?;
    if background::starts_on_demand(&config) {
        output::line(
            "An agent's next call starts it again; the key sidecar.on_demand says whether it may.",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
