//! Stopping whatever runs, wherever it was started.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use smoltbot_config::Config;
use trace_plugin::client;

use super::{ANSWERS_WITHIN, READY_WITHIN};
use crate::lock::{self, STOPPED_WITHIN};

/// How long a process that was killed may take to be gone.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// How long a process that has let go of the lock may take to be gone. One whose parent does not ask for it stays longer, as
/// a zombie.
const GONE_WITHIN: Duration = Duration::from_secs(1);
/// What was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) pid: i32,
    pub(crate) roles: String,
    /// It did not stop when it was told to, and was killed. What it had accepted is in the spool.
    pub(crate) killed: bool,
}

/// Stops what runs for this home, wherever it was started; none when nothing does.
///
/// # Errors
/// When it does not go.
pub(crate) fn stop(config: &Config) -> anyhow::Result<Option<Stopped>> {
    let home = &config.home;
    if !home.path().is_dir() {
        return Ok(None);
    }
    // A start that is under way ends first, and none begins meanwhile.
    let _start = lock::wait_for(&home.start_lock_file(), READY_WITHIN)?;
    let path = home.lock_file();
    let Some(holder) = lock::holder(&path) else {
        return Ok(None);
    };
    let socket = home.socket(&config.sidecar)?;
    let answered = client::health(&socket, ANSWERS_WITHIN);
    let pid = answered
        .and_then(|health| i32::try_from(health.pid).ok())
        .or(holder.pid.filter(|pid| is_ours(*pid)));
    let Some(pid) = pid else {
        bail!(
            "something holds {} and does not say what it is; see who does with `fuser {}`",
            path.display(),
            path.display()
        );
    };
    let stopped = |killed| {
        Ok(Some(Stopped {
            pid,
            roles: holder.roles.clone(),
            killed,
        }))
    };
    lock::tell_to_stop(pid)?;
    if lock::wait_for(&path, STOPPED_WITHIN)?.is_some() {
        wait_for_end(pid);
        return stopped(false);
    }
    // One that was stopped by a signal hears nothing else.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    if lock::wait_for(&path, KILLED_WITHIN)?.is_some() {
        wait_for_end(pid);
        return stopped(true);
    }
    bail!("smoltbot {} (pid {pid}) cannot be stopped", holder.roles)
}

/// A process that has let go of its files is on its way out; whoever has stopped it wants it gone.
fn wait_for_end(pid: i32) {
    let began = Instant::now();
    while kill(Pid::from_raw(pid), None).is_ok() && began.elapsed() < GONE_WITHIN {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process may be smoltbot, as far as the system tells.
fn is_ours(pid: i32) -> bool {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => line
            .windows(b"smoltbot".len())
            .any(|words| words == b"smoltbot"),
        Err(_) => !Path::new("/proc/self").exists(),
    }
}
