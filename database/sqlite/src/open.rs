//! Opening the file: what kind it is, its schema, its settings.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use trace_store::StoreError;

use crate::error::store_error;

/// How long a process waits for another one that writes to the same file.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The schema that this program writes: the number of its migrations.
pub const SCHEMA_VERSION: i64 = 4;

/// Append-only: what was released is never changed, only followed.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/traces/sqlite/0001_traces.sql"),
    include_str!("../../migrations/traces/sqlite/0002_links.sql"),
    include_str!("../../migrations/traces/sqlite/0003_card_ids.sql"),
    include_str!("../../migrations/traces/sqlite/0004_losses.sql"),
];
/// `PRAGMA application_id` of our files, "sbtr": another program's database is never migrated.
const APPLICATION_ID: i64 = 0x7362_7472;
/// Pages that the writer keeps, in KiB.
const WRITER_CACHE_KIB: i64 = 2048;
/// Pages that each reader keeps, in KiB.
const READER_CACHE_KIB: i64 = 512;
/// The log is written back to the file when it has this many pages (of 4 KiB): 8 MiB.
const CHECKPOINT_PAGES: i64 = 2048;
/// Statements that a connection keeps prepared.
const CACHED_STATEMENTS: usize = 48;

/// Opens `path` for the writer; makes it, or brings it up to [`SCHEMA_VERSION`].
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let fail = |error: rusqlite::Error| store_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
    // Before anything is written: is it ours, and do we know it?
    check(&connection, path)?;
    write_ahead(&connection).map_err(fail)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(fail)?;
    connection
        .pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
        .map_err(fail)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
        .map_err(fail)?;
    connection
        .pragma_update(None, "journal_size_limit", 4 * CHECKPOINT_PAGES * 4096)
        .map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// Opens `path`, which the writer has made, for reading only.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(connection)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// The schema's version, once it is clear that the file is ours or empty.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let fail = |error: rusqlite::Error| store_error(path, &error);
    // Tables first: another process may be making the file, and commits its tables and these numbers at once. Whoever sees
    // the tables sees the numbers afterwards.
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(fail)?;
    let application = pragma(connection, "application_id").map_err(fail)?;
    let version = pragma(connection, "user_version").map_err(fail)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Failed(format!(
            "{} is a database of another program; name another file for the traces",
            path.display()
        )));
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Schema {
            found: version,
            known: SCHEMA_VERSION,
            advice: "A newer smoltbot wrote it: start that version, or name another file. Nothing was changed.",
        });
    }
    Ok(version)
}

/// Switches to WAL. Two processes that do so to a new file at once see each other as busy without SQLite's own waiting.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if check(connection, path)? == SCHEMA_VERSION {
        return Ok(());
    }
    let fail = |error: rusqlite::Error| store_error(path, &error);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    // Another process may have been faster; within the transaction the answer stands.
    let version = check(&transaction, path)?;
    let done = usize::try_from(version).unwrap_or(0);
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        tracing::info!(version = index + 1, file = %path.display(), "migrating the store");
        transaction.execute_batch(migration).map_err(fail)?;
    }
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
        .and_then(|()| transaction.commit())
        .map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_number_of_migrations() {
        assert_eq!(i64::try_from(MIGRATIONS.len()).unwrap(), SCHEMA_VERSION);
    }

    #[test]
    fn every_migration_file_is_embedded_in_order() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/traces/sqlite");
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert_eq!(files.len(), MIGRATIONS.len());
        for (index, (file, embedded)) in files.iter().zip(MIGRATIONS).enumerate() {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
            assert_eq!(std::fs::read_to_string(file).unwrap(), embedded);
        }
    }
}
