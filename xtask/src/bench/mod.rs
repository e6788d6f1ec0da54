//! `cargo xtask bench`: measures the release build, prints a table and writes `target/bench/NAME.json`.
//!
//! A bench is a function that returns [`Metric`]s; it is listed in [`BENCHES`]. What the machine was doing meanwhile is
//! noted with every run, because on a busy one the figures mean little.

mod browser;
mod conscience;
mod drain;
mod edge;
mod example;
mod gateway;
mod hook;
mod http;
mod idle;
mod openclaw;
mod pages;
mod report;
mod spool;
mod start;
mod up;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;

use crate::command::Line;
use crate::run::Run;
use crate::{dist, tree};

pub(crate) use report::Metric;
pub(crate) use up::free_port;

/// What a bench measures with.
pub(crate) struct Bench {
    /// The release binary.
    pub(crate) smoltbot: PathBuf,
}

type Measure = fn(&Bench) -> Result<Vec<Metric>>;

/// Name, what it measures, how.
const BENCHES: [(&str, &str, Measure); 13] = [
    (
        "browser",
        "pages in a real browser: a live call until it is painted, a session of 20 000 calls until it can be used",
        browser::measure,
    ),
    (
        "call",
        "what a tool call in our own process costs its caller, and what its verdict costs",
        example::call,
    ),
    (
        "conscience",
        "how right verdicts are on the labelled corpus, by class; how fast, and at worst",
        conscience::measure,
    ),
    (
        "ingest",
        "signed traces that an edge on SQLite acknowledges, the sender on the same cores",
        example::ingest,
    ),
    (
        "edge",
        "the edge on Postgres, natively and in workerd, beside a bare INSERT of the same rows; newest 50 of a million",
        edge::measure,
    ),
    (
        "drain",
        "a backlog to an edge: how fast beside what it takes, in how much memory; SMOLTBOT_BENCH_EVENTS says another number",
        drain::measure,
    ),
    (
        "gateway",
        "the gateway: start, idle memory and CPU, /health, first word of an answer, 1000 streams; OpenClaw's start and memory beside it",
        gateway::measure,
    ),
    (
        "hook",
        "wall time and CPU of `smoltbot hook`, with everything down and with `up` running, beside what it cannot go below",
        hook::measure,
    ),
    (
        "idle",
        "what an idle sidecar and an idle `up` hold, and how often they wake",
        idle::measure,
    ),
    (
        "openclaw",
        "what OpenClaw's plugin adds to a tool call: its before-hook against a sidecar that runs, and the floor beneath it",
        openclaw::measure,
    ),
    (
        "pages",
        "every page and every aggregate over a million traces in Postgres, at the HTTP port; SMOLTBOT_BENCH_ROWS says another number",
        pages::measure,
    ),
    (
        "spool",
        "what the spool accepts a second, many a commit and one, beside SQLite alone with the same rows",
        spool::measure,
    ),
    (
        "start",
        "`smoltbot up` until all roles are healthy, and its idle memory",
        start::measure,
    ),
];

/// The names that `cargo xtask bench` takes.
pub(crate) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(BENCHES.iter().map(|(name, ..)| *name).chain(["all"]))
}

/// Runs the bench `name`, or all of them, on the release build or on what is shipped; true when each gave its figures.
pub(crate) fn all(name: &str, shipped: bool) -> Result<bool> {
    let mut run = Run::default();
    let build = Line::cargo().args(["build", "--release", "--package", "smoltbot"]);
    let smoltbot = if shipped {
        dist::build()?
    } else if run.step("build", "the release binary", &build) {
        tree::target().join("release/smoltbot")
    } else {
        return Ok(run.conclude());
    };
    let bench = Bench { smoltbot };
    ensure!(
        bench.smoltbot.is_file(),
        "{} is not there",
        bench.smoltbot.display()
    );
    let wanted = |bench: &&(&str, &str, Measure)| name == "all" || name == bench.0;
    for (name, what, measure) in BENCHES.iter().filter(wanted) {
        Run::announce(name, what);
        let before = report::load();
        match measure(&bench).and_then(|metrics| report::write(name, &metrics, before)) {
            Ok(file) => println!("   written to {}", file.display()),
            Err(error) => run.fail(name, &error, &format!("cargo xtask bench {name}")),
        }
    }
    Ok(run.conclude())
}
