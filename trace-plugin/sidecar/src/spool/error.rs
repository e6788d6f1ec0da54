//! Why the spool did not take or give something, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::PROGRAMS_SCHEMA;

/// Why the spool did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A newer program wrote it.
    #[error(
        "{path} has schema version {found}, this smoltbot knows {PROGRAMS_SCHEMA}: use the newer smoltbot again, nothing was changed"
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
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
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
