//! schemathesis, which asks an edge what the edge's description says that it answers.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

use crate::command::Line;
use crate::{python, tree};

/// Its requirements, its configuration and its hooks.
const HOME: &str = "edge-worker/e2e/schemathesis";
/// The seed: every run asks the same questions.
const SEED: &str = "1";
/// Cases that are made up for an operation in each of its phases.
const EXAMPLES: &str = "30";
/// Seconds that an answer may take.
const PATIENCE: &str = "30";

/// Installs it into `tools`, unless it is there.
pub(crate) fn ensure(tools: &Path) -> Result<()> {
    let requirements = format!("{HOME}/requirements.txt");
    python::plain(&requirements, &tools.join("schemathesis"), "schemathesis")
}

/// The line that asks the edge at `url`, and the directory that it keeps its notes in.
pub(super) fn line(tools: &Path, url: &str) -> Result<(Line, TempDir)> {
    let home = tree::root().join(HOME);
    let notes = tempfile::tempdir()?;
    let line = Line::new(tools.join("schemathesis/venv/bin/schemathesis"))
        .arg("--config-file")
        .arg(home.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("{url}/openapi.json"))
        .args(["--seed", SEED, "--max-examples", EXAMPLES])
        .args(["--request-timeout", PATIENCE, "--continue-on-failure"])
        // Python's parser is not safe in several threads of this version's generator.
        .args(["--workers", "1"])
        .env("SCHEMATHESIS_HOOKS", home.join("hooks.py"))
        .dir(notes.path());
    Ok((line, notes))
}
