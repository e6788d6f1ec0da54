//! The suite of the ports, over SQLite.

use tempfile::TempDir;
use trace_store_sqlite::SqliteStore;

async fn empty() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("traces.db")).unwrap();
    (store, directory)
}

trace_store::conformance!(empty);
