//! Opening the file.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::SessionsError;

/// The schema that this program writes: the number of its migrations.
const SCHEMA_VERSION: i64 = 1;
/// Append-only: what was released is never changed, only followed.
const MIGRATIONS: [&str; 1] = [include_str!(
    "../../../../database/migrations/gateway/sqlite/0001_sessions.sql"
)];
/// `PRAGMA application_id` of our files, "sbgw": another program's database is never migrated.
const APPLICATION_ID: i64 = 0x7362_6777;
/// How long a process waits for another one that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages that are kept, in KiB: conversations are read once a message.
const CACHE_KIB: i64 = 512;
/// Statements that are kept prepared.
const CACHED_STATEMENTS: usize = 24;

pub(super) fn file(path: &Path) -> Result<Connection, SessionsError> {
    // SQLite would make it readable by whom the umask lets.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Before anything is written: is it ours?
    version(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What was said last may be lost with the power; what was done is in the spool.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    ready(connection)
}

pub(super) fn memory() -> Result<Connection, SessionsError> {
    ready(Connection::open_in_memory()?)
}

fn ready(mut connection: Connection) -> Result<Connection, SessionsError> {
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    if version(&connection)? < SCHEMA_VERSION {
        migrate(&mut connection)?;
    }
    Ok(connection)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// The schema's version, once it is clear that the file is ours or empty.
fn version(connection: &Connection) -> Result<i64, SessionsError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found = pragma(connection, "user_version")?;
    if tables > 0 && pragma(connection, "application_id")? != APPLICATION_ID {
        return Err(SessionsError::Foreign);
    }
    if found > SCHEMA_VERSION {
        return Err(SessionsError::Newer {
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection) -> Result<(), SessionsError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been quicker.
    let found = version(&transaction)?;
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(found).unwrap_or_default())
    {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}
