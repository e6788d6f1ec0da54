//! The programs that are broken: the real binary and the recorder's driver, built with points at which they can be killed.
//!
//! They are built beside the shipped ones, under names of their own, and with the tests of the whole workspace, so that most
//! of what they stand on is there already.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Where they are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `smoltbot` with points.
    pub smoltbot: PathBuf,
    /// The driver of the in-process recorder, with points.
    pub recorder: PathBuf,
}

impl Programs {
    /// Those that `SMOLTBOT_ORACLE_BIN` names the directory of, else those that are built now, once a process.
    ///
    /// # Errors
    /// When they cannot be built.
    pub fn find() -> Result<Self> {
        static BUILT: OnceLock<Result<Programs, String>> = OnceLock::new();
        if let Some(dir) = std::env::var_os("SMOLTBOT_ORACLE_BIN") {
            let dir = Path::new(&dir);
            return Ok(Self {
                smoltbot: dir.join("smoltbot-faults"),
                recorder: dir.join("recorder-faults"),
            });
        }
        let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
        built.clone().map_err(anyhow::Error::msg)
    }
}

fn build() -> Result<Programs> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    // The example makes cargo choose the dependencies' features as for tests, whose build is there already.
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--workspace", "--quiet"])
        .args(["--features", "smoltbot/faults,delivery-oracle/faults"])
        .args(["--bin", "smoltbot-faults", "--bin", "recorder-faults"])
        .args(["--example", "call_cost"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo does not start")?;
    if !output.status.success() {
        bail!("the programs with faults cannot be built");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = |name: &str| {
        let lines = messages.lines();
        lines
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == name)
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .with_context(|| format!("cargo made no {name}"))
    };
    Ok(Programs {
        smoltbot: made("smoltbot-faults")?,
        recorder: made("recorder-faults")?,
    })
}
