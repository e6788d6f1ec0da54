//! What is touched of a program in a day, by valgrind: it tells each instruction that runs and each byte that is read.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::order::Map;
use crate::bench::free_port;
use crate::command::Line;
use crate::health::healthy;

/// How long a start may take while each of its instructions is looked at.
const PATIENCE: Duration = Duration::from_mins(10);
/// How often a role is asked for its health meanwhile: what is done once in a while is done often enough to be seen.
const ASKED: usize = 3;
/// How long a role is left alone then: what it begins by itself, such as sending what it has recorded, is done all day, too.
const LINGER: Duration = Duration::from_secs(20);

/// The addresses that are touched in `map` by a hook, a gateway and everything together, by the first time.
pub(super) fn touched(program: &Path, map: &Map) -> Result<Vec<u64>> {
    let home = tempfile::tempdir()?;
    let mut watch = Watch {
        program,
        home: home.path(),
        seen: Seen::of(map.range()),
    };
    // What stays in memory longest comes first.
    watch.role("gateway")?;
    watch.role("up")?;
    watch.hook("ls -la")?;
    watch.hook("rm -rf /")?;
    Ok(watch.seen.order)
}

/// Addresses, each once.
struct Seen {
    range: Range<u64>,
    /// One for each address: constants are as short as a byte.
    met: Vec<bool>,
    order: Vec<u64>,
}

impl Seen {
    fn of(range: Range<u64>) -> Self {
        Self {
            met: vec![false; usize::try_from(range.end - range.start).unwrap_or(0)],
            range,
            order: Vec::new(),
        }
    }

    /// Takes a line of valgrind's: what was done, an address and a size. Others are the program's own.
    fn take(&mut self, line: &[u8]) {
        let told = line.get(3..).filter(|_| {
            let what = &line[..3];
            [b"I  ", b" L ", b" M ", b" S "]
                .iter()
                .any(|way| what == *way)
        });
        let Some(address) = told.and_then(|told| std::str::from_utf8(told).ok()) else {
            return;
        };
        let address = address.split(',').next().unwrap_or_default();
        let Ok(address) = u64::from_str_radix(address, 16) else {
            return;
        };
        if !self.range.contains(&address) {
            return;
        }
        let at = usize::try_from(address - self.range.start).unwrap_or(0);
        if !std::mem::replace(&mut self.met[at], true) {
            self.order.push(address);
        }
    }

    fn read(&mut self, from: impl std::io::Read) -> Result<()> {
        let mut from = BufReader::with_capacity(1 << 20, from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line)? > 0 {
            self.take(&line);
            line.clear();
        }
        Ok(())
    }
}

/// A program that is watched.
struct Watch<'a> {
    program: &'a Path,
    home: &'a Path,
    seen: Seen,
}

impl Watch<'_> {
    fn line(&self) -> Line {
        Line::new("valgrind")
            .args(["--tool=lackey", "--trace-mem=yes", "--basic-counts=no"])
            .args(["--quiet", "--log-fd=2"])
            .arg(self.program)
            .env("SMOLTBOT_HOME", self.home)
            .env("SMOLTBOT_API_URL", "http://127.0.0.1:9")
            .env("SMOLTBOT_SIDECAR__ON_DEMAND", "false")
    }

    /// A hook that finds no sidecar.
    fn hook(&mut self, command: &str) -> Result<()> {
        let event = json!({
            "session_id": "dist", "cwd": "/tmp", "hook_event_name": "PreToolUse",
            "tool_name": "Bash", "tool_use_id": command, "tool_input": {"command": command},
        });
        let line = self.line().args(["hook", "claude-code"]);
        let mut child = Ended::start(&line)?;
        let mut stdin = child.0.stdin.take().context("no standard input")?;
        stdin.write_all(event.to_string().as_bytes())?;
        drop(stdin);
        self.seen.read(child.told()?)?;
        let status = child.0.wait()?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// A role until it is healthy and told to stop.
    fn role(&mut self, role: &str) -> Result<()> {
        let (gateway, edge) = (free_port()?, free_port()?);
        let line = self
            .line()
            .arg(role)
            .env("SMOLTBOT_GATEWAY__LISTEN", gateway.to_string())
            .env("SMOLTBOT_EDGE__LISTEN", edge.to_string());
        let mut child = Ended::start(&line)?;
        let told = child.told()?;
        let pid = Pid::from_raw(i32::try_from(child.0.id())?);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let healthy = until_healthy(gateway);
                std::thread::sleep(LINGER);
                // Also when it is not: what it does is read until it ends.
                kill(pid, Signal::SIGTERM)?;
                healthy
            });
            self.seen.read(told)?;
            let asked = asking.join().map_err(|_| anyhow!("asking panicked"))?;
            asked.with_context(|| format!("`{line}`"))
        })?;
        let status = child.0.wait()?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }
}

fn until_healthy(gateway: SocketAddr) -> Result<()> {
    let began = Instant::now();
    for _ in 0..ASKED {
        while !healthy(gateway) {
            ensure!(began.elapsed() < PATIENCE, "is not healthy");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}

/// Killed when dropped.
struct Ended(Child);

impl Ended {
    fn start(line: &Line) -> Result<Self> {
        let mut command = line.command();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = command.spawn();
        started
            .map(Self)
            .with_context(|| format!("could not start `{line}`"))
    }

    fn told(&mut self) -> Result<ChildStderr> {
        self.0.stderr.take().context("no standard error")
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_seen_once_and_the_programs_own_words_are_none() {
        let mut seen = Seen::of(0x1000..0x2000);
        let told = "I  00001010,3\n L 00001800,8\nI  00001010,3\n S 00009000,8\n M 00001018,4\nI\nhello 1020,3\nI  zz,1\n";
        seen.read(told.as_bytes()).unwrap();
        assert_eq!(seen.order, [0x1010, 0x1800, 0x1018]);
    }
}
