//! `cargo xtask dist`: the binary that is shipped, small and quick to start.
//!
//! A program is brought into memory in pieces of 64 KiB. A start runs through a tenth of the code, strewn over all of it, so that most
//! of the file would lie in memory for good. Therefore it is linked twice: the first program is watched while it does what it does all
//! day, and in the second one the functions that ran lie side by side, in front.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::bench::free_port;
use crate::command::Line;
use crate::health::healthy;
use crate::tree;

/// How long a start may take while each of its instructions is looked at.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often a role is asked for its health meanwhile: what is done once in a while is done often enough to be seen.
const ASKED: usize = 3;

/// Builds it and says where it is.
///
/// # Errors
/// When something cannot be built or watched.
pub(crate) fn build() -> Result<PathBuf> {
    let program = tree::target().join("dist/smoltbot");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        ensure!(
            Line::new("valgrind").arg("--version").succeeds(),
            "valgrind is not installed: it tells which functions run (Debian: apt install valgrind)"
        );
        // With the names of its functions.
        link(&["-C", "strip=none"])?;
        let order = tree::target().join("dist/functions.txt");
        let functions = watched(&program)?;
        ensure!(
            functions.len() > 1000,
            "only {} functions were seen to run",
            functions.len()
        );
        fs::write(&order, functions.join("\n"))?;
        let order = format!("link-arg=-Wl,--symbol-ordering-file={}", order.display());
        let quiet = "link-arg=-Wl,--no-warn-symbol-ordering";
        // Functions that came out the same are kept once.
        let fold = "link-arg=-Wl,--icf=all";
        link(&["-C", &order, "-C", quiet, "-C", fold])?;
    } else {
        link(&[])?;
    }
    let bytes = fs::metadata(&program)?.len();
    eprintln!("   {} has {bytes} bytes", program.display());
    Ok(program)
}

fn link(arguments: &[&str]) -> Result<()> {
    Line::cargo()
        .args(["rustc", "--profile", "dist", "--package", "smoltbot"])
        .args(["--bin", "smoltbot", "--"])
        .args(arguments)
        .run()
}

/// The functions that run in a gateway, in a hook and in a sidecar, by their linker's names.
fn watched(program: &Path) -> Result<Vec<String>> {
    let dir = tempfile::tempdir()?;
    let watch = Watch {
        program,
        home: dir.path(),
    };
    watch.hook("ls -la")?;
    watch.hook("rm -rf /")?;
    watch.role("gateway")?;
    watch.role("up")?;
    let mut seen = HashSet::new();
    let mut functions = Vec::new();
    let mut files: Vec<_> = fs::read_dir(dir.path())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("ran.") {
            continue;
        }
        for line in fs::read_to_string(&file)?.lines() {
            let name = line.strip_prefix("fn=").or(line.strip_prefix("cfn="));
            // A function within itself is told as another.
            let name = name.map(|name| name.split('\'').next().unwrap_or(name));
            if let Some(name) = name.filter(|name| seen.insert((*name).to_owned())) {
                functions.push(name.to_owned());
            }
        }
    }
    Ok(functions)
}

/// A program whose functions are written down while it runs.
struct Watch<'a> {
    program: &'a Path,
    home: &'a Path,
}

impl Watch<'_> {
    fn line(&self, what: &str) -> Line {
        let ran = self.home.join(format!("ran.{what}.%p"));
        Line::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--demangle=no"])
            .args(["--compress-strings=no", "--compress-pos=no"])
            .arg(format!("--callgrind-out-file={}", ran.display()))
            .arg(self.program)
            .env("SMOLTBOT_HOME", self.home)
            .env("SMOLTBOT_API_URL", "http://127.0.0.1:9")
            .env("SMOLTBOT_SIDECAR__ON_DEMAND", "false")
    }

    /// A hook that finds no sidecar.
    fn hook(&self, command: &str) -> Result<()> {
        let event = json!({
            "session_id": "dist", "cwd": "/tmp", "hook_event_name": "PreToolUse",
            "tool_name": "Bash", "tool_use_id": command, "tool_input": {"command": command},
        });
        let line = self.line("1-hook").args(["hook", "claude-code"]);
        let mut command = line.command();
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command
            .spawn()
            .with_context(|| format!("could not start `{line}`"))?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(event.to_string().as_bytes())?;
        drop(stdin);
        let status = child.wait()?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }

    /// A role until it is healthy and told to stop.
    fn role(&self, role: &str) -> Result<()> {
        let (gateway, edge) = (free_port()?, free_port()?);
        let line = self
            .line(&format!("2-{role}"))
            .arg(role)
            .env("SMOLTBOT_GATEWAY__LISTEN", gateway.to_string())
            .env("SMOLTBOT_EDGE__LISTEN", edge.to_string());
        let mut command = line.command();
        command.stdout(Stdio::null());
        let mut child = Ended(
            command
                .spawn()
                .with_context(|| format!("could not start `{line}`"))?,
        );
        let began = Instant::now();
        for _ in 0..ASKED {
            while !healthy(gateway) {
                if let Some(status) = child.0.try_wait()? {
                    bail!("`{line}` ended with {status}");
                }
                ensure!(began.elapsed() < PATIENCE, "`{line}` is not healthy");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        kill(Pid::from_raw(i32::try_from(child.0.id())?), Signal::SIGTERM)?;
        let status = child.0.wait()?;
        ensure!(status.success(), "`{line}` ended with {status}");
        Ok(())
    }
}

/// Killed when dropped.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
