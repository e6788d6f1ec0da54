//! `cargo xtask oracle`: the oracle of delivery for as long as one likes. What it does is `delivery-oracle`'s.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::command::Line;
use crate::test::{artifacts, binary};

/// Its programs: the oracle, and what it breaks.
const PROGRAMS: [&str; 3] = ["delivery-oracle", "smoltbot-faults", "recorder-faults"];

/// Builds the oracle with what it breaks and runs it with `arguments`; true when every promise was kept.
///
/// # Errors
/// When something cannot be built or started.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    // The example makes cargo choose the dependencies' features as for tests, whose build is there already.
    let line = Line::cargo()
        .args(["build", "--workspace", "--example", "call_cost"])
        .args(["--features", "smoltbot/faults,delivery-oracle/faults"])
        .args(PROGRAMS.iter().flat_map(|name| ["--bin", *name]))
        .arg("--message-format=json-render-diagnostics");
    eprintln!("   $ {line}");
    let output = line.command().stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the build ended with {}", output.status);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let made: Vec<_> = artifacts(&messages).collect();
    let oracle = binary(&made, PROGRAMS[0]).context("the build made no oracle")?;
    let dir = oracle.parent().context("the oracle's directory")?;
    let line = Line::new(&oracle).args(arguments);
    let line = line.env("SMOLTBOT_ORACLE_BIN", dir);
    eprintln!("   $ {line}");
    Ok(line.command().status()?.success())
}
