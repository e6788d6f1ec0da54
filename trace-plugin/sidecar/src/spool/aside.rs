//! A small file beside the spool, for what must be known though the spool cannot be written: what was lost meanwhile, and how far the
//! chain had come.
//!
//! It has its size from the beginning, so that it can be written when the disk is full. Losses are added under a lock and taken over
//! into the spool by whoever opens it next; the witness of the last commit tells a spool whose newest commits are gone, as a damaged
//! WAL loses them without a word.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aap::StreamId;
use serde::{Deserialize, Serialize};

use super::{Loss, Lost, Spool, SpoolError, Why, meta_text, put_meta};
use crate::clock;

/// Bytes of the part that holds losses: every reason takes less than 200.
const LOSSES: usize = 4096;
/// Bytes of the part that holds the witness: a stream's id, two seqs and a line's end.
const WITNESS: usize = 96;

/// The file's first part.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    /// Drawn anew each time that the losses are taken over, so that they are taken over once.
    round: u64,
    lost: Vec<Lost>,
}

impl Noted {
    fn fresh() -> Self {
        // SQLite's integers and JSON's have fewer bits; 32 are enough to be another one.
        let round = u64::from(u32::from_be_bytes(clock::random()));
        Self {
            round,
            lost: Vec::new(),
        }
    }

    fn read(file: &File) -> Self {
        let mut bytes = [0_u8; LOSSES];
        let mut length = 0;
        while length < LOSSES {
            match file.read_at(&mut bytes[length..], length as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => length += read,
            }
        }
        serde_json::from_slice(&bytes[..length]).unwrap_or_else(|_| Self::fresh())
    }

    fn write(&self, file: &File) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.resize(LOSSES, b' ');
        file.write_all_at(&bytes, 0)
    }

    fn add(&mut self, lost: &Lost) {
        match self.lost.iter_mut().find(|known| known.why == lost.why) {
            Some(known) => *known = known.joined(lost),
            None => self.lost.push(*lost),
        }
    }
}

/// The file beside the spool at `path`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lost");
    PathBuf::from(name)
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(beside(path))
}

/// Notes a loss beside the spool at `path`, whatever is wrong with the spool.
///
/// # Errors
/// What the operating system says: then nothing but the caller knows of the loss.
pub fn note_beside(path: &Path, why: Why, loss: Loss) -> io::Result<()> {
    let file = open(path, true)?;
    file.lock()?;
    let mut noted = Noted::read(&file);
    noted.add(&Lost::now(why, loss));
    noted.write(&file)?;
    if loss.refusals > 0 {
        file.sync_data()?;
    }
    Ok(())
}

/// What is noted beside the spool at `path` and was not taken over yet.
pub fn told_beside(path: &Path) -> Loss {
    Beside(open(path, false).ok()).told()
}

/// How far a chain had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Witness {
    pub(super) stream: StreamId,
    /// The last seq that was committed.
    pub(super) seq: u64,
    /// The last that the edge has acknowledged.
    pub(super) acked: u64,
}

/// The file, where there is one or it can be made.
#[derive(Debug)]
pub(super) struct Beside(Option<File>);

impl Beside {
    /// Opens it; makes it with its whole size where there is none.
    pub(super) fn open(path: &Path) -> Self {
        if let Ok(file) = open(path, false) {
            return Self(Some(file));
        }
        let made = open(path, true).and_then(|file| {
            file.lock()?;
            if file.metadata()?.len() == 0 {
                Noted::fresh().write(&file)?;
                file.write_all_at(&[b' '; WITNESS], LOSSES as u64)?;
            }
            file.unlock()?;
            Ok(file)
        });
        // Without it there is only memory and standard error to tell a loss.
        Self(made.ok())
    }

    pub(super) fn told(&self) -> Loss {
        let noted = self.0.as_ref().map(Noted::read).unwrap_or_default();
        noted
            .lost
            .iter()
            .fold(Loss::default(), |all, lost| all + lost.loss)
    }

    /// The chain has come so far, on the disk.
    pub(super) fn witness(&self, mut seen: Witness) {
        let Some(file) = &self.0 else { return };
        if let Some(known) = self.witnessed()
            && known.stream == seen.stream
        {
            // Another process may have been faster.
            seen.seq = seen.seq.max(known.seq);
            seen.acked = seen.acked.max(known.acked);
            if seen == known {
                return;
            }
        }
        let Witness { stream, seq, acked } = seen;
        let mut line = format!("{stream} {seq} {acked}").into_bytes();
        line.resize(WITNESS - 1, b' ');
        line.push(b'\n');
        // It is a second look at what is committed; the commit stands without it.
        let _ = file.write_all_at(&line, LOSSES as u64);
    }

    /// How far the chain had come.
    pub(super) fn witnessed(&self) -> Option<Witness> {
        let mut line = [0_u8; WITNESS];
        self.0
            .as_ref()?
            .read_exact_at(&mut line, LOSSES as u64)
            .ok()?;
        let text = std::str::from_utf8(&line).ok()?;
        let mut words = text.split_whitespace();
        Some(Witness {
            stream: words.next()?.parse().ok()?,
            seq: words.next()?.parse().ok()?,
            acked: words.next()?.parse().ok()?,
        })
    }
}

impl Spool {
    /// Takes over what was noted beside the spool while it could not be written. Once, also when this process ends in between.
    ///
    /// # Errors
    /// [`SpoolError`]: it stays noted.
    pub fn take_noted(&mut self) -> Result<(), SpoolError> {
        if self.beside.told().is_nothing() {
            return Ok(());
        }
        let Some(file) = self
            .beside
            .0
            .as_ref()
            .and_then(|file| file.try_clone().ok())
        else {
            return Ok(());
        };
        if file.lock().is_err() {
            return Ok(());
        }
        let noted = Noted::read(&file);
        let round = noted.round.to_string();
        let taken = self.transact(true, |tx| {
            if meta_text(tx.conn(), "noted_round")?.as_deref() == Some(&round) {
                return Ok(());
            }
            for lost in &noted.lost {
                tx.count_lost(lost)?;
            }
            put_meta(tx.conn(), "noted_round", &round)
        });
        if taken.is_ok() {
            // If this fails, the round tells that they were taken.
            let _ = Noted::fresh().write(&file);
        }
        let _ = file.unlock();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_in_a_file_that_never_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool.db");
        let size = || beside(&path).metadata().unwrap().len();
        drop(Beside::open(&path));
        let made = size();
        for why in Why::ALL {
            for _ in 0..50 {
                note_beside(&path, why, Loss::calls(u64::from(u32::MAX))).unwrap();
            }
            note_beside(&path, why, Loss::refusals(2)).unwrap();
        }
        assert_eq!(size(), made);
        let told = told_beside(&path);
        assert_eq!(told.refusals, 16);
        assert_eq!(told.calls, 8 * 50 * u64::from(u32::MAX));
    }

    #[test]
    fn a_witness_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let beside = Beside::open(&dir.path().join("spool.db"));
        assert_eq!(beside.witnessed(), None);
        let stream = clock::stream_id();
        let seen = |stream, seq, acked| Witness { stream, seq, acked };
        beside.witness(seen(stream, 7, 0));
        beside.witness(seen(stream, 5, 4));
        assert_eq!(beside.witnessed(), Some(seen(stream, 7, 4)));
        let other = clock::stream_id();
        beside.witness(seen(other, 1, 0));
        assert_eq!(beside.witnessed(), Some(seen(other, 1, 0)));
    }
}
