//! What `smoltbot hook` costs an agent: a process started, the call judged, the event committed, the answer printed.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::up::Up;
use super::{Bench, Metric};
use crate::command::Line;

/// Calls of each kind.
const CALLS: usize = 200;

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let home = tempfile::tempdir()?;
    let mut metrics = Vec::new();
    let mut series = |state: &str| -> Result<()> {
        for (kind, command) in [("allowed", "ls -la"), ("refused", "rm -rf /")] {
            let times = (0..CALLS)
                .map(|call| {
                    hook(
                        bench,
                        home.path(),
                        command,
                        &format!("{state}-{kind}-{call}"),
                    )
                })
                .collect::<Result<Vec<_>>>()?;
            metrics.push(Metric::of_times(
                &format!("{kind}, sidecar {state}"),
                &times,
            )?);
        }
        Ok(())
    };
    series("down")?;
    let up = Up::start(bench, home.path())?;
    series("up")?;
    up.stop()?;
    Ok(metrics)
}

/// Wall time of one hook, from before the process starts until it has ended.
fn hook(bench: &Bench, home: &Path, command: &str, call: &str) -> Result<Duration> {
    let event = json!({
        "session_id": "bench", "cwd": "/tmp", "hook_event_name": "PreToolUse",
        "tool_name": "Bash", "tool_use_id": call, "tool_input": {"command": command},
    });
    let mut process = Line::new(&bench.smoltbot)
        .args(["hook", "claude-code"])
        .env("SMOLTBOT_HOME", home)
        .command();
    process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = process.spawn().context("could not start `smoltbot hook`")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(event.to_string().as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let took = began.elapsed();
    ensure!(
        output.status.success(),
        "`smoltbot hook` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    // A fast wrong answer is no result.
    let denies = String::from_utf8_lossy(&output.stdout).contains("deny");
    ensure!(
        denies == command.starts_with("rm"),
        "`{command}` got the wrong answer"
    );
    Ok(took)
}
