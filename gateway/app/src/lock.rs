//! One set of roles for one home: an advisory lock that dies with its holder, and who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a process that only looks may hold the lock: microseconds, on a machine that is not swapping.
const LOOKED_AT: Duration = Duration::from_millis(500);
/// How long a process that is told to stop may take: what its roles may, and some more.
pub(crate) const STOPPED_WITHIN: Duration = Duration::from_secs(20);
/// The most that is read of a lock file.
const MAX_HOLDER_BYTES: u64 = 256;

/// Held for as long as the process lives: whoever has waited for it finds no process behind.
#[derive(Debug)]
pub(crate) struct HomeLock(ManuallyDrop<File>);

impl Drop for HomeLock {
    fn drop(&mut self) {
        // A pid that is not there cannot become another process's. Where this fails it is found dead.
        let _ = self.0.set_len(0);
    }
}

impl HomeLock {
    /// The lock that this process has held since before it executed itself anew.
    #[cfg(target_os = "linux")]
    pub(crate) fn handed(file: File) -> Self {
        Self(ManuallyDrop::new(file))
    }

    /// What holds it, to hand over.
    ///
    /// # Errors
    /// What the operating system says.
    #[cfg(target_os = "linux")]
    pub(crate) fn file(&self) -> std::io::Result<File> {
        self.0.try_clone()
    }
}

/// Who runs for a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// None for the moment in which it has not been written yet.
    pub(crate) pid: Option<i32>,
    /// `up`, `gateway`, `sidecar`.
    pub(crate) roles: String,
    /// Whether a hook started it, so that whoever is started by a person may take its place.
    pub(crate) on_demand: bool,
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).with_context(|| {
        format!(
            "{} cannot be written; is the disk read-only, or the directory another user's?",
            path.display()
        )
    })
}

/// Takes the lock of a home for `roles`. Who was started by a hook makes room for who was not.
///
/// # Errors
/// When another process holds it, naming its pid.
pub(crate) fn take(path: &Path, roles: &str, on_demand: bool) -> anyhow::Result<HomeLock> {
    let file = open(path)?;
    if file.try_lock().is_ok() {
        return hold(file, roles, on_demand);
    }
    let holder = read(path);
    if let Some(pid) = holder.pid
        && holder.on_demand
        && !on_demand
    {
        tell_to_stop(pid)?;
        if let Some(file) = wait_for(path, STOPPED_WITHIN)? {
            return hold(file, roles, on_demand);
        }
    } else if let Some(file) = wait_for(path, LOOKED_AT)? {
        return hold(file, roles, on_demand);
    }
    bail!(
        "smoltbot is already running for {}{}: stop it first (`smoltbot down`), or use another SMOLTBOT_HOME",
        path.parent().unwrap_or(path).display(),
        holder
            .pid
            .map_or(String::new(), |pid| format!(" (pid {pid})"))
    )
}

fn hold(mut file: File, roles: &str, on_demand: bool) -> anyhow::Result<HomeLock> {
    let how = if on_demand { " on-demand" } else { "" };
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    // In one write, so that who looks sees all of it or nothing.
    file.write_all(format!("{}\n{roles}{how}\n", std::process::id()).as_bytes())?;
    Ok(HomeLock(ManuallyDrop::new(file)))
}

fn read(path: &Path) -> Holder {
    let mut text = String::new();
    // Only to be helpful; that the lock is held is known without it.
    let _ = File::open(path).and_then(|file| file.take(MAX_HOLDER_BYTES).read_to_string(&mut text));
    let mut lines = text.lines();
    let pid = lines.next().and_then(|pid| pid.trim().parse().ok());
    let roles = lines.next().unwrap_or_default().trim();
    Holder {
        pid: pid.filter(|pid| *pid > 0),
        roles: roles
            .split(' ')
            .next()
            .filter(|roles| !roles.is_empty())
            .unwrap_or("smoltbot")
            .to_owned(),
        on_demand: roles.ends_with(" on-demand"),
    }
}

/// Who holds the lock now, if anybody.
pub(crate) fn holder(path: &Path) -> Option<Holder> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(read(path)),
        _ => None,
    }
}

/// Whether somebody holds the lock now.
pub(crate) fn is_taken(path: &Path) -> bool {
    holder(path).is_some()
}

/// Asks a process to stop, if it is there.
pub(crate) fn tell_to_stop(pid: i32) -> anyhow::Result<()> {
    match kill(Pid::from_raw(pid), Signal::SIGTERM) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("process {pid} cannot be stopped")),
    }
}

/// Waits until nobody else holds the lock at `path`, and holds it; none when that takes longer than `patience`.
///
/// No lock can be waited for with a deadline, so a thread waits; one that was given up on ends with the process.
///
/// # Errors
/// When the file cannot be opened.
pub(crate) fn wait_for(path: &Path, patience: Duration) -> anyhow::Result<Option<File>> {
    let file = open(path)?;
    if file.try_lock().is_ok() {
        return Ok(Some(file));
    }
    let (locked, waiting) = mpsc::sync_channel(0);
    std::thread::Builder::new()
        .name("lock".to_owned())
        .spawn(move || {
            if file.lock().is_ok() {
                // Nobody waits any more: the file is dropped, and its lock with it.
                let _ = locked.send(file);
            }
        })?;
    Ok(waiting.recv_timeout(patience).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

    use super::*;

    #[test]
    fn the_lock_says_who_holds_it_and_nobody_once_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("smoltbot.lock");
        assert_eq!(holder(&path), None);
        // Left behind by a process that crashed.
        std::fs::write(&path, "999999\nup on-demand\n").unwrap();
        assert_eq!(holder(&path), None);
        let mine = take(&path, "up", false).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        let told = holder(&path).unwrap();
        assert_eq!(
            (told.pid, told.roles.as_str(), told.on_demand),
            (Some(me), "up", false)
        );
        let refused = take(&path, "sidecar", true).unwrap_err().to_string();
        assert!(refused.contains(&format!("(pid {me})")), "{refused}");
        drop(mine);
        // Until the process ends; but the pid is gone already.
        assert_eq!(holder(&path).unwrap().pid, None);
    }

    #[test]
    fn a_look_at_the_lock_does_not_keep_anybody_from_taking_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("smoltbot.lock");
        let looking = wait_for(&path, Duration::ZERO).unwrap().unwrap();
        let taking = std::thread::spawn({
            let path = path.clone();
            move || take(&path, "up", false)
        });
        assert!(wait_for(&path, Duration::from_millis(1)).unwrap().is_none());
        drop(looking);
        taking.join().unwrap().unwrap();
    }

    #[test]
    fn nonsense_in_the_file_is_no_pid() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("smoltbot.lock");
        for text in ["", "-1\nup\n", "0\n", "one\n", "\n\n\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).pid, None, "{text:?}");
        }
    }
}
