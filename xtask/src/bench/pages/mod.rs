//! Server time of every page and every aggregate, asked for at the HTTP port of a native edge on Postgres.
//!
//! The rows are made by SQL ([`FILL`]): many traces of several agents over 30 days, a few refused. Above
//! [`LARGEST_WITH_DOCUMENTS`] they are slim, with empty documents. `$SMOLTBOT_BENCH_ROWS` says how many;
//! `$SMOLTBOT_BENCH_URL` names a database that is filled already.

mod asked;

use std::env;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use test_cluster::{Cluster, Options, Programs};

use super::edge::hosts::{Host as _, Native};
use super::edge::migrated;
use super::http::Client;
use super::{Bench, Metric};
use crate::command::Line;

/// Traces.
const ROWS: u64 = 1_000_000;
/// Agents that made them; the first one made the most.
const AGENTS: u64 = 8;
/// Bytes of a document.
const BYTES: u64 = 1000;
/// With more traces than these the documents are empty.
const LARGEST_WITH_DOCUMENTS: u64 = 1_000_000;
/// What fills the database, for psql.
const FILL: &str = "xtask/src/bench/pages/fill.sql";
/// Times that each address is asked for, and how many of these warm it up.
const ASKED: usize = 210;
const WARM_UP: usize = 10;

/// All figures.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    if let Ok(url) = env::var("SMOLTBOT_BENCH_URL") {
        return ask_all(bench, &url);
    }
    let rows = match env::var("SMOLTBOT_BENCH_ROWS") {
        Ok(text) => text
            .parse()
            .context("SMOLTBOT_BENCH_ROWS is not a number")?,
        Err(_) => ROWS,
    };
    let settings = [("shared_buffers", "1GB"), ("max_wal_size", "2GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let cluster = Cluster::start_new(&Options {
        autovacuum: true,
        settings: settings.to_vec(),
        ..Options::default()
    })?;
    let url = cluster.fresh_database();
    migrated(bench, &url);
    fill(&url, rows)?;
    ask_all(bench, &url)
}

/// Runs [`FILL`].
fn fill(url: &str, rows: u64) -> Result<()> {
    let bytes = if rows > LARGEST_WITH_DOCUMENTS {
        0
    } else {
        BYTES
    };
    let began = Instant::now();
    let line = Line::new(Programs::find()?.path("psql")).args(["--no-psqlrc", "--quiet"]);
    let variables = [
        "ON_ERROR_STOP=1".to_owned(),
        format!("rows={rows}"),
        format!("agents={AGENTS}"),
        format!("bytes={bytes}"),
    ];
    let line = variables
        .iter()
        .fold(line, |line, variable| line.args(["--set", variable]));
    let line = line.args(["--file", FILL, url]);
    let status = line.command().stdout(Stdio::null()).status()?;
    ensure!(status.success(), "psql ended with {status}");
    println!(
        "   {rows} traces made in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn ask_all(bench: &Bench, url: &str) -> Result<Vec<Metric>> {
    let subject = asked::Subject::find(url)?;
    let native = Native::start(bench, url)?;
    let mut metrics = Vec::new();
    for (name, path) in subject.addresses() {
        let metric = ask(native.address(), &name, &path);
        metrics.push(metric.with_context(|| format!("asking for {path}"))?);
    }
    Ok(metrics)
}

fn ask(address: SocketAddr, name: &str, path: &str) -> Result<Metric> {
    let mut client = Client::connect(address)?;
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let began = Instant::now();
        client.read(path)?;
        times.push(began.elapsed());
    }
    Metric::of_times(name, &times[WARM_UP..])
}
