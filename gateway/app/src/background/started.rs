//! What the process that was started does for who waits for it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use nix::unistd::{dup2_stdin, setsid};
use smoltbot_config::Home;

use crate::cli::Behind;
use crate::lock::{self, HomeLock};

/// In the process that was started: leaves the session of whoever started it.
///
/// # Errors
/// What the operating system says.
pub(crate) fn leave_session(behind: &Behind) -> anyhow::Result<()> {
    if behind.background.is_some() {
        setsid().context("no session of its own")?;
    }
    Ok(())
}

/// In the process that was started: its roles run, and whoever waits for that may go on.
///
/// # Errors
/// What the operating system says.
pub(crate) fn ready(behind: &Behind) -> anyhow::Result<()> {
    if behind.background.is_some() {
        went_well(behind)?;
        dup2_stdin(File::open("/dev/null")?)?;
    }
    Ok(())
}

/// In the process that was started: takes the home's lock. That another one has it is no reason not to try again when that
/// one has gone.
///
/// # Errors
/// When another process has it.
pub(crate) fn take_home(home: &Home, roles: &str, behind: &Behind) -> anyhow::Result<HomeLock> {
    lock::take(&home.lock_file(), roles, behind.on_demand).inspect_err(|_| {
        let _ = went_well(behind);
    })
}

/// Takes the word about a failed start out of the lock that was handed over.
fn went_well(behind: &Behind) -> io::Result<()> {
    if behind.background.is_none() {
        return Ok(());
    }
    File::from(io::stdin().as_fd().try_clone_to_owned()?).set_len(0)
}
