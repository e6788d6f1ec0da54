//! Where the edge keeps traces: in a SQLite file, unless a URL says otherwise.

use std::path::PathBuf;

use anyhow::bail;
use smoltbot_config::{Config, Secret};

/// A database that was named; nothing is opened yet.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A URL, with its password.
    Postgres(Secret<String>),
}

impl Database {
    /// The one that `flag` names, else `edge.database_url`, else the file in the home.
    pub(crate) fn of(config: &Config, flag: Option<String>) -> anyhow::Result<Self> {
        let named = if flag.is_some() {
            "--database-url"
        } else {
            "edge.database_url"
        };
        let url = flag.map(Secret::new).or(config.edge.database_url.clone());
        let Some(url) = url else {
            return Ok(Self::Sqlite(config.home.edge_db()));
        };
        if let Some(path) = url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(path.into()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url));
        }
        // What was written may hold a password.
        bail!(
            "{named}: is no database URL: write sqlite:/path/to/edge.db or postgres://user@host/database"
        );
    }
}
