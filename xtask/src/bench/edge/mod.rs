//! The edge on Postgres, natively and in workerd, beside what Postgres does by itself: everything in one run, because only
//! ratios travel between machines.
//!
//! Postgres waits for the disk at every commit (`fsync`), and what sends has the same cores. CPU is that of whole process
//! trees, from `/proc`; what sends does not count.

mod cpu;
mod floors;
pub(super) mod hosts;
mod newest;

use std::time::Instant;

use anyhow::{Context, Result};
use test_cluster::{Cluster, Options};

use self::cpu::Spent;
use self::floors::Floors;
use self::hosts::{Host, Native};
use super::example::{self, Figure};
use super::{Bench, Metric};
use crate::command::Line;
use crate::worker;

/// Connections that send at once, each for an agent of its own.
const CONNECTIONS: u32 = 4;
/// Traces of a batch.
const BATCH: u32 = 100;
/// Batches that each connection sends.
const BATCHES_EACH: u32 = 100;
/// Those that it sends before the clock starts: V8 compiles what is used often a second time, which is no part of a request.
const WARM_BATCHES: u32 = 50;
/// Runs, each on a fresh database.
const RUNS: usize = 3;
/// Requests in workerd over which its memory is watched, and how many of them warm it up first.
const WATCHED: u32 = 10_000;
const WARM_UP: u32 = 2_000;
/// Traces of a batch while memory is watched.
const WATCHED_BATCH: u32 = 10;

/// All figures.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let sizes = worker::build()?;
    let cluster = cluster()?;
    let database = || cluster.copy_of("migrated", |url| migrated(bench, url));
    let mut samples = Samples::default();
    for run in 1..=RUNS {
        println!("   run {run} of {RUNS}");
        let url = database();
        let native = Native::start(bench, &url)?;
        load(&cluster, &native, WARM_BATCHES, BATCH)?;
        let run = load(&cluster, &native, BATCHES_EACH, BATCH)?;
        drop(native);
        samples.native(&run);
        samples.floors(&run, floors::measure(&cluster, &url, CONNECTIONS)?);
        let worker = hosts::workerd(&database())?;
        load(&cluster, &worker, WARM_BATCHES, BATCH)?;
        let in_workerd = load(&cluster, &worker, BATCHES_EACH, BATCH)?;
        samples.workerd(&run, &in_workerd);
        // What a request costs by itself, whatever is in it.
        let single = load(&cluster, &worker, BATCHES_EACH, 1)?;
        samples.push(
            "workerd: CPU a request of one trace",
            "ms",
            single.host.workerd_s() / single.requests * 1e3,
        );
    }
    let mut metrics = samples.metrics()?;
    metrics.extend(memory(&cluster, &database())?);
    let one = |name: &str, unit, value| Metric::of(name, unit, vec![value]);
    metrics.push(one("bundle, gzipped", "KiB", kib(sizes.gzip()))?);
    metrics.push(one("bundle", "KiB", kib(sizes.raw()))?);
    metrics.push(newest::measure(bench, &cluster, &database())?);
    Ok(metrics)
}

/// A Postgres that loses nothing when the power goes, with memory as a server of these cores would have it.
fn cluster() -> Result<Cluster> {
    let settings = [("shared_buffers", "1GB"), ("max_wal_size", "8GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Cluster::start_new(&Options {
        fsync: true,
        autovacuum: true,
        password: Some("bench".to_owned()),
        settings: settings.to_vec(),
        ..Options::default()
    })?)
}

/// Brings the template up to date.
pub(super) fn migrated(bench: &Bench, url: &str) {
    // A template that is not migrated is of no use: the cluster makes it anew, and this bench ends.
    worker::migrate_by(Line::new(&bench.smoltbot), url).expect("a database that can be migrated");
}

/// One run of the sender against a host.
struct Load {
    traces_per_s: f64,
    /// Milliseconds until a batch is answered.
    answer: (f64, f64),
    requests: f64,
    traces: f64,
    postgres: Spent,
    host: Spent,
}

fn load(cluster: &Cluster, host: &impl Host, batches: u32, batch: u32) -> Result<Load> {
    let postgres = cpu::postmaster(cluster)?;
    let before = (cpu::tree(postgres)?, host.spent()?);
    let arguments = [
        host.address().to_string(),
        CONNECTIONS.to_string(),
        batches.to_string(),
        batch.to_string(),
    ];
    let figures = example::run("edge-server", "ingest_load", &arguments)?;
    let find = |unit: &str| {
        let found = figures.iter().find(|figure: &&Figure| figure.unit == unit);
        found.with_context(|| format!("ingest_load tells nothing in {unit}"))
    };
    let answer = find("ms")?;
    let requests = CONNECTIONS * batches;
    Ok(Load {
        traces_per_s: find("traces/s")?.p50,
        answer: (answer.p50, answer.p99),
        requests: f64::from(requests),
        traces: f64::from(requests * batch),
        postgres: cpu::tree(postgres)? - before.0,
        host: host.spent()? - before.1,
    })
}

/// How workerd's memory grows while it answers [`WATCHED`] requests.
fn memory(cluster: &Cluster, url: &str) -> Result<Vec<Metric>> {
    let worker = hosts::workerd(url)?;
    load(cluster, &worker, WARM_UP / CONNECTIONS, WATCHED_BATCH)?;
    let before = worker.memory()?;
    let began = Instant::now();
    let run = load(
        cluster,
        &worker,
        (WATCHED - WARM_UP) / CONNECTIONS,
        WATCHED_BATCH,
    )?;
    let after = worker.memory()?;
    let each = run.host.workerd_s() / run.requests * 1e3;
    let one = |name: &str, unit, value| Metric::of(name, unit, vec![value]);
    let what = format!("workerd, {WATCHED} requests of {WATCHED_BATCH}");
    Ok(vec![
        one(
            &format!("{what}: WebAssembly memory, warm"),
            "MB",
            before.wasm_mb,
        )?,
        one(
            &format!("{what}: WebAssembly memory, at the end"),
            "MB",
            after.wasm_mb,
        )?,
        one(&format!("{what}: resident, warm"), "MB", before.resident_mb)?,
        one(
            &format!("{what}: resident, at the end"),
            "MB",
            after.resident_mb,
        )?,
        one(&format!("{what}: CPU a request"), "ms", each)?,
        one(
            &format!("{what}: rate"),
            "requests/s",
            run.requests / began.elapsed().as_secs_f64(),
        )?,
    ])
}

fn kib(bytes: u64) -> f64 {
    // Exact up to 2^53.
    #[allow(clippy::cast_precision_loss)]
    let bytes = bytes as f64;
    bytes / 1024.0
}

/// What the runs gave, one value each.
#[derive(Default)]
struct Samples(Vec<(&'static str, &'static str, Vec<f64>)>);

impl Samples {
    fn push(&mut self, name: &'static str, unit: &'static str, value: f64) {
        println!("      {name}: {value:.3} {unit}");
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some((.., values)) => values.push(value),
            None => self.0.push((name, unit, vec![value])),
        }
    }

    fn native(&mut self, run: &Load) {
        let thousands = run.traces / 1e3;
        self.push("native: acknowledged", "traces/s", run.traces_per_s);
        self.push("native: answer, p50 of a run", "ms", run.answer.0);
        self.push("native: answer, p99 of a run", "ms", run.answer.1);
        self.push(
            "native: CPU of the edge for 1000",
            "CPU-s",
            run.host.all_s() / thousands,
        );
        self.push(
            "native: CPU of Postgres for 1000",
            "CPU-s",
            run.postgres.all_s() / thousands,
        );
        let both = run.host.all_s() + run.postgres.all_s();
        self.push("native: CPU of both for 1000", "CPU-s", both / thousands);
    }

    fn floors(&mut self, run: &Load, floors: Floors) {
        let Floors {
            sent_to_tables,
            sent_to_plain,
            copied_to_tables,
            copied_to_plain,
        } = floors;
        for (name, ratio, floor) in [
            (
                "INSERT VALUES into the same tables",
                "native / INSERT VALUES, same tables",
                sent_to_tables,
            ),
            (
                "INSERT VALUES into a plain table",
                "native / INSERT VALUES, plain table",
                sent_to_plain,
            ),
            (
                "INSERT SELECT into the same tables",
                "native / INSERT SELECT, same tables",
                copied_to_tables,
            ),
            (
                "INSERT SELECT into a plain table",
                "native / INSERT SELECT, plain table",
                copied_to_plain,
            ),
        ] {
            self.push(name, "traces/s", floor);
            self.push(ratio, "×", run.traces_per_s / floor);
        }
    }

    fn workerd(&mut self, native: &Load, run: &Load) {
        self.push("workerd: acknowledged", "traces/s", run.traces_per_s);
        self.push("workerd: answer, p50 of a run", "ms", run.answer.0);
        self.push("workerd: answer, p99 of a run", "ms", run.answer.1);
        self.push(
            "workerd: CPU a request",
            "ms",
            run.host.workerd_s() / run.requests * 1e3,
        );
        let thousands = run.traces / 1e3;
        self.push(
            "workerd: CPU of Postgres for 1000",
            "CPU-s",
            run.postgres.all_s() / thousands,
        );
        self.push(
            "workerd / native",
            "×",
            run.traces_per_s / native.traces_per_s,
        );
    }

    fn metrics(self) -> Result<Vec<Metric>> {
        let Self(samples) = self;
        samples
            .into_iter()
            .map(|(name, unit, values)| Metric::of(name, unit, values))
            .collect()
    }
}
