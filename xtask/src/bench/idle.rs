//! What an idle sidecar and an idle `up` hold and do: memory, CPU, and how often they wake, by what the kernel counts.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::hook::hook;
use super::up::{PATIENCE, Up};
use super::{Bench, Metric};
use crate::command::Line;

/// How long it is left alone first: a call whose end is not seen is told after thirty seconds, and a sidecar that could not doze
/// until then looks again after thirty more.
const SETTLE: Duration = Duration::from_secs(80);
/// As a sidecar is that has just been asked.
const NEVER_DOZES: (&str, &str) = ("SMOLTBOT_SIDECAR__DOZE_SECONDS", "0");
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(30);

/// What the kernel has counted of a process.
struct Counts {
    rss_mb: f64,
    private_mb: f64,
    switches: u64,
    /// In clock ticks, of which there are a hundred a second.
    ticks: u64,
}

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let edge = tempfile::tempdir()?;
    let homes = [tempfile::tempdir()?, tempfile::tempdir()?];
    let up = Up::start(bench, edge.path())?;
    let mut metrics = Vec::new();
    let url = format!("http://{}", up.edge);
    // Nobody asks the first one anything before it dozes; the other stays as it is.
    let mut sidecars = [
        start(bench, homes[0].path(), &url)?,
        start_with(bench, homes[1].path(), &url, &[NEVER_DOZES])?,
    ];
    let mut watch = |what: &str, pid: u32| -> Result<()> {
        let before = counts(pid)?;
        std::thread::sleep(WATCH);
        let after = counts(pid)?;
        let figure = |name: &str, unit, value: f64| {
            Metric::of(&format!("{what}, {name}"), unit, vec![value])
        };
        let number = |count: u64| u32::try_from(count).map(f64::from);
        metrics.push(figure("resident", "MB", after.rss_mb)?);
        metrics.push(figure("of it its own", "MB", after.private_mb)?);
        metrics.push(figure(
            "times it went to sleep in 30 s",
            "times",
            number(after.switches - before.switches)?,
        )?);
        metrics.push(figure(
            "CPU in 30 s",
            "ms",
            number(after.ticks - before.ticks)? * 10.0,
        )?);
        Ok(())
    };
    let [dozing, awake] = [sidecars[0].id(), sidecars[1].id()];
    std::thread::sleep(SETTLE);
    watch("sidecar, dozing", dozing)?;
    watch("sidecar that may not doze", awake)?;
    for call in 0..20 {
        for home in &homes {
            hook(bench, home.path(), "ls -la", &format!("allowed-{call}"))?;
            hook(bench, home.path(), "rm -rf /", &format!("refused-{call}"))?;
        }
    }
    std::thread::sleep(SETTLE);
    watch("sidecar, dozing after 40 calls", dozing)?;
    watch("sidecar that may not doze, after 40 calls", awake)?;
    watch("up", up.pid())?;
    for sidecar in &mut sidecars {
        kill(Pid::from_raw(i32::try_from(sidecar.id())?), Signal::SIGTERM)?;
        let status = sidecar.wait()?;
        ensure!(status.success(), "the sidecar ended with {status}");
    }
    up.stop()?;
    Ok(metrics)
}

/// A sidecar that listens.
pub(super) fn start(bench: &Bench, home: &Path, edge: &str) -> Result<Child> {
    start_with(bench, home, edge, &[])
}

fn start_with(
    bench: &Bench,
    home: &Path,
    edge: &str,
    environment: &[(&str, &str)],
) -> Result<Child> {
    let child = Line::new(&bench.smoltbot)
        .arg("sidecar")
        .env("SMOLTBOT_HOME", home)
        .env("SMOLTBOT_API_URL", edge)
        .command()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("could not start `smoltbot sidecar`")?;
    let began = Instant::now();
    while !home.join("sidecar.sock").exists() {
        ensure!(began.elapsed() < PATIENCE, "the sidecar does not listen");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(child)
}

fn counts(pid: u32) -> Result<Counts> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kib = |name: &str| -> Result<f64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(number
            .with_context(|| format!("no {name}"))?
            .trim()
            .parse()?)
    };
    let own = kib("Private_Dirty:")? + kib("Private_Clean:")?;
    let mut switches = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let count = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        switches += count
            .context("no count of switches")?
            .trim()
            .parse::<u64>()?;
    }
    // After the name in brackets, which may hold anything: user and system time are the 12th and 13th.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Counts {
        rss_mb: kib("Rss:")? * 1024.0 / 1e6,
        private_mb: own * 1024.0 / 1e6,
        switches,
        ticks,
    })
}
