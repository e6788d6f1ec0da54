//! A backlog on its way to an edge: how fast, beside what an edge takes of the same batches when they are ready and nothing else has
//! to be done, and in how much memory. `SMOLTBOT_BENCH_EVENTS` says how many there are.
//!
//! Both send the same traces in the same order over one connection, one request after the answer to another, for that is what the
//! promise of delivery asks for; each time the edge is a fresh one on SQLite with its limits off. The ready batches go before and
//! after the sidecar, and it is held against the mean of the two: what the machine does meanwhile changes.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::example;
use super::up::Up;
use super::{Bench, Metric};
use crate::command::Line;

/// Traces in the backlog, unless the environment says otherwise.
const EVENTS: usize = 100_000;
/// How often the spool is asked how much is left: it costs the machine some milliseconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often when little is.
const LOOK_CLOSELY: Duration = Duration::from_millis(50);
/// A part of the events that is little.
const LITTLE: u64 = 20;
/// How long it may take.
const PATIENCE: Duration = Duration::from_hours(1);
/// Room in the spool, so that every trace waits with its content: 1 TiB.
const ROOM: &str = "1099511627776";
/// What the edge would refuse is not what is measured.
const UNLIMITED: [(&str, &str); 3] = [
    ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "0"),
];

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let events: usize = match std::env::var("SMOLTBOT_BENCH_EVENTS") {
        Ok(number) => number.parse().context("SMOLTBOT_BENCH_EVENTS")?,
        Err(_) => EVENTS,
    };
    let home = tempfile::tempdir()?;
    let status = Line::new(&bench.smoltbot)
        .args(["init", "--json"])
        .env("SMOLTBOT_HOME", home.path())
        .env("HOME", home.path())
        .command()
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "`smoltbot init` ended with {status}");
    let path = home.path().display().to_string();
    let filled = example::run("trace-plugin", "fill_spool", &[path, events.to_string()])?;
    let before = ready(bench, home.path())?;
    // What is sent is deleted.
    let copy = tempfile::tempdir()?;
    for file in ["identity.key", "spool.db"] {
        fs::copy(home.path().join(file), copy.path().join(file))?;
    }
    let drained = drain(bench, home.path(), events as u64)?;
    let after = ready(bench, copy.path())?;
    let rate = f64::from(u32::try_from(events)?) / drained.took.as_secs_f64();
    let ceiling = f64::midpoint(before, after);
    Ok(vec![
        Metric::of("recorded in groups", "traces/s", vec![filled[0].p50])?,
        Metric::of("taken of ready batches", "traces/s", vec![before, after])?,
        Metric::of(&format!("drained of {events}"), "traces/s", vec![rate])?,
        Metric::of(
            "drained, of what the edge takes",
            "%",
            vec![100.0 * rate / ceiling],
        )?,
        Metric::of(
            "sidecar's peak memory meanwhile",
            "MB",
            vec![drained.peak_mb],
        )?,
    ])
}

/// What a fresh edge takes of the spool's batches.
fn ready(bench: &Bench, home: &Path) -> Result<f64> {
    let edge = tempfile::tempdir()?;
    let up = Up::start_with(bench, edge.path(), &UNLIMITED)?;
    let arguments = [home.display().to_string(), up.edge.to_string()];
    let figures = example::run("trace-plugin", "send_spool", &arguments)?;
    up.stop()?;
    Ok(figures.first().context("no figure")?.p50)
}

struct Drained {
    /// From the sidecar's start until nothing waits.
    took: Duration,
    peak_mb: f64,
}

/// Has a sidecar send all that waits to a fresh edge.
fn drain(bench: &Bench, home: &Path, events: u64) -> Result<Drained> {
    let edge = tempfile::tempdir()?;
    let up = Up::start_with(bench, edge.path(), &UNLIMITED)?;
    let began = Instant::now();
    let mut sidecar = start(bench, home, &format!("http://{}", up.edge))?;
    loop {
        match waiting(bench, home)? {
            0 => break,
            left if left > events / LITTLE => std::thread::sleep(LOOK_EVERY),
            _ => std::thread::sleep(LOOK_CLOSELY),
        }
        ensure!(began.elapsed() < PATIENCE, "the backlog is not drained");
    }
    let took = began.elapsed();
    let peak_mb = peak_mb(sidecar.id())?;
    kill(Pid::from_raw(i32::try_from(sidecar.id())?), Signal::SIGTERM)?;
    ensure!(sidecar.wait()?.success(), "the sidecar failed");
    up.stop()?;
    Ok(Drained { took, peak_mb })
}

fn start(bench: &Bench, home: &Path, edge: &str) -> Result<Child> {
    Line::new(&bench.smoltbot)
        .arg("sidecar")
        .env("SMOLTBOT_HOME", home)
        .env("SMOLTBOT_API_URL", edge)
        .env("SMOLTBOT_SPOOL__MAX_BYTES", ROOM)
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("could not start `smoltbot sidecar`")
}

fn waiting(bench: &Bench, home: &Path) -> Result<u64> {
    let output = Line::new(&bench.smoltbot)
        .args(["status", "--json"])
        .env("SMOLTBOT_HOME", home)
        .command()
        .output()?;
    let status: Value = serde_json::from_slice(&output.stdout).context("no status")?;
    status["spool"]["waiting"].as_u64().context("no spool")
}

fn peak_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.context("no VmHWM")?.trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}
