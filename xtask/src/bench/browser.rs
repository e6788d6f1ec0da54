//! What pages take in a real browser: a live call until it is painted, and a session of 20 000 calls until it can be used.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{Bench, Metric};
use crate::{browser, setup};

/// Measures, and prints what it found as one line of JSON.
const SCRIPT: &str = "e2e/browser/bench.mjs";

/// What the script found.
#[derive(Deserialize)]
struct Found {
    name: String,
    unit: String,
    samples: Vec<f64>,
}

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Metric>> {
    setup::all()?;
    let line = browser::node(&bench.smoltbot)?.arg(SCRIPT);
    let output = line.command().stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("could not start `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` ended with {}",
        output.status
    );
    read(&output.stdout)
}

/// Reads what such a script prints.
pub(super) fn read(json: &[u8]) -> Result<Vec<Metric>> {
    let found: Vec<Found> = serde_json::from_slice(json).context("what the script printed")?;
    let metrics = found.into_iter().map(|found| {
        ensure!(found.unit == "ms", "{} is in {}", found.name, found.unit);
        Metric::of(&found.name, "ms", found.samples)
    });
    metrics.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_prints_becomes_metrics() {
        let json = br#"[{"name":"a","unit":"ms","samples":[3.0,-1.5,2.0]}]"#;
        let metrics = read(json).unwrap();
        assert_eq!((metrics[0].p50, metrics[0].p99), (2.0, 3.0));
        assert!(read(br#"[{"name":"a","unit":"s","samples":[1]}]"#).is_err());
        assert!(read(br#"[{"name":"a","unit":"ms","samples":[]}]"#).is_err());
        assert!(read(b"").is_err());
    }
}
