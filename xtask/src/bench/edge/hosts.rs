//! The edge while it is measured: the native one, and the Worker in workerd.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::cpu::{self, Spent};
use crate::bench::Bench;
use crate::bench::up::{PATIENCE, free_port};
use crate::command::Line;
use crate::health::healthy;
use crate::worker::{Group, Served};

/// The limits are not what is measured.
const UNLIMITED: [&str; 4] = [
    "SMOLTBOT_EDGE__LIMIT_PER_MINUTE",
    "SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE",
    "SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR",
    "SMOLTBOT_EDGE__LIMIT_GLOBAL_PER_MINUTE",
];

/// What can be measured.
pub(in crate::bench) trait Host {
    /// Where it answers.
    fn address(&self) -> SocketAddr;
    /// What it has spent up to now.
    fn spent(&self) -> Result<Spent>;
}

/// `smoltbot edge` on Postgres; stopped when dropped.
pub(in crate::bench) struct Native {
    group: Group,
    address: SocketAddr,
    _home: tempfile::TempDir,
}

impl Native {
    pub(in crate::bench) fn start(bench: &Bench, database_url: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let address = free_port()?;
        let line = Line::new(&bench.smoltbot)
            .arg("edge")
            .env("SMOLTBOT_HOME", home.path())
            .env("SMOLTBOT_EDGE__LISTEN", address.to_string())
            .env("SMOLTBOT_EDGE__DATABASE_URL", database_url);
        let line = UNLIMITED
            .into_iter()
            .fold(line, |line, name| line.env(name, "0"));
        let mut native = Self {
            group: Group::start(&line)?,
            address,
            _home: home,
        };
        let began = Instant::now();
        while !healthy(address) {
            if let Some(status) = native.group.ended()? {
                bail!("`smoltbot edge` ended with {status} instead of listening");
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "`smoltbot edge` is not healthy on {address}"
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(native)
    }
}

impl Host for Native {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn spent(&self) -> Result<Spent> {
        cpu::tree(self.group.id())
    }
}

/// The Worker over the database at `database_url`, in workerd without wrangler around it.
pub(super) fn workerd(database_url: &str) -> Result<Served> {
    Served::start(database_url, &UNLIMITED.map(|name| (name, "0")))
}

impl Host for Served {
    fn address(&self) -> SocketAddr {
        Served::address(self)
    }

    fn spent(&self) -> Result<Spent> {
        cpu::tree(self.id())
    }
}

/// Memory of workerd.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// What the WebAssembly module holds, as the Worker tells in its metrics.
    pub(super) wasm_mb: f64,
    /// What all its processes hold.
    pub(super) resident_mb: f64,
}

/// The Worker's own gauge of its memory.
const WASM_MEMORY: &str = "smoltbot_wasm_memory_bytes";

impl Served {
    pub(super) fn memory(&self) -> Result<Memory> {
        let mut kib = 0.0;
        for id in cpu::named(self.id(), "workerd")? {
            let status = fs::read_to_string(format!("/proc/{id}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
            kib += number.context("no VmRSS")?.trim().parse::<f64>()?;
        }
        let metrics = crate::bench::http::get(self.address(), "/metrics")?;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(WASM_MEMORY))
            .and_then(|rest| rest.split_whitespace().last());
        let bytes: f64 = value
            .with_context(|| format!("the Worker's metrics do not tell {WASM_MEMORY}"))?
            .parse()?;
        Ok(Memory {
            wasm_mb: bytes / 1e6,
            resident_mb: kib * 1024.0 / 1e6,
        })
    }
}
