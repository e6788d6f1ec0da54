//! A real receiver of OpenTelemetry, arize-phoenix, and OpenTelemetry's own SDK, against the built program: `e2e/telemetry`.
//! They take most of a gigabyte, so they run only when they are asked for.

use std::path::Path;

use anyhow::Result;

use crate::command::Line;
use crate::run::Run;
use crate::{python, setup, tree};

/// The test, and what it installs.
const HOME: &str = "e2e/telemetry";

/// Installs the receiver and runs the suite, or the tests whose name contains `filter`.
///
/// # Errors
/// When something cannot be installed.
pub(crate) fn all(run: &mut Run, binary: &Path, filter: Option<&str>) -> Result<()> {
    let tools = tree::tools()?;
    let into = tools.join("telemetry");
    {
        let _lock = setup::lock(&tools)?;
        python::plain(&format!("{HOME}/requirements.txt"), &into, "phoenix")?;
    }
    let line = Line::new(into.join("venv/bin/python"))
        .env("SMOLTBOT_BIN", binary)
        .args(["-m", "unittest", "discover", "--verbose"])
        .arg("--start-directory")
        .arg(tree::root().join(HOME))
        .args(["--pattern", "*_test.py"])
        .args(filter.into_iter().flat_map(|filter| ["-k", filter]));
    run.step(
        "telemetry",
        "spans to arize-phoenix, once and live, and from OpenTelemetry's SDK",
        &line,
    );
    Ok(())
}
