//! From SQLite's errors to the port's, with the file's name and what to do.

use std::path::Path;

use rusqlite::ErrorCode;
use trace_store::StoreError;

/// Says which file failed, how, and what helps.
pub(crate) fn store_error(path: &Path, error: &rusqlite::Error) -> StoreError {
    let file = path.display();
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            return StoreError::Failed(format!(
                "{file} is damaged or is no SQLite database ({error}); move it away together with its -wal and -shm \
                 files and start again with an empty one, or put a backup in its place"
            ));
        }
        Some(ErrorCode::DiskFull) => "free some space; nothing that was acknowledged is lost",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process holds it; try again, and if it stays so look for a hanging one"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "check that the file and its directory exist and can be written by this user"
        }
        Some(ErrorCode::SystemIoFailure) => "check the disk",
        _ => return StoreError::Failed(format!("{file}: {error}")),
    };
    StoreError::Unavailable(format!("{file}: {error}; {advice}"))
}

/// What the pool and the thread say when they are gone.
pub(crate) fn closed(path: &Path) -> StoreError {
    StoreError::Unavailable(format!("{} was closed", path.display()))
}
