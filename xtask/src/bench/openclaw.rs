//! What `OpenClaw`'s plugin adds to a tool call: its before-hook, verdict included, against a sidecar that runs.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::up::Up;
use super::{Bench, Metric, browser};
use crate::command::Line;

/// Measures, and prints what it found as one line of JSON.
const SCRIPT: &str = "trace-plugin/openclaw/bench.mjs";

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let home = tempfile::tempdir()?;
    let up = Up::start(bench, home.path())?;
    let line = Line::new("node")
        .arg(SCRIPT)
        .env("SMOLTBOT_HOME", home.path());
    let output = line.command().stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("could not start `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` ended with {}",
        output.status
    );
    up.stop()?;
    browser::read(&output.stdout)
}
