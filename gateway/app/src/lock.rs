//! One set of roles for one home: an advisory lock that dies with its holder.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::fcntl::{Flock, FlockArg};

/// Held for as long as roles run.
#[derive(Debug)]
pub(crate) struct HomeLock(#[expect(dead_code, reason = "held, not read")] Flock<File>);

/// Takes the lock of a home.
///
/// # Errors
/// When another process holds it, naming its pid.
pub(crate) fn take(path: &Path) -> anyhow::Result<HomeLock> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| {
            format!(
                "{} cannot be written; is the disk read-only, or the directory another user's?",
                path.display()
            )
        })?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut held) => {
            held.set_len(0)?;
            held.seek(SeekFrom::Start(0))?;
            writeln!(held, "{}", std::process::id())?;
            Ok(HomeLock(held))
        }
        Err((mut file, _)) => {
            let mut pid = String::new();
            // Only to be helpful; without the pid the message still holds.
            let _ = file.read_to_string(&mut pid);
            let pid = pid.trim();
            let who = if pid.is_empty() {
                String::new()
            } else {
                format!(" (pid {pid})")
            };
            bail!(
                "smoltbot is already running for {}{who}: stop it first, or use another SMOLTBOT_HOME",
                path.parent().unwrap_or(path).display()
            )
        }
    }
}

/// Whether somebody holds the lock now.
pub(crate) fn is_taken(path: &Path) -> bool {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .is_ok_and(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err())
}
