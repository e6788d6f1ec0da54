//! The spool: where a trace is safe before anyone is told so.
//!
//! One SQLite file (WAL) per identity, shared by every process that records for it. The chain is made here: a transaction
//! gives each trace its seq and the digest of the one before. Only masked content comes in, as `Redacted<…>`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aap::{AgentId, StreamId, Timestamp, TraceId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::clock;

mod calls;
mod head;
mod links;
mod prepared;
mod sessions;

pub use calls::{CallRow, CallState, PendingCall};
pub use head::Head;
pub use links::{Waiting, WaitingLink};
pub use prepared::{NotPrepared, Prepared};
pub use sessions::{MAX_REMEMBERED, MAX_SECRET_CHARS, REMEMBER_SESSIONS};

/// The schema that this program writes.
const SCHEMA_VERSION: i64 = 2;
/// Its migrations, in order.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../../database/migrations/spool/sqlite/0001_spool.sql"),
    include_str!("../../../database/migrations/spool/sqlite/0002_sessions.sql"),
];
/// Pages of cache, in KiB: a spool is read rarely.
const CACHE_KIB: i64 = 512;
/// A one-shot process that finds the WAL longer than this folds it into the file before it leaves: the next one must read
/// all of it, and 64 pages are read in tens of microseconds, a thousand in milliseconds.
const ONE_SHOT_WAL_BYTES: u64 = 64 * 4096;

/// Why the spool did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A newer program wrote it.
    #[error(
        "{path} has schema version {found}, this smoltbot knows {SCHEMA_VERSION}: use the newer smoltbot again, nothing was changed"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// It is not a spool.
    #[error(
        "{path} is damaged or not a spool ({source}): move it away (`mv` keeps what is in it) and a new one is made"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The directory or the file cannot be written.
    #[error(
        "{path} cannot be written ({source}): check its owner and that its disk is not read-only"
    )]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// No room on the disk.
    #[error(
        "{path} has no room left ({source}): free some space; what is not recorded meanwhile is counted"
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Another process held it for longer than we may wait.
    #[error("{path} is busy: another process has been writing to it for too long")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// There is none, since it could not be opened.
    #[error("{0}")]
    Absent(String),
    /// The recorder's thread could not be started.
    #[error("no thread to record into {path}: {source}")]
    NoThread {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Anything else.
    #[error("{path}: {source}")]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

impl SpoolError {
    fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path, source }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::NotWritable { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Other { path, source },
        }
    }
}

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
    kind: Use,
    durable: Option<bool>,
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.kind == Use::Resident {
            return; // SQLite folds the WAL in by itself, as it grows and when the last one closes.
        }
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        if std::fs::metadata(wal).is_ok_and(|wal| wal.len() > ONE_SHOT_WAL_BYTES) {
            // Where others are at it, they will; nothing waits for this, and nothing is lost without it.
            let _ = self.conn.busy_timeout(Duration::ZERO);
            let _ = self
                .conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        }
    }
}

impl Spool {
    /// Opens the spool of `agent_id` at `path`, makes it if there is none, and waits at most `patience` for others.
    ///
    /// # Errors
    /// [`SpoolError`] names the file and what to do. Nothing is changed then.
    pub fn open(
        path: &Path,
        agent_id: AgentId,
        patience: Duration,
        kind: Use,
    ) -> Result<Self, SpoolError> {
        let wrong = |source| SpoolError::of(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(wrong)?;
        conn.busy_timeout(patience).map_err(wrong)?;
        if kind == Use::OneShot {
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map_err(wrong)?;
            conn.query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(()))
                .map_err(wrong)?;
        }
        let mut spool = Self {
            conn,
            path: path.to_owned(),
            agent_id,
            kind,
            durable: None,
        };
        spool.migrate()?;
        Ok(spool)
    }

    fn migrate(&mut self) -> Result<(), SpoolError> {
        let path = self.path.clone();
        let wrong = |source| SpoolError::of(&path, source);
        let version = |conn: &Connection| {
            conn.query_row("PRAGMA user_version", (), |row| row.get::<_, i64>(0))
        };
        let found = version(&self.conn).map_err(wrong)?;
        if found > SCHEMA_VERSION {
            return Err(SpoolError::Newer { path, found });
        }
        self.conn
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .map_err(wrong)?;
        if found == SCHEMA_VERSION {
            return Ok(());
        }
        // Once for the file's life; a WAL stays one.
        self.conn
            .query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
            .map_err(wrong)?;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        // Another process may have been faster.
        let found = version(&tx).map_err(wrong)?;
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            let to = i64::try_from(index + 1).unwrap_or(SCHEMA_VERSION);
            if to > found {
                tx.execute_batch(migration).map_err(wrong)?;
                tx.pragma_update(None, "user_version", to).map_err(wrong)?;
            }
        }
        tx.commit().map_err(wrong)
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
        let path = self.path.clone();
        self.transact_raw(durable, work)
            .map_err(|source| SpoolError::of(&path, source))
    }

    fn transact_raw<T>(
        &mut self,
        durable: bool,
        work: impl FnOnce(&Tx<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if self.durable != Some(durable) {
            self.conn.pragma_update(
                None,
                "synchronous",
                if durable { "FULL" } else { "NORMAL" },
            )?;
            self.durable = Some(durable);
        }
        let agent_id = self.agent_id;
        let inner = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tx = Tx { inner, agent_id };
        let done = work(&tx)?;
        tx.inner.commit()?;
        Ok(done)
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

    /// What waits, what was set aside and what was lost.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn depth(&self) -> Result<Depth, SpoolError> {
        self.read(|conn| {
            let count = |sql: &str| conn.query_row(sql, (), |row| row.get::<_, u64>(0));
            Ok(Depth {
                waiting: count("SELECT count(*) FROM links")?,
                quarantined: count("SELECT count(*) FROM quarantine")?,
                dropped: meta_number(conn, "dropped")?,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Links that wait for the edge.
    pub waiting: u64,
    /// Contents that the edge would not take.
    pub quarantined: u64,
    /// Calls that could not be recorded.
    pub dropped: u64,
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
}

impl Tx<'_> {
    /// Gives each trace its place in the chain and keeps it until the edge has it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn append(&self, traces: Vec<Prepared>) -> rusqlite::Result<Vec<TraceId>> {
        let mut head = Head::load(&self.inner)?
            .unwrap_or_else(|| Head::start(self.agent_id, clock::stream_id(), None));
        let now = clock::now();
        let mut ids = Vec::with_capacity(traces.len());
        let mut insert = self.inner.prepare_cached(
            "INSERT INTO links (stream, seq, at, header, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for trace in traces {
            let (header, document) = trace.link(&mut head);
            ids.push(header.trace_id);
            insert.execute((
                header.stream.to_string(),
                header.seq.cast_signed(),
                now.millis(),
                serde_json::to_string(&header).map_err(not_json)?,
                document,
            ))?;
        }
        head.save(&self.inner)?;
        Ok(ids)
    }

    /// Counts calls that could not be recorded.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_dropped(&self, calls: u64) -> rusqlite::Result<()> {
        let before = meta_number(&self.inner, "dropped")?;
        put_meta(&self.inner, "dropped", &(before + calls).to_string())
    }

    /// Notes that `agent`'s hook was heard at `at`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn heard(&self, agent: &str, at: Timestamp) -> rusqlite::Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO agents (name, last_event_at) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET last_event_at = max(last_event_at, excluded.last_event_at)",
            )?
            .execute((agent, at.millis()))
            .map(drop)
    }

    fn conn(&self) -> &Connection {
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
