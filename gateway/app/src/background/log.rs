//! The log of a process in the background: two files of bounded size, for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use nix::unistd::{dup2_stderr, dup2_stdout};
use tracing_subscriber::fmt::MakeWriter;

use crate::output;

/// A log that is longer becomes the old log, and the one before it goes.
const MAX_LOG_BYTES: u64 = 1024 * 1024;

/// The old log beside `log`.
fn old(log: &Path) -> PathBuf {
    log.with_extension("log.1")
}

pub(super) fn open(log: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log)
        .with_context(|| format!("{} cannot be written", log.display()))
}

/// Where this fails, the log grows on: better than none.
pub(super) fn rotate_if_long(log: &Path) {
    if fs::metadata(log).is_ok_and(|found| found.len() > MAX_LOG_BYTES) {
        let _ = fs::rename(log, old(log));
    }
}

/// Logs to the file `log` from now on, which is standard output and standard error as well.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn start(log: &Path) -> anyhow::Result<()> {
    let file = open(log)?;
    let written = file.metadata()?.len();
    let bounded = Bounded {
        log: log.to_owned(),
        now: Mutex::new((file, written)),
    };
    output::start_log_to(bounded, false);
    Ok(())
}

/// Writes no more than [`MAX_LOG_BYTES`] into one file, and keeps the one before it.
struct Bounded {
    log: PathBuf,
    /// The file, and how long it is.
    now: Mutex<(File, u64)>,
}

impl Bounded {
    fn add(&self, text: &[u8]) -> io::Result<usize> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.1 > MAX_LOG_BYTES
            && fs::rename(&self.log, old(&self.log)).is_ok()
            && let Ok(file) = open(&self.log)
        {
            // A panic writes there without asking us.
            let _ = dup2_stdout(&file);
            let _ = dup2_stderr(&file);
            *now = (file, 0);
        }
        let written = now.0.write(text)?;
        now.1 += written as u64;
        Ok(written)
    }
}

/// One line on its way into the log.
struct Line<'a>(&'a Bounded);

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.add(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Bounded {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}
