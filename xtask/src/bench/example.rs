//! Figures that only a program linked with our crates can take: an example prints one JSON object a figure.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::up::Up;
use super::{Bench, Metric};
use crate::command::Line;
use crate::tree;

/// Connections that send at once.
const CONNECTIONS: usize = 4;
/// Traces of a batch.
const BATCH: usize = 100;
/// Batches that each connection sends: 40 000 traces in all.
const BATCHES_EACH: usize = 100;
/// Runs against a fresh database each.
const RUNS: usize = 5;

/// What an example prints.
#[derive(Deserialize)]
pub(crate) struct Figure {
    metric: String,
    pub(crate) unit: String,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    n: usize,
}

impl Figure {
    fn into_metric(self) -> Metric {
        let unit = match self.unit.as_str() {
            "µs" => "µs",
            "ms" => "ms",
            "MB" => "MB",
            "requests/s" => "requests/s",
            _ => "traces/s",
        };
        Metric {
            name: self.metric,
            unit,
            p50: self.p50,
            p99: self.p99,
            n: self.n,
        }
    }
}

/// What a call costs in our own process.
pub(crate) fn call(_: &Bench) -> Result<Vec<Metric>> {
    figures("trace-plugin", "call_cost")
}

/// The figures of an example that takes no arguments.
pub(crate) fn figures(package: &str, name: &str) -> Result<Vec<Metric>> {
    figures_of(package, name, &[])
}

/// The figures of an example with these arguments.
pub(crate) fn figures_of(package: &str, name: &str, arguments: &[String]) -> Result<Vec<Metric>> {
    let figures = run(package, name, arguments)?;
    Ok(figures.into_iter().map(Figure::into_metric).collect())
}

/// What an edge on SQLite acknowledges; acknowledged is committed.
pub(crate) fn ingest(bench: &Bench) -> Result<Vec<Metric>> {
    let (mut rates, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let home = tempfile::tempdir()?;
        // The limits are not what is measured.
        let unlimited = [
            ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0"),
            ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
            ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "0"),
        ];
        let up = Up::start_with(bench, home.path(), &unlimited)?;
        let arguments = [
            up.edge.to_string(),
            CONNECTIONS.to_string(),
            BATCHES_EACH.to_string(),
            BATCH.to_string(),
        ];
        for figure in run("edge-server", "ingest_load", &arguments)? {
            if figure.unit == "traces/s" {
                &mut rates
            } else {
                &mut answers
            }
            .push(figure);
        }
        up.stop()?;
    }
    let of = |figures: &[Figure], unit, pick: fn(&Figure) -> f64, what: &str| {
        let name = figures.first().map_or("", |figure| figure.metric.as_str());
        Metric::of(
            &format!("{name}{what}"),
            unit,
            figures.iter().map(pick).collect(),
        )
    };
    Ok(vec![
        of(&rates, "traces/s", |figure| figure.p50, "")?,
        of(&answers, "ms", |figure| figure.p50, ", p50 of each run")?,
        of(&answers, "ms", |figure| figure.p99, ", p99 of each run")?,
    ])
}

/// Builds and runs an example, and reads what it prints. It is built beside the program, so that both have the same libraries: what a
/// library can do depends on all that is built with it.
pub(crate) fn run(package: &str, example: &str, arguments: &[String]) -> Result<Vec<Figure>> {
    Line::cargo()
        .args([
            "build",
            "--release",
            "--quiet",
            "--package",
            "smoltbot",
            "--package",
            package,
            "--example",
            example,
        ])
        .run()?;
    let program = tree::target().join("release/examples").join(example);
    let output = Line::new(&program)
        .args(arguments)
        .command()
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not start {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{example} ended with {}",
        output.status
    );
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("{example} says: {line}")))
        .collect()
}
