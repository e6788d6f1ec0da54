//! A running `smoltbot up` on free ports.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Bench;
use crate::command::Line;
use crate::health::healthy;

/// How long a start may take before it counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// `smoltbot up`; killed when dropped.
pub(crate) struct Up {
    child: Child,
    /// From spawning to healthy on all roles.
    pub(crate) took: Duration,
    /// Where the edge listens.
    pub(crate) edge: SocketAddr,
}

impl Up {
    /// Starts it in `home` and waits until gateway and edge are healthy.
    pub(crate) fn start(bench: &Bench, home: &Path) -> Result<Self> {
        Self::start_with(bench, home, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_with(
        bench: &Bench,
        home: &Path,
        envs: &[(&'static str, &str)],
    ) -> Result<Self> {
        let (gateway, edge) = (free_port()?, free_port()?);
        let line = Line::new(&bench.smoltbot)
            .arg("up")
            .env("SMOLTBOT_HOME", home)
            .env("SMOLTBOT_GATEWAY__LISTEN", gateway.to_string())
            .env("SMOLTBOT_EDGE__LISTEN", edge.to_string());
        let line = envs
            .iter()
            .fold(line, |line, (name, value)| line.env(name, value));
        let mut command = line.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().context("could not start `smoltbot up`")?;
        let mut up = Self {
            child,
            took: Duration::ZERO,
            edge,
        };
        for address in [gateway, edge] {
            while !healthy(address) {
                if let Some(status) = up.child.try_wait()? {
                    bail!("`smoltbot up` ended with {status} instead of listening");
                }
                ensure!(
                    began.elapsed() < PATIENCE,
                    "`smoltbot up` is not healthy on {address}"
                );
                // Far below what is measured.
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        up.took = began.elapsed();
        Ok(up)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in megabytes.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("no VmRSS")?.trim().parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill(
            Pid::from_raw(i32::try_from(self.child.id())?),
            Signal::SIGTERM,
        )?;
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "`smoltbot up` ended with {status} after SIGTERM"
        );
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address on loopback that nobody listens on.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
