//! Where the edge keeps traces: in a SQLite file, unless a URL says otherwise.

use std::path::PathBuf;

use smoltbot_config::{Config, ConfigError, Secret};
use trace_store::StoreError;
use trace_store_postgres::Server;

use crate::settings::{self, Faults};

/// The key that names it.
const KEY: &str = "edge.database_url";
/// The flag that goes before the key.
const FLAG: &str = "--database-url";

/// A database that was named; nothing is opened yet.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A URL, with its password.
    Postgres(Secret<String>),
}

impl Database {
    /// The one that `flag` names, else `edge.database_url`, else the file in the home. It need not be there yet.
    ///
    /// # Errors
    /// What was written is no database's URL, or the file's directory is none.
    pub(crate) fn of(config: &Config, flag: Option<String>) -> Result<Self, Faults> {
        // What was written may hold a password.
        let by_flag = flag.is_some();
        let wrong = |problem: String| {
            if by_flag {
                let key = FLAG.to_owned();
                return ConfigError::Key { key, problem };
            }
            config.fault(KEY, problem)
        };
        let url = flag.map(Secret::new);
        let Some(url) = url.or(config.edge.database_url.clone()) else {
            return Ok(Self::Sqlite(config.home.edge_db()));
        };
        if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            settings::file(&path).map_err(wrong)?;
            return Ok(Self::Sqlite(path));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Server::parse(url.expose()).map_err(|error| match error {
                StoreError::Failed(problem) => wrong(problem),
                other => wrong(other.to_string()),
            })?;
            return Ok(Self::Postgres(url));
        }
        let problem =
            "is no database URL: write sqlite:/path/to/edge.db or postgres://user@host/database";
        Err(wrong(problem.to_owned()).into())
    }
}
