//! Writing into the spool, and what becomes of what cannot be written: it is counted beside the spool, and told in the chain as soon
//! as something can be written again.

use std::path::{Path, PathBuf};

use super::{Desk, Judge};
use crate::spool::{Loss, Lost, Spool, SpoolError, Tx, Why, note_beside};

/// Where a desk records.
#[derive(Debug)]
pub(super) struct Records {
    spool: Result<Spool, String>,
    /// The spool's file, also where it cannot be opened.
    path: Option<PathBuf>,
    /// Why it cannot be opened.
    why: Why,
    /// Losses that could not even be noted beside the spool.
    unnoted: Vec<Lost>,
    /// Whether the last writing failed: then something is noted beside the spool.
    failed: bool,
}

impl Records {
    pub(super) fn into(spool: Spool) -> Self {
        Self {
            path: Some(spool.path().to_owned()),
            spool: Ok(spool),
            why: Why::IoError,
            unnoted: Vec::new(),
            failed: false,
        }
    }

    pub(super) fn absent(why: String) -> Self {
        Self {
            spool: Err(why),
            path: None,
            why: Why::IoError,
            unnoted: Vec::new(),
            failed: false,
        }
    }

    pub(super) fn opened(&self) -> Result<&Spool, SpoolError> {
        let absent = |why: &String| SpoolError::Absent(why.clone());
        self.spool.as_ref().map_err(absent)
    }

    /// Runs `work` in one transaction, and tells in it what was lost before, where that is over.
    pub(super) fn record<T>(
        &mut self,
        judge: &Judge,
        durable: bool,
        work: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        let spool = self
            .spool
            .as_mut()
            .map_err(|why| SpoolError::Absent(why.clone()))?;
        if self.failed {
            spool.take_noted()?;
        }
        let unnoted = &self.unnoted;
        let done = spool.transact(durable, |tx| {
            for lost in unnoted {
                tx.count_lost(lost)?;
            }
            let done = work(tx)?;
            tx.tell_losses(judge.card(), &judge.redactor)?;
            Ok(done)
        });
        self.failed = done.is_err();
        match &done {
            Ok(_) => self.unnoted.clear(),
            Err(SpoolError::Damaged { .. }) => {
                // What comes next is recorded; this is the caller's to count.
                if let Err(error) = spool.repair() {
                    tracing::error!(%error, "the damaged spool could not be replaced");
                }
            }
            Err(_) => {}
        }
        done
    }

    /// Notes a loss where it will be found by whoever can write the spool again. False where only this process knows of it.
    fn note(&mut self, why: Why, loss: Loss) -> bool {
        self.failed = true;
        let noted = self
            .path
            .as_deref()
            .is_some_and(|path| note_beside(path, why, loss).is_ok());
        if !noted {
            self.unnoted.push(Lost::now(why, loss));
        }
        noted
    }
}

impl Desk {
    /// The same desk, which cannot record into the spool at `path` for that reason, and notes what is lost beside it.
    #[must_use]
    pub fn beside(mut self, path: &Path, why: Why) -> Self {
        self.records.path = Some(path.to_owned());
        self.records.why = why;
        self
    }

    /// Counts calls that could not be recorded. False where that could not be written down anywhere but in this process.
    pub fn count_lost(&mut self, error: &SpoolError, loss: Loss) -> bool {
        let why = match error {
            SpoolError::Absent(_) => self.records.why,
            error => Why::from(error),
        };
        self.records.note(why, loss)
    }

    /// Counts calls that came faster than they could be written.
    pub fn count_overrun(&mut self, loss: Loss) -> bool {
        self.records.note(Why::Overrun, loss)
    }

    /// Whether a loss is counted that the spool does not know of yet: something is to be written as soon as it can be.
    pub fn owes(&self) -> bool {
        self.records.spool.is_ok() && (self.records.failed || !self.records.unnoted.is_empty())
    }

    /// What the last call that was taken had no room for. It is counted already.
    pub fn lost(&self) -> Loss {
        self.records.opened().map(Spool::lost).unwrap_or_default()
    }

    /// Whether something may wait for the edge that did not when this was last asked: a call that is only remembered until its end does
    /// not.
    pub(crate) fn has_recorded(&mut self) -> bool {
        self.records.spool.as_mut().is_ok_and(Spool::take_moved) || self.records.failed
    }

    /// Tells losses that are over, if there are any: what was noted while the spool could not be written, or a spool that has room
    /// again.
    ///
    /// # Errors
    /// [`SpoolError`]: they stay counted.
    pub fn tell_losses(&mut self) -> Result<(), SpoolError> {
        self.records.record(&self.judge, true, |_| Ok(()))
    }
}
