//! Recording what was imported, once.

use std::sync::Arc;

use aap::TraceId;
use rusqlite::OptionalExtension as _;
use sha2::{Digest as _, Sha256};

use super::Past;
use crate::desk::Judge;
use crate::event::CallKey;
use crate::spool::{Spool, SpoolError};

/// What is known by its name, as the first bytes of a digest. There only where something was imported; no part of the spool's schema.
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS imported (name BLOB PRIMARY KEY) STRICT, WITHOUT ROWID";
/// Bytes of a name's digest that are kept: at a thousand million calls two have the same with a chance of 10⁻²¹.
const NAME_BYTES: usize = 16;

/// What became of some calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Calls that are in the chain now.
    pub new: u64,
    /// Calls that were imported before, or recorded when they happened.
    pub known: u64,
}

/// Records calls in an agent's chain.
#[derive(Debug)]
pub struct Importer {
    judge: Arc<Judge>,
    spool: Spool,
}

impl Importer {
    /// Into this spool, as this judge masks.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn new(judge: Arc<Judge>, spool: Spool) -> Result<Self, SpoolError> {
        spool.read(|conn| conn.execute_batch(TABLE))?;
        Ok(Self { judge, spool })
    }

    /// The spool.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Whether a call was imported before, or its hooks were heard lately.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn knows(&self, past: &Past) -> Result<bool, SpoolError> {
        let (name, key) = (name(past), CallKey::of(&past.call));
        self.spool.read(|conn| {
            let imported = "SELECT 1 FROM imported WHERE name = ?1";
            let heard = "SELECT 1 FROM calls WHERE key = ?1";
            Ok(conn.prepare_cached(imported)?.exists([&name[..]])?
                || !key.is_by_content() && conn.prepare_cached(heard)?.exists([key.as_str()])?)
        })
    }

    /// Records those that are not known, all of them or none.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing of these was recorded.
    pub fn record(&mut self, calls: &[Past]) -> Result<Recorded, SpoolError> {
        let judge = &self.judge;
        self.spool.transact(true, |tx| {
            let mut note = tx.conn().prepare_cached(
                "INSERT INTO imported (name) VALUES (?1) ON CONFLICT DO NOTHING RETURNING 1",
            )?;
            let mut prepared = Vec::with_capacity(calls.len());
            for past in calls {
                let key = CallKey::of(&past.call);
                let heard = !key.is_by_content() && tx.call(&key)?.is_some();
                let fresh = !heard
                    && note
                        .query_row([&name(past)[..]], |row| row.get::<_, i64>(0))
                        .optional()?
                        .is_some();
                if fresh {
                    let trace = judge.imported(past);
                    prepared.push(trace.map_err(|error| {
                        rusqlite::Error::ToSqlConversionFailure(Box::new(error))
                    })?);
                }
            }
            let wanted = prepared.len();
            let new: Vec<TraceId> = tx.append(prepared)?;
            if new.len() < wanted {
                // They are written down elsewhere, and lost nowhere: not counted as a loss, and tried again.
                let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
                return Err(rusqlite::Error::SqliteFailure(full, None));
            }
            Ok(Recorded {
                new: new.len() as u64,
                known: (calls.len() - new.len()) as u64,
            })
        })
    }
}

fn name(past: &Past) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    name.copy_from_slice(&Sha256::digest(&past.name)[..NAME_BYTES]);
    name
}
