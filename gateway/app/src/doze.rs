//! A sidecar that dozes: while nothing is asked it becomes a process that holds its socket and its lock, and waits.
//!
//! What a sidecar has needed once (to start, to judge, to ship) stays in its memory: over fifteen megabytes of the program's own
//! code and data, for hours in which nobody asks. A process lets go of that by executing itself anew. So an idle sidecar stops its
//! roles, as it does when it leaves, and executes `smoltbot sidecar … --dozing` in its own place: same process, same socket, same
//! lock. That one does nothing but wait for a connection, for what another process records, or for a signal; at the first of them
//! it executes the sidecar again, which takes the socket over. A connection that was made meanwhile waits in the socket's queue.
//!
//! Nothing is lost between the two: notices of what others do are asked for before the last look whether anything waits, and
//! signals are held back until someone can take them. Where the system tells no notices, which is elsewhere than on Linux, a sidecar
//! does not doze.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use smoltbot_config::Home;

use crate::lock::HomeLock;
use crate::output;

mod handing;

pub(crate) use handing::{Handed, Told};

/// The last argument of a sidecar that dozes; for smoltbot itself.
const DOZING: &str = "--dozing";
/// The last argument of one that was woken.
const WOKEN: &str = "--woken";
/// The system's notices that are taken at once.
const NOTICES_BYTES: usize = 4096;
/// This program, also when its file has been replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What a command line says of how this sidecar came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arguments<'a> {
    pub(crate) idle_exit: bool,
    pub(crate) log: Option<&'a Path>,
    pub(crate) on_demand: bool,
}

impl Arguments<'_> {
    fn typed(&self) -> Vec<OsString> {
        let mut typed: Vec<OsString> = vec!["sidecar".into()];
        if self.idle_exit {
            typed.push("--idle-exit".into());
        }
        if let Some(log) = self.log {
            typed.extend(["--background".into(), log.into()]);
        }
        if self.on_demand {
            typed.push("--on-demand".into());
        }
        typed
    }
}

/// The signals that end a sidecar.
fn ends() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

/// From here on this thread, and the threads that it starts, leave the signals that end a sidecar to others; they wait where
/// nobody takes them, also over [`fall_asleep`].
pub(crate) fn hold_signals_back() {
    // It fails for no set of signals that exists.
    let _ = ends().thread_block();
}

/// This thread takes them again.
pub(crate) fn take_signals() {
    let _ = ends().thread_unblock();
}

/// Notices of what others record in `home`, and of another card.
///
/// # Errors
/// What the operating system says: too many are being watched already.
pub(crate) fn notices(home: &Home) -> io::Result<OwnedFd> {
    let notices = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let what = WatchFlags::MODIFY
        | WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::DELETE;
    inotify::add_watch(&notices, home.path(), what)?;
    Ok(notices)
}

/// Dozes in this process's place. Returns only when that cannot be.
pub(crate) fn fall_asleep(handed: Handed, arguments: &Arguments<'_>) -> anyhow::Error {
    become_another(handed, arguments.typed(), DOZING)
}

fn become_another(handed: Handed, mut typed: Vec<OsString>, how: &str) -> anyhow::Error {
    let stdin = match handed.hand_over() {
        Ok(stdin) => stdin,
        Err(error) => return error,
    };
    typed.push(how.into());
    let mut command = Command::new(program());
    if let Some(named) = std::env::args_os().next() {
        command.arg0(named);
    }
    let error = command.args(typed).stdin(Stdio::from(stdin)).exec();
    anyhow::Error::new(error).context("smoltbot cannot be executed anew")
}

/// By its name, for whoever looks at processes; but what is there by now may be another version.
fn program() -> PathBuf {
    let it = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.dev(), found.ino()))
    };
    match std::env::current_exe() {
        Ok(named) if it(&named).is_some() && it(&named) == it(Path::new(THIS_PROGRAM)) => named,
        _ => PathBuf::from(THIS_PROGRAM),
    }
}

/// What is to be typed for the sidecar that this one is to be again; none when this process is not to doze.
pub(crate) fn asked(typed: impl Iterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut typed: Vec<_> = typed.collect();
    let dozes = typed.first().is_some_and(|command| command == "sidecar")
        && typed.last().is_some_and(|last| last == DOZING);
    typed.pop().filter(|_| dozes).map(|_| typed)
}

/// Dozes until there is something to do, and is a sidecar again then.
pub(crate) fn run(sidecar: Vec<OsString>) -> ExitCode {
    match doze(sidecar) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn doze(sidecar: Vec<OsString>) -> anyhow::Result<()> {
    // Held back already, unless somebody types this.
    hold_signals_back();
    let handed = Handed::receive()?;
    let signals = SignalFd::with_flags(&ends(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .context("no signals can be waited for")?;
    let leave_at = handed.told.leave_after.map(|left| Instant::now() + left);
    loop {
        match wait(&handed, &signals, leave_at)? {
            Woken::ToWork => return Err(become_another(handed, sidecar, WOKEN)),
            Woken::ToLeave => break,
            Woken::ForNothing => {}
        }
    }
    // Whoever comes from here on records by itself.
    let _ = fs::remove_file(&handed.told.socket);
    drop(HomeLock::handed(handed.lock));
    Ok(())
}

enum Woken {
    ToWork,
    ToLeave,
    ForNothing,
}

fn wait(handed: &Handed, signals: &SignalFd, leave_at: Option<Instant>) -> anyhow::Result<Woken> {
    let waits = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut fds = vec![
        waits(signals.as_fd()),
        waits(handed.notices.as_fd()),
        waits(handed.socket.as_fd()),
    ];
    fds.extend(handed.tcp.as_ref().map(|tcp| waits(tcp.as_fd())));
    let left = leave_at.map(|at| at.saturating_duration_since(Instant::now()));
    let left = left.map(Timespec::try_from).transpose()?;
    match poll(&mut fds, left.as_ref()) {
        Ok(0) => return Ok(Woken::ToLeave),
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Woken::ForNothing),
        Err(error) => bail!("a dozing sidecar cannot wait: {error}"),
    }
    let told: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    if told[0] {
        return Ok(Woken::ToLeave);
    }
    if told[2..].contains(&true) || (told[1] && is_news(handed)?) {
        return Ok(Woken::ToWork);
    }
    Ok(Woken::ForNothing)
}

/// Whether one of the notices says that something was recorded, or that there is another card. That a log of the database comes and
/// goes says nothing: whoever looks at the spool makes one.
fn is_news(handed: &Handed) -> anyhow::Result<bool> {
    let mut space = [MaybeUninit::uninit(); NOTICES_BYTES];
    let mut notices = inotify::Reader::new(&handed.notices, &mut space);
    let mut news = false;
    loop {
        match notices.next() {
            Ok(notice) => {
                let name = notice.file_name().map(|name| name.to_string_lossy());
                let is = |known: &str| name.as_deref() == Some(known);
                let happened = notice.events();
                // Without a name: more happened than could be told.
                news |= happened.contains(inotify::ReadFlags::QUEUE_OVERFLOW)
                    || is(&handed.told.card)
                    || (is(&handed.told.log) && happened.contains(inotify::ReadFlags::MODIFY));
            }
            Err(rustix::io::Errno::AGAIN) => return Ok(news),
            Err(error) => bail!("what happens in the home cannot be told: {error}"),
        }
    }
}

/// What a sidecar that was woken takes over, leaving nothing on standard input.
///
/// # Errors
/// When nothing was handed over: somebody else than a dozing sidecar has typed that.
pub(crate) fn wake_up() -> anyhow::Result<Handed> {
    let handed = Handed::receive()?;
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(handed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn only_a_sidecar_dozes() {
        let dozing = typed(&["sidecar", "--idle-exit", "--dozing"]);
        assert_eq!(
            asked(dozing.into_iter()),
            Some(typed(&["sidecar", "--idle-exit"]))
        );
        for words in [
            &["up", "--dozing"][..],
            &["sidecar"],
            &["sidecar", "--dozing", "--idle-exit"],
            &["--dozing"],
            &[],
        ] {
            assert_eq!(asked(typed(words).into_iter()), None, "{words:?}");
        }
    }

    #[test]
    fn it_becomes_again_what_it_was() {
        let arguments = Arguments {
            idle_exit: true,
            log: Some(Path::new("/a log")),
            on_demand: true,
        };
        let expected = typed(&[
            "sidecar",
            "--idle-exit",
            "--background",
            "/a log",
            "--on-demand",
        ]);
        assert_eq!(arguments.typed(), expected);
    }
}
