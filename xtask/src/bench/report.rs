//! Figures as people and as scripts read them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::command::Line;
use crate::tree;

/// One figure of a bench.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Metric {
    /// What was measured.
    #[serde(rename = "metric")]
    pub(crate) name: String,
    /// `ms`, `µs`, `MB`, `traces/s`, ….
    pub(crate) unit: &'static str,
    /// Half of the samples are at most this.
    pub(crate) p50: f64,
    /// 99 of 100 samples are at most this; the largest one when there are fewer than a hundred.
    pub(crate) p99: f64,
    /// Samples.
    pub(crate) n: usize,
}

impl Metric {
    /// From samples in `unit`.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn of(name: &str, unit: &'static str, mut samples: Vec<f64>) -> Result<Self> {
        ensure!(!samples.is_empty(), "{name} has no samples");
        samples.sort_by(f64::total_cmp);
        let n = samples.len();
        // Nearest rank: the smallest sample that at least that share of all is not above.
        let rank = |percent: usize| samples[(n * percent).div_ceil(100).max(1) - 1];
        Ok(Self {
            name: name.to_owned(),
            unit,
            p50: rank(50),
            p99: rank(99),
            n,
        })
    }

    /// From times, in milliseconds.
    pub(crate) fn of_times(name: &str, times: &[Duration]) -> Result<Self> {
        let ms = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        Self::of(name, "ms", ms)
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    metrics: &'a [Metric],
    load_before: [f64; 3],
    load_after: [f64; 3],
    commit: String,
    cpus: usize,
}

/// The load averages over 1, 5 and 15 minutes; zeros where the system does not tell.
pub(crate) fn load() -> [f64; 3] {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
    [(); 3].map(|()| numbers.next().unwrap_or_default())
}

/// Prints the table and writes `target/bench/NAME.json`, whose path is returned.
pub(crate) fn write(name: &str, metrics: &[Metric], load_before: [f64; 3]) -> Result<PathBuf> {
    let report = Report {
        name,
        metrics,
        load_before,
        load_after: load(),
        commit: commit()?,
        cpus: std::thread::available_parallelism()?.get(),
    };
    print!("{}", table(&report));
    let dir = tree::target().join("bench");
    fs::create_dir_all(&dir)?;
    let file = dir.join(format!("{name}.json"));
    let json = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(&file, json).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

fn table(report: &Report<'_>) -> String {
    let mut lines = vec![format!(
        "   {:<44} {:>11} {:>11} {:<9} {:>6}",
        "", "p50", "p99", "", "n"
    )];
    for metric in report.metrics {
        lines.push(format!(
            "   {:<44} {:>11.3} {:>11.3} {:<9} {:>6}",
            metric.name, metric.p50, metric.p99, metric.unit, metric.n
        ));
    }
    let ([before, ..], [after, ..]) = (report.load_before, report.load_after);
    lines.push(format!(
        "   commit {}, {} cores, load {before:.2} before and {after:.2} after\n",
        report.commit, report.cpus
    ));
    lines.join("\n")
}

/// The commit that was measured; `-dirty` behind it when the checkout differs from it.
fn commit() -> Result<String> {
    let mut git = Line::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .command();
    let output = git.output().context("could not start git")?;
    ensure!(output.status.success(), "git does not know the commit");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all = |n: u32| (1..=n).rev().map(f64::from).collect();
        let hundred = Metric::of("a", "ms", all(100)).unwrap();
        assert_eq!((hundred.p50, hundred.p99, hundred.n), (50.0, 99.0, 100));
        let three = Metric::of("a", "ms", all(3)).unwrap();
        assert_eq!((three.p50, three.p99), (2.0, 3.0));
        let one = Metric::of_times("a", &[Duration::from_micros(1500)]).unwrap();
        assert_eq!((one.p50, one.p99), (1.5, 1.5));
        assert!(Metric::of("a", "ms", Vec::new()).is_err());
    }

    #[test]
    fn a_report_tells_the_commit_and_the_load() {
        let metrics = [Metric::of("wall", "ms", vec![1.25]).unwrap()];
        let report = Report {
            name: "x",
            metrics: &metrics,
            load_before: [0.5, 0.0, 0.0],
            load_after: [0.75, 0.0, 0.0],
            commit: commit().unwrap(),
            cpus: 2,
        };
        let table = table(&report);
        assert!(
            table.contains("1.250") && table.contains("load 0.50 before and 0.75 after"),
            "{table}"
        );
        assert!(report.commit.len() >= 12, "{}", report.commit);
    }
}
