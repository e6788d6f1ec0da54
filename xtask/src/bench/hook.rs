//! What `smoltbot hook` costs an agent: a process started, the call judged, the event committed, the answer printed.

use std::fs;
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
/// What a refusal adds to the spool's WAL: four pages.
const WRITTEN: usize = 4 * 4096;

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let home = tempfile::tempdir()?;
    let mut metrics = floor(home.path())?;
    let mut series = |state: &str| -> Result<()> {
        for (kind, command) in [("allowed", "ls -la"), ("refused", "rm -rf /")] {
            let before = children_ms()?;
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
            let calls = f64::from(u32::try_from(CALLS)?);
            metrics.push(Metric::of(
                &format!("{kind}, sidecar {state}, mean CPU"),
                "ms",
                vec![(children_ms()? - before) / calls],
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

/// What no hook can go below on this machine: a process that does nothing, and what a refusal must have on the disk.
fn floor(dir: &Path) -> Result<Vec<Metric>> {
    let (mut starts, mut syncs) = (Vec::new(), Vec::new());
    let mut file = fs::File::create(dir.join("floor"))?;
    for _ in 0..CALLS {
        let began = Instant::now();
        Line::new("true").command().status()?;
        starts.push(began.elapsed());
        let began = Instant::now();
        file.write_all(&[7; WRITTEN])?;
        file.sync_data()?;
        syncs.push(began.elapsed());
    }
    Ok(vec![
        Metric::of_times("floor: a process that does nothing", &starts)?,
        Metric::of_times("floor: 16 kB appended and synced", &syncs)?,
    ])
}

/// CPU time of all children that have ended, by the kernel's clock of a hundred ticks a second: exact enough over hundreds.
fn children_ms() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    // After the name: the 14th and 15th are what ended children took.
    let ticks = rest.split_whitespace().skip(13).take(2);
    let ticks: u32 = ticks.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(f64::from(ticks) * 10.0)
}

/// Wall time of one hook, from before the process starts until it has ended.
pub(super) fn hook(bench: &Bench, home: &Path, command: &str, call: &str) -> Result<Duration> {
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
