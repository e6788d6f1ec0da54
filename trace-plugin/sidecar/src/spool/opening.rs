//! Opening: the file, its schema, and what programs of other versions made of it.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use aap::AgentId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::aside::Beside;
use super::folding::Folding;
use super::{DEFAULT_MAX_BYTES, Loss, Spool, SpoolError, Use, meta_number, put_meta};

/// The oldest schema whose programs may write what this one writes, as `user_version` says. Raised only where an older program would
/// do harm.
pub(super) const PROGRAMS_SCHEMA: i64 = 2;
/// The schema that this program writes; in `meta`, where it is above [`PROGRAMS_SCHEMA`].
pub(super) const SCHEMA_VERSION: i64 = 3;
/// Its migrations, in order.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../../../../database/migrations/spool/sqlite/0001_spool.sql"),
    include_str!("../../../../database/migrations/spool/sqlite/0002_sessions.sql"),
    include_str!("../../../../database/migrations/spool/sqlite/0003_room.sql"),
];
/// What follows them in a file that this program makes.
const NEW_FILE: &str =
    include_str!("../../../../database/migrations/spool/sqlite/0004_links_of_new_files.sql");
/// Pages of cache, in KiB: a spool is read rarely.
const CACHE_KIB: i64 = 512;
/// A one-shot process that finds the WAL longer than this folds it into the file before it leaves: the next one must read
/// all of it, and 64 pages are read in tens of microseconds, a thousand in milliseconds.
pub(super) const ONE_SHOT_WAL_BYTES: u64 = 64 * 4096;
/// Where the WAL has that many pages, 16 MiB, a process that stays folds it in while it commits: no thread has come to an end behind it.
pub(super) const RESIDENT_WAL_PAGES: u32 = 4096;

/// Prepared statements that a connection keeps: all that a recorder uses over and over.
const STATEMENTS: usize = 48;

/// Which file a path named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(Option<(u64, u64)>);

impl FileId {
    pub(super) fn of(path: &Path) -> Self {
        let found = std::fs::metadata(path).ok();
        Self(found.map(|file| (file.dev(), file.ino())))
    }

    /// Whether the path names the same file as before.
    pub(super) fn is_still(self, path: &Path) -> bool {
        self == Self::of(path)
    }
}

/// The schema of a spool.
fn schema(conn: &Connection) -> rusqlite::Result<i64> {
    let version: i64 = conn.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    if version < PROGRAMS_SCHEMA {
        return Ok(version);
    }
    let told = i64::try_from(meta_number(conn, "schema")?).unwrap_or(i64::MAX);
    Ok(told.max(version))
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
        let conn = connect(path, patience, kind)?;
        let mut spool = Self {
            conn,
            path: path.to_owned(),
            agent_id,
            patience,
            kind,
            durable: None,
            max_bytes: DEFAULT_MAX_BYTES,
            file: FileId::of(path),
            beside: Beside::open(path),
            lost: Loss::default(),
            moved: true,
            folding: Folding::default(),
        };
        spool.migrate()?;
        Ok(spool)
    }

    /// Opens the spool of `agent_id` at `path` only to look at it, where it cannot be written: on a disk that is full or
    /// read-only, or under another user. The second value is false when what was written last could not be looked at.
    ///
    /// # Errors
    /// [`SpoolError`] names the file and what to do.
    pub fn open_to_look(
        path: &Path,
        agent_id: AgentId,
        patience: Duration,
    ) -> Result<(Self, bool), SpoolError> {
        let wrong = |source| SpoolError::of(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let look = |conn: Connection| -> rusqlite::Result<Connection> {
            conn.busy_timeout(patience)?;
            conn.query_row("SELECT count(*) FROM links", (), |_| Ok(()))?;
            Ok(conn)
        };
        let plain = Connection::open_with_flags(path, flags).and_then(look);
        let (conn, whole) = if let Ok(conn) = plain {
            (conn, true)
        } else {
            // Without a place for its index the log beside the file cannot be read: the file as it is, then.
            let uri = format!("file:{}?immutable=1", escaped(path));
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let conn = Connection::open_with_flags(uri, flags).and_then(look);
            (conn.map_err(wrong)?, false)
        };
        let spool = Self {
            conn,
            path: path.to_owned(),
            agent_id,
            patience,
            kind: Use::OneShot,
            durable: None,
            max_bytes: DEFAULT_MAX_BYTES,
            file: FileId::of(path),
            beside: Beside::open(path),
            lost: Loss::default(),
            moved: true,
            folding: Folding::default(),
        };
        Ok((spool, whole))
    }

    /// Goes on with the file that is there now, where another process has moved the one that was opened aside.
    ///
    /// # Errors
    /// [`SpoolError`]: the new one cannot be opened.
    pub fn follow(&mut self) -> Result<(), SpoolError> {
        if self.file.is_still(&self.path) {
            return Ok(());
        }
        tracing::warn!(path = %self.path.display(), "the spool was replaced by another; going on in that");
        self.conn = connect(&self.path, self.patience, self.kind)?;
        self.durable = None;
        self.file = FileId::of(&self.path);
        self.migrate()
    }

    fn migrate(&mut self) -> Result<(), SpoolError> {
        let path = self.path.clone();
        let wrong = |source| SpoolError::of(&path, source);
        let version: i64 = self
            .conn
            .query_row("PRAGMA user_version", (), |row| row.get(0))
            .map_err(wrong)?;
        if version > PROGRAMS_SCHEMA {
            return Err(SpoolError::Newer {
                path,
                found: version,
            });
        }
        self.conn
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .map_err(wrong)?;
        if schema(&self.conn).map_err(wrong)? >= SCHEMA_VERSION {
            return Ok(());
        }
        write_ahead(&mut self.conn, self.patience).map_err(wrong)?;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        // Another process may have been faster.
        let found = schema(&tx).map_err(wrong)?;
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            let to = i64::try_from(index + 1).unwrap_or(SCHEMA_VERSION);
            if to <= found {
                continue;
            }
            tx.execute_batch(migration).map_err(wrong)?;
            if to <= PROGRAMS_SCHEMA {
                tx.pragma_update(None, "user_version", to).map_err(wrong)?;
            } else {
                put_meta(&tx, "schema", &to.to_string()).map_err(wrong)?;
            }
        }
        if found == 0 {
            tx.execute_batch(NEW_FILE).map_err(wrong)?;
        }
        tx.commit().map_err(wrong)
    }
}

/// Makes the file one with a WAL: once for its life, a WAL stays one.
///
/// Where several processes find no file and each makes it, SQLite tells all but one that it is busy, at once and whatever
/// its timeout says: two of them that waited for each other would wait for ever. The lock of a transaction is waited for
/// in turn; whoever has had it looks again.
fn write_ahead(conn: &mut Connection, patience: Duration) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        let made = conn.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()));
        let busy = made
            .as_ref()
            .err()
            .and_then(rusqlite::Error::sqlite_error_code)
            == Some(ErrorCode::DatabaseBusy);
        if !busy || began.elapsed() >= patience {
            return made;
        }
        conn.transaction_with_behavior(TransactionBehavior::Immediate)?
            .rollback()?;
    }
}

/// A path as a URI has it.
pub(crate) fn escaped(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.fold(String::new(), |mut text, &byte| {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a text cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn connect(path: &Path, patience: Duration, kind: Use) -> Result<Connection, SpoolError> {
    let wrong = |source| SpoolError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(wrong)?;
    conn.busy_timeout(patience).map_err(wrong)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    let wal_pages = match kind {
        Use::OneShot => {
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map_err(wrong)?;
            0
        }
        Use::Resident => RESIDENT_WAL_PAGES,
    };
    let sql = format!("PRAGMA wal_autocheckpoint = {wal_pages}");
    conn.query_row(&sql, (), |_| Ok(())).map_err(wrong)?;
    Ok(conn)
}
