//! How far something long has come, on a terminal: one line of standard error that is written over. Where standard error is no
//! terminal nothing is written, so that logs hold no progress.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

/// How often the line is written at most.
const EVERY: Duration = Duration::from_millis(100);

/// A line of progress; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    terminal: bool,
    last: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            shown: false,
            terminal: stderr().is_terminal(),
            last: None,
        }
    }

    /// Writes the line anew, unless it was just written.
    pub(crate) fn show(&mut self, line: impl FnOnce() -> String) {
        let fresh = self.last.is_some_and(|last| last.elapsed() < EVERY);
        if !self.terminal || fresh {
            return;
        }
        self.last = Some(Instant::now());
        self.shown = true;
        // Progress that cannot be shown stops nothing.
        let _ = write!(stderr(), "\r\x1b[2K{}", line());
        let _ = stderr().flush();
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(stderr(), "\r\x1b[2K");
            let _ = stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
