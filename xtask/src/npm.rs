//! npm packages by committed lock file, installed outside of the checkout.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Line;
use crate::tree;

/// Installs what `from` (a directory of the repository) locks into `into`, unless exactly that is there already.
pub(crate) fn ensure(from: &str, into: &Path) -> Result<()> {
    let from = tree::root().join(from);
    let lock = from.join("package-lock.json");
    let wanted =
        fs::read_to_string(&lock).with_context(|| format!("reading {}", lock.display()))?;
    // Written last: an install that broke off is done again.
    let stamp = into.join("package-lock.installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("   {} is up to date", into.display());
        return Ok(());
    }
    fs::create_dir_all(into)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), into.join(name))?;
    }
    let options = ["--ignore-scripts", "--no-audit", "--no-fund"];
    Line::new("npm").arg("ci").args(options).dir(into).run()?;
    fs::write(stamp, wanted).context("noting what was installed")
}
