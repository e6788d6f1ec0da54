//! Programs that tests need from the system: Node.js, Python, a browser and Postgres.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::command::Line;

/// A program, how to tell that it is there, and how to get it.
struct Program {
    name: &'static str,
    /// True when it is there and new enough.
    found: fn() -> bool,
    /// Debian's packages.
    debian: &'static [&'static str],
    /// What to install elsewhere.
    elsewhere: &'static str,
}

const PROGRAMS: [Program; 5] = [
    Program {
        name: "node",
        found: || node("process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)"),
        debian: &["nodejs"],
        elsewhere: "Node.js 20 or newer",
    },
    Program {
        name: "npm",
        found: || Line::new("npm").arg("--version").succeeds(),
        debian: &["npm"],
        elsewhere: "npm",
    },
    Program {
        name: "python3",
        found: || {
            let script = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
            Line::new("python3").args(["-c", script]).succeeds()
        },
        debian: &["python3", "python3-venv"],
        elsewhere: "Python 3.10 or newer with its venv module",
    },
    Program {
        name: "chromium",
        found: || chromium().is_some(),
        debian: &["chromium", "fonts-dejavu-core"],
        elsewhere: "Chromium or Chrome (or name one in SMOLTBOT_CHROMIUM)",
    },
    Program {
        name: "postgres",
        found: || test_cluster::Programs::find().is_ok(),
        debian: &["postgresql"],
        elsewhere: "Postgres 15 or newer with its server programs (or name their directory in SMOLTBOT_POSTGRES)",
    },
];

fn node(script: &str) -> bool {
    Line::new("node").args(["-e", script]).succeeds()
}

/// The browser: `$SMOLTBOT_CHROMIUM`, else the first one on the PATH.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SMOLTBOT_CHROMIUM").filter(|value| !value.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH")?;
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)))
        .find(|program| program.is_file())
}

/// Installs what is missing, or says what to install.
///
/// # Errors
/// When something is missing that cannot be installed from here; the message lists all of it.
pub(crate) fn ensure() -> Result<()> {
    let missing = || PROGRAMS.iter().filter(|program| !(program.found)());
    let packages: Vec<&str> = missing()
        .flat_map(|program| program.debian)
        .copied()
        .collect();
    if packages.is_empty() {
        println!("   node, npm, python3, a browser and Postgres are there");
        return Ok(());
    }
    let root = nix::unistd::geteuid().is_root();
    let install = Line::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(&packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    if root && Line::new("apt-get").arg("--version").succeeds() {
        Line::new("apt-get").arg("update").run()?;
        install.run()?;
    }
    let still: Vec<String> = missing()
        .map(|program| format!("   {}: {}", program.name, program.elsewhere))
        .collect();
    if !still.is_empty() {
        bail!(
            "these programs are missing:\n{}\non Debian or Ubuntu: sudo apt-get install {}",
            still.join("\n"),
            packages.join(" ")
        );
    }
    Ok(())
}
