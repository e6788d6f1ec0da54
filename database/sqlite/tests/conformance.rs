//! The suite of the ports, over SQLite.

#![allow(clippy::unwrap_used)] // A failed assertion is the message.

use tempfile::TempDir;
use trace_store_sqlite::SqliteStore;

#[allow(clippy::unused_async)] // Other stores are made by awaiting.
async fn empty() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("traces.db")).unwrap();
    (store, directory)
}

trace_store::conformance!(empty);
