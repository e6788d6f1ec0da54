//! Why there is no cluster.

use std::io;

/// What went wrong, and what helps.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server programs, or only old ones.
    #[error(
        "no Postgres 15 or newer was found ({looked}). On Debian or Ubuntu: apt-get install postgresql. \
         Elsewhere install Postgres' server programs and put them on the PATH, or name their directory in SMOLTBOT_POSTGRES"
    )]
    Missing {
        /// Where was looked, and what was there.
        looked: String,
    },
    /// Root has nobody to run the server as.
    #[error(
        "Postgres refuses to run as root, and there is no user `postgres`: make one, or run the tests as another user"
    )]
    NoUser,
    /// A program did not do its work.
    #[error("{what} failed: {output}")]
    Program {
        /// Which, doing what.
        what: String,
        /// What it said.
        output: String,
    },
    /// The server ended, or did not answer in time.
    #[error("Postgres did not start: {why}\nthe end of its log:\n{log}")]
    Start {
        /// Ended or late.
        why: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// Files, processes.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// How it failed.
        error: io::Error,
    },
}

/// Names what was tried.
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> ClusterError {
    let what = what.into();
    move |error| ClusterError::Io { what, error }
}
