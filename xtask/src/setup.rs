//! `cargo xtask setup`: what tests need beyond Rust, installed once.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

use crate::run::Run;
use crate::{edge, npm, programs, python, tree};

/// AAP's reference verifiers, which judge our traces.
const JUDGES: &str = "trace-plugin/aap/tests/judges";
/// The browser's driver.
const BROWSER: &str = "e2e/browser";

/// Installs everything that is missing.
///
/// # Errors
/// When something cannot be installed; the message says what to do.
pub(crate) fn all() -> Result<()> {
    let tools = tree::tools()?;
    Run::announce(
        "setup",
        &format!("what tests need beyond Rust, in {}", tools.display()),
    );
    let _lock = lock(&tools)?;
    programs::ensure()?;
    npm::ensure(JUDGES, &tools.join("judges"))?;
    python::ensure(&format!("{JUDGES}/requirements.txt"), &tools.join("judges"))?;
    edge::ensure(&tools)?;
    npm::ensure(BROWSER, &tools.join("browser"))
}

/// Waits until nobody else installs into `tools`, and keeps others out for as long as the file is held.
pub(crate) fn lock(tools: &Path) -> Result<File> {
    fs::create_dir_all(tools).with_context(|| format!("creating {}", tools.display()))?;
    // Two set-ups at once would install over each other.
    let lock = File::create(tools.join(".lock"))?;
    lock.lock().context("waiting for another set-up")?;
    Ok(lock)
}
