//! The spool: where a trace is safe before anyone is told so.
//!
//! One SQLite file (WAL) per identity, shared by every process that records for it. The chain is made here: a transaction
//! gives each trace its seq and the digest of the one before. Only masked content comes in, as `Redacted<…>`. It is bounded in
//! bytes; what it cannot keep is counted and told by a record in the chain.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aap::{AgentId, StreamId, Timestamp, TraceId};
use rusqlite::Connection;

use crate::{clock, fault};

mod aside;
mod calls;
mod checked;
mod error;
mod folding;
mod head;
mod links;
mod losses;
mod opening;
mod prepared;
mod quarantine;
mod repair;
mod room;
mod sessions;
mod spans;

pub use aside::{note_beside, told_beside};
pub use calls::{CallRow, CallState, PendingCall};
pub use error::SpoolError;
pub use head::Head;
pub use links::{SoundLink, Waiting, WaitingLink};
pub use losses::{Loss, Lost, Why};
pub use prepared::{NotPrepared, Prepared};
pub use quarantine::{Dropped, Quarantined, Retried};
pub use room::{DEFAULT_MAX_BYTES, MIN_MAX_BYTES};
pub use sessions::{MAX_REMEMBERED, MAX_SECRET_CHARS, REMEMBER_SESSIONS};
pub use spans::{MAX_QUEUED_BYTES, QueuedSpan, SpanQueue};

use aside::{Beside, Witness};
pub(crate) use opening::escaped;
use opening::{FileId, ONE_SHOT_WAL_BYTES, PROGRAMS_SCHEMA};

/// How a spool is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// By a process that stays.
    Resident,
    /// By a process that is gone in milliseconds: it leaves tidying up to others.
    OneShot,
}

/// An open spool.
#[derive(Debug)]
pub struct Spool {
    conn: Connection,
    path: PathBuf,
    agent_id: AgentId,
    patience: Duration,
    kind: Use,
    durable: Option<bool>,
    max_bytes: u64,
    /// Which file this is: another process may have moved a damaged one aside.
    file: FileId,
    beside: Beside,
    /// What the last transaction could not keep.
    lost: Loss,
    /// Whether something may wait for the edge that did not when this was last asked.
    moved: bool,
    folding: folding::Folding,
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.folding.wait();
        if self.kind == Use::Resident {
            return; // SQLite folds the WAL in by itself, as it grows and when the last one closes.
        }
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        if std::fs::metadata(wal).is_ok_and(|wal| wal.len() > ONE_SHOT_WAL_BYTES) {
            // Where others are at it, they will; nothing waits for this, and nothing is lost without it.
            let _ = self.conn.busy_timeout(Duration::ZERO);
            fault::point("spool.mid_checkpoint");
            let _ = self
                .conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        }
    }
}

impl Spool {
    /// The same spool, which may take `max_bytes` on the disk; [`DEFAULT_MAX_BYTES`] unless this is said.
    #[must_use]
    pub fn bounded(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes.max(MIN_MAX_BYTES);
        self
    }

    /// Runs `work` in one transaction. `durable`: it survives the loss of power when this returns (a refusal must);
    /// otherwise it survives the loss of this process, and power loss from the next durable commit on.
    ///
    /// # Errors
    /// [`SpoolError`]; nothing of `work` is kept then.
    pub fn transact<T>(
        &mut self,
        durable: bool,
        work: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        self.follow()?;
        let path = self.path.clone();
        self.transact_raw(durable, work)
            .map_err(|source| SpoolError::of(&path, source))
    }

    fn transact_raw<T>(
        &mut self,
        durable: bool,
        work: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.lost = Loss::default();
        if self.durable != Some(durable) {
            self.conn.pragma_update(
                None,
                "synchronous",
                if durable { "FULL" } else { "NORMAL" },
            )?;
            self.durable = Some(durable);
        }
        let tx = Tx::begin(&self.conn, self.agent_id, self.max_bytes)?;
        if !self.file.is_still(&self.path) {
            // Moved aside between the look and the lock; whoever did so has read it or will, after us. Rare enough to be an error.
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                None,
            ));
        }
        let done = work(&tx)?;
        if let Some(broken) = fault::disk("spool.mid_commit") {
            return Err(broken.as_sqlite());
        }
        let (lost, seen, bytes) = tx.commit()?;
        fault::point("spool.committed");
        self.folding.committed(&self.path, self.kind, bytes);
        self.lost = lost;
        if let Some(seen) = seen {
            self.moved = true;
            self.beside.witness(seen);
        }
        Ok(done)
    }

    /// Whether the chain has moved since this was last asked, or may have: this spool was opened, or another took a damaged one's place.
    pub(crate) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// What the last transaction had no room for. It is counted; whoever asked for it may tell.
    pub fn lost(&self) -> Loss {
        self.lost
    }

    /// Reads without a transaction of its own.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        work(&self.conn).map_err(|source| SpoolError::of(&self.path, source))
    }

    /// Whose spool this is.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What waits, what was set aside and what was lost.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn depth(&self) -> Result<Depth, SpoolError> {
        let beside = self.beside.told();
        self.read(|conn| {
            let count = |sql: &str| conn.query_row(sql, (), |row| row.get::<_, u64>(0));
            let untold: u64 = losses::read(conn)?
                .iter()
                .map(|lost| lost.loss.calls + lost.loss.refusals)
                .sum();
            Ok(Depth {
                waiting: links::count(conn)?,
                quarantined: count("SELECT count(*) FROM quarantine")?,
                dropped: meta_number(conn, "dropped")? + beside.calls + beside.refusals,
                contents_dropped: meta_number(conn, "contents_dropped")?,
                untold: untold + beside.calls + beside.refusals,
                gaps: meta_number(conn, "gaps")?,
                bytes: room::used(conn)?,
                cap_bytes: self.max_bytes,
                damaged: repair::set_aside(conn)?,
                last_ack_at: meta_millis(conn, "last_ack_at")?,
                asked: count("SELECT count(*) FROM calls WHERE state IN (4, 5)")?,
            })
        })
    }

    /// When each agent's hook was last heard.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn agents(&self) -> Result<Vec<(String, Timestamp)>, SpoolError> {
        self.read(|conn| {
            let mut rows = conn.prepare("SELECT name, last_event_at FROM agents ORDER BY name")?;
            let rows = rows.query_map((), |row| {
                Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?)))
            })?;
            rows.collect()
        })
    }
}

/// How full the spool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Links that wait for the edge.
    pub waiting: u64,
    /// Contents that the edge would not take.
    pub quarantined: u64,
    /// Calls that could not be recorded, refusals among them.
    pub dropped: u64,
    /// Calls whose place in the chain stands and whose content was let go of for want of room.
    pub contents_dropped: u64,
    /// Dropped calls that no gap record tells yet.
    pub untold: u64,
    /// Gap records that were made.
    pub gaps: u64,
    /// Bytes that the spool takes.
    pub bytes: u64,
    /// Bytes that it may take.
    pub cap_bytes: u64,
    /// Damaged spools that were moved aside, by their file names; the newest last.
    pub damaged: Vec<String>,
    /// When the edge last acknowledged something.
    pub last_ack_at: Option<Timestamp>,
    /// Questions to a person of which no answer is known yet.
    pub asked: u64,
}

/// An open transaction.
#[derive(Debug)]
pub struct Tx<'a> {
    inner: rusqlite::Transaction<'a>,
    agent_id: AgentId,
    room: room::Room,
    lost: std::cell::Cell<Loss>,
    /// How far the chain has come by this transaction; none where it has not moved.
    seen: std::cell::Cell<Option<Witness>>,
    /// Bytes of the links that it has written, about.
    bytes: std::cell::Cell<usize>,
}

impl<'a> Tx<'a> {
    fn begin(conn: &'a Connection, agent_id: AgentId, max_bytes: u64) -> rusqlite::Result<Self> {
        let inner =
            rusqlite::Transaction::new_unchecked(conn, rusqlite::TransactionBehavior::Immediate)?;
        Ok(Self {
            inner,
            agent_id,
            room: room::Room::new(max_bytes),
            lost: std::cell::Cell::default(),
            seen: std::cell::Cell::default(),
            bytes: std::cell::Cell::default(),
        })
    }

    /// What could not be kept, how far the chain has come, and the bytes of its links, about.
    fn commit(self) -> rusqlite::Result<(Loss, Option<Witness>, usize)> {
        self.inner.commit()?;
        Ok((self.lost.get(), self.seen.get(), self.bytes.get()))
    }
}

impl Tx<'_> {
    /// Gives each trace its place in the chain and keeps it until the edge has it. Returns the ids of those that there was
    /// room for; the others are counted.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn append(&self, traces: Vec<Prepared>) -> rusqlite::Result<Vec<TraceId>> {
        let mut head = Head::load(&self.inner)?
            .unwrap_or_else(|| Head::start(self.agent_id, clock::stream_id(), None));
        let now = clock::now();
        let mut ids = Vec::with_capacity(traces.len());
        let stream = head.stream.to_string();
        let mut insert = self.inner.prepare_cached(
            "INSERT INTO links (stream, seq, at, header, document, digests) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for trace in traces {
            let whole = match self.make_room_for(&trace)? {
                room::Fit::Whole => true,
                room::Fit::Header => false,
                room::Fit::Not => continue,
            };
            self.bytes.set(self.bytes.get() + trace.bytes());
            let (header, document) = trace.link(&mut head);
            let document = whole.then_some(document);
            let digests = checked::digests(&head.digest, document.as_deref());
            ids.push(header.trace_id);
            insert.execute((
                &stream,
                header.seq.cast_signed(),
                now.millis(),
                serde_json::to_string(&header).map_err(not_json)?,
                document,
                digests,
            ))?;
        }
        if !ids.is_empty() {
            self.save(&head)?;
        }
        Ok(ids)
    }

    /// Notes that `agent`'s hook was heard at `at`, also where that is before what was noted: then the clock was set back.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn heard(&self, agent: &str, at: Timestamp) -> rusqlite::Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO agents (name, last_event_at) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET last_event_at = excluded.last_event_at",
            )?
            .execute((agent, at.millis()))
            .map(drop)
    }

    /// The chain stands there from this transaction on.
    fn save(&self, head: &Head) -> rusqlite::Result<()> {
        head.save(&self.inner)?;
        self.seen.set(Some(Witness {
            stream: head.stream,
            seq: head.seq,
            acked: head.acked_seq,
        }));
        Ok(())
    }

    pub(crate) fn conn(&self) -> &Connection {
        &self.inner
    }
}

fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

fn meta_text(conn: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    use rusqlite::OptionalExtension as _;
    conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

fn meta_number(conn: &Connection, key: &str) -> rusqlite::Result<u64> {
    Ok(meta_text(conn, key)?
        .and_then(|text| text.parse().ok())
        .unwrap_or(0))
}

fn meta_millis(conn: &Connection, key: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(meta_text(conn, key)?
        .and_then(|text| text.parse().ok())
        .map(Timestamp::from_millis))
}

fn put_meta(conn: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute((key, value))
    .map(drop)
}

/// A stream that goes on from `from`.
fn successor(agent_id: AgentId, from: StreamId) -> Head {
    Head::start(agent_id, clock::stream_id(), Some(from))
}

#[cfg(test)]
mod tests;
