//! The keys that `init` writes; the only part of `config.json` that a program writes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::home::Home;

/// Who the agent is, in the words that `config.json` has always used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityKeys {
    /// `agentId`: a UUID.
    pub agent_id: String,
    /// `createdAt`: RFC 3339.
    pub created_at: String,
    /// `version` of smoltbot that made it.
    pub version: String,
}

impl Home {
    /// Writes the identity's keys into `config.json` and leaves all others alone. The home is made if need be (0700), the
    /// file replaced in one step (0600); when nothing changes, nothing is written.
    ///
    /// # Errors
    /// [`ConfigError`] when the existing file is no JSON object, which is then left as it is, or on I/O.
    pub fn write_identity(&self, keys: &IdentityKeys) -> Result<(), ConfigError> {
        self.create()?;
        let path = self.config_file();
        let before = match fs::read_to_string(&path) {
            Ok(text) => crate::json_file::parse(&path, &text)?.0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(source) => {
                return Err(ConfigError::Io {
                    path,
                    what: "read",
                    source,
                });
            }
        };
        let mut after = before.clone();
        for (key, value) in [
            ("agentId", &keys.agent_id),
            ("createdAt", &keys.created_at),
            ("version", &keys.version),
        ] {
            after.insert(key.to_owned(), Value::from(value.as_str()));
        }
        if after == before {
            return Ok(());
        }
        // `to_string_pretty` of a map of values cannot fail; `{value:#}` is the same without the question.
        let text = format!("{:#}\n", Value::Object(after));
        let draft = self
            .path()
            .join(format!(".config.json.{}", std::process::id()));
        let written = write_private(&draft, &text).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|source| {
            // The draft is of no use to anyone; that it cannot be removed says no more than the error itself.
            let _ = fs::remove_file(&draft);
            ConfigError::Io {
                path,
                what: "write",
                source,
            }
        })
    }
}

fn write_private(path: &std::path::Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
