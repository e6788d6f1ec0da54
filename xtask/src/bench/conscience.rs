//! How right the conscience is on the labelled corpus, by class, and how fast: a verdict, lines through
//! `smoltbot check --stdin`, and lines of 64 KiB that are made to be slow.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Bench, Metric, example};
use crate::command::Line;
use crate::tree;

/// Lines of one run through `check --stdin`.
const LINES: usize = 50_000;
/// Runs through `check --stdin`.
const RUNS: usize = 5;

/// What became of the lines of a class.
#[derive(Debug, Default, Serialize)]
struct Row {
    dangerous: usize,
    caught: usize,
    benign: usize,
    stopped: usize,
}

/// A line of the corpus: its class, whether it is dangerous, and the call as `check --stdin` takes it.
struct Sample {
    class: String,
    dangerous: bool,
    call: String,
}

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    let samples = corpus()?;
    ensure!(
        samples.len() >= 600,
        "the corpus has only {} lines",
        samples.len()
    );
    let rows = matrix(bench, &samples)?;
    print!("{}", table(&rows));
    let file = tree::target().join("bench/conscience-matrix.json");
    fs::create_dir_all(tree::target().join("bench"))?;
    fs::write(&file, serde_json::to_string_pretty(&rows)? + "\n")
        .with_context(|| format!("writing {}", file.display()))?;

    let mut metrics = example::figures("conscience", "measure")?;
    let calls: Vec<&str> = samples.iter().map(|sample| sample.call.as_str()).collect();
    let many: String = calls
        .iter()
        .cycle()
        .take(LINES)
        .flat_map(|call| [*call, "\n"])
        .collect();
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let (took, answers) = check(bench, &many)?;
        ensure!(
            answers.lines().count() == LINES,
            "`smoltbot check --stdin` left lines without an answer"
        );
        // As precise as the clock; the number of lines is small enough for a float.
        #[allow(clippy::cast_precision_loss)]
        rates.push(LINES as f64 / took.as_secs_f64());
    }
    metrics.push(Metric::of(
        "`smoltbot check --stdin`, one process",
        "lines/s",
        rates,
    )?);
    Ok(metrics)
}

/// The labelled lines. Those that someone else wrote blind are no part of it: they are judged by a test.
fn corpus() -> Result<Vec<Sample>> {
    let folder = tree::root().join("trace-plugin/conscience/tests/corpus");
    let mut samples = Vec::new();
    for (name, dangerous) in [("dangerous.tsv", true), ("benign.tsv", false)] {
        let file = folder.join(name);
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("# "))
        {
            let (class, call) = line
                .split_once('\t')
                .with_context(|| format!("{} has a line without a tab: {line}", file.display()))?;
            samples.push(Sample {
                class: class.to_owned(),
                dangerous,
                call: if call.starts_with("{\"tool\"") {
                    call.to_owned()
                } else {
                    json!({"tool": "exec", "params": {"command": call}}).to_string()
                },
            });
        }
    }
    Ok(samples)
}

/// Judges every line with the binary that people get.
fn matrix(bench: &Bench, samples: &[Sample]) -> Result<BTreeMap<String, Row>> {
    let calls: String = samples
        .iter()
        .flat_map(|sample| [sample.call.as_str(), "\n"])
        .collect();
    let (_, answers) = check(bench, &calls)?;
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut judged = 0;
    for (sample, answer) in samples.iter().zip(answers.lines()) {
        let answer: Value =
            serde_json::from_str(answer).with_context(|| format!("not an answer: {answer}"))?;
        let verdict = answer["verdict"]
            .as_str()
            .with_context(|| format!("no verdict on {}: {answer}", sample.call))?;
        let stopped = usize::from(verdict != "allow");
        let row = rows.entry(sample.class.clone()).or_default();
        if sample.dangerous {
            row.dangerous += 1;
            row.caught += stopped;
        } else {
            row.benign += 1;
            row.stopped += stopped;
        }
        judged += 1;
    }
    ensure!(
        judged == samples.len(),
        "{judged} answers for {} lines",
        samples.len()
    );
    Ok(rows)
}

/// `smoltbot check --stdin < calls > answers` in a home of its own, and how long it took from start to end.
fn check(bench: &Bench, calls: &str) -> Result<(Duration, String)> {
    let dir = tempfile::tempdir()?;
    let (input, output) = (dir.path().join("calls"), dir.path().join("answers"));
    fs::write(&input, calls)?;
    let mut process = Line::new(&bench.smoltbot)
        .args(["check", "--stdin"])
        .env("SMOLTBOT_HOME", dir.path())
        .env("HOME", Path::new("/home/dev"))
        .command();
    process
        .stdin(File::open(&input)?)
        .stdout(File::create(&output)?);
    let began = Instant::now();
    let status = process
        .status()
        .context("could not start `smoltbot check`")?;
    let took = began.elapsed();
    ensure!(
        status.success(),
        "`smoltbot check --stdin` ended with {status}"
    );
    Ok((took, fs::read_to_string(&output)?))
}

fn table(rows: &BTreeMap<String, Row>) -> String {
    let mut lines = vec![format!(
        "   {:<16} {:>9} {:>7} {:>8} {:>9} {:>7} {:>8}",
        "", "dangerous", "caught", "", "benign", "stopped", ""
    )];
    let mut all = Row::default();
    for (class, row) in rows {
        lines.push(row.line(class));
        all.dangerous += row.dangerous;
        all.caught += row.caught;
        all.benign += row.benign;
        all.stopped += row.stopped;
    }
    lines.push(all.line("all"));
    lines.join("\n") + "\n\n"
}

impl Row {
    fn line(&self, class: &str) -> String {
        format!(
            "   {class:<16} {:>9} {:>7} {:>8} {:>9} {:>7} {:>8}",
            self.dangerous,
            self.caught,
            share(self.caught, self.dangerous),
            self.benign,
            self.stopped,
            share(self.stopped, self.benign)
        )
    }
}

/// In percent; nothing where there is nothing to take a share of.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = (part * 1000 + whole / 2) / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_read_and_shares_are_rounded() {
        let samples = corpus().unwrap();
        assert!(samples.len() >= 600, "{}", samples.len());
        assert!(samples.iter().all(|sample| sample.call.starts_with("{\"")));
        assert_eq!(share(2, 3), "66.7 %");
        assert_eq!(share(0, 0), "");
        let rows = BTreeMap::from([(
            "delete".to_owned(),
            Row {
                dangerous: 3,
                caught: 2,
                benign: 0,
                stopped: 0,
            },
        )]);
        let table = table(&rows);
        assert!(table.contains("66.7 %") && table.contains("all"), "{table}");
    }
}
