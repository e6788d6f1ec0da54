//! Folding the WAL in behind those who write. Whoever folds waits for the disk twice, which none who was asked for a verdict should.
//!
//! A thread does it that lives as long as it takes: nothing is awake while nothing is written. Where it does not come to an end
//! because more is written all the time, SQLite folds in by itself at [`RESIDENT_WAL_PAGES`](super::opening::RESIDENT_WAL_PAGES),
//! with the first commit that finds nobody folding. On a disk so slow that there is none, whoever writes waits for the thread
//! once [`AHEAD_PAGES`] have been written beside it: the WAL has an end whatever the disk is.

use std::path::Path;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Use;

/// Pages, about, that are written before they are folded in: 4 MiB, SQLite's own measure.
pub(super) const FOLD_PAGES: usize = 1000;
/// Pages that may be written while a thread folds in, about 8 MiB, before the next commit waits for it.
pub(super) const AHEAD_PAGES: usize = 2048;
/// Pages that a commit writes besides the links in it: those of the call, of its indexes, the head, who was heard.
const PAGES_OF_A_COMMIT: usize = 7;
/// Bytes of a page.
const PAGE: usize = 4096;

/// Who folds, and how much there is to fold.
#[derive(Debug, Default)]
pub(super) struct Folding {
    pages: usize,
    thread: Option<JoinHandle<()>>,
}

impl Folding {
    /// Notes a commit with links of so many bytes into the spool at `path`; folds in behind it once it is enough.
    pub(super) fn committed(&mut self, path: &Path, kind: Use, bytes: usize) {
        self.pages += PAGES_OF_A_COMMIT + bytes / PAGE;
        if let Some(thread) = &self.thread {
            if thread.is_finished() || self.pages >= AHEAD_PAGES {
                // No other yet: the next commit finds nobody folding, so that SQLite can, where the WAL has grown long.
                self.wait();
            }
            return;
        }
        if self.pages < FOLD_PAGES || kind == Use::OneShot {
            return;
        }
        self.pages = 0;
        let path = path.to_owned();
        // Where the system has no thread to give, the WAL grows a little longer.
        self.thread = Builder::new()
            .name("folding".to_owned())
            .spawn(move || {
                if let Err(error) = fold(&path) {
                    tracing::debug!(%error, "the spool's WAL is not folded in yet");
                }
            })
            .ok();
    }

    /// Waits until nothing is folded in any more.
    pub(super) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell; a panic in it has been told.
            let _ = thread.join();
        }
    }
}

/// Folds in what can be without holding anybody up.
fn fold(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::ZERO)?;
    // The last to close is the one whose spool it is.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::super::opening;
    use super::*;

    #[test]
    fn who_writes_faster_than_the_disk_takes_it_waits() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let slow = std::thread::spawn(move || {
            let _ = released.recv();
        });
        let mut folding = Folding {
            pages: 0,
            thread: Some(slow),
        };
        let path = Path::new("/nonexistent");
        while folding.pages + PAGES_OF_A_COMMIT < AHEAD_PAGES {
            folding.committed(path, Use::Resident, 0);
        }
        // It would have hung for good if it had waited any earlier; from here on the thread may end.
        assert!(folding.thread.is_some());
        release.send(()).unwrap();
        folding.committed(path, Use::Resident, 0);
        assert!(folding.thread.is_none(), "this commit waited");
        folding.committed(path, Use::Resident, 0);
        assert!(folding.thread.is_some(), "and the one after it folds in");
        folding.wait();
    }

    #[test]
    fn a_process_that_is_gone_in_milliseconds_leaves_folding_to_others() {
        let mut folding = Folding::default();
        for _ in 0..FOLD_PAGES {
            folding.committed(Path::new("/nonexistent"), Use::OneShot, PAGE);
        }
        assert!(folding.thread.is_none());
        folding.committed(Path::new("/nonexistent"), Use::Resident, 0);
        assert!(folding.thread.is_some(), "and one that stays does it");
        folding.wait();
        assert!(u32::try_from(FOLD_PAGES).unwrap() < opening::RESIDENT_WAL_PAGES);
    }
}
