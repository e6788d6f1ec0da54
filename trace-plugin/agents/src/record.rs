//! What was installed where: `installed.json`, which outlives the process that installed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;
use crate::plan::Takeout;

/// The version of the record that this program writes.
const VERSION: u32 = 1;
/// The record's name in smoltbot's home.
pub const FILE_NAME: &str = "installed.json";

/// Everything that `init` has put into this machine's agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The directories that were made for smoltbot's home, outermost first; empty when somebody else had made it.
    #[serde(default)]
    pub home_made: Vec<PathBuf>,
    /// By the agent's name.
    #[serde(default)]
    pub agents: BTreeMap<String, Installed>,
}

/// What was put into one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// RFC 3339.
    pub installed_at: String,
    /// What its hooks run.
    pub command: String,
    /// The program in that command.
    pub program: PathBuf,
    /// The files that were changed or made.
    pub files: Vec<InstalledFile>,
    /// When a harmless call was last seen to travel from its hook to a page, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven_at: Option<String>,
    /// What came of the last try to see that, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<Unproven>,
    /// The MCP servers that were wrapped, as they were when they were last asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<AskedServer>,
}

/// A try that did not see a call travel from a hook to a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproven {
    /// RFC 3339.
    pub at: String,
    /// For people, without secrets.
    pub reason: String,
}

/// A wrapped MCP server that was asked what it can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedServer {
    /// What its client calls it.
    pub name: String,
    /// The list that it stands in.
    pub file: PathBuf,
    /// When it was asked, RFC 3339.
    pub at: String,
    /// Why it could not say what it can do, for people, without secrets; none where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A file that was changed or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFile {
    /// As its agent knows it.
    pub path: PathBuf,
    /// Whether it was there before.
    pub existed: bool,
    /// What it held before, without anything of ours; below smoltbot's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
    /// What it held when we were done: whatever else it holds now, others wrote.
    pub sha256_after: String,
    /// The directories that were made for it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<PathBuf>,
    /// How ours is taken out when others have changed it since.
    pub takeout: Takeout,
}

/// Why the record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The record.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is not what we wrote.
    #[error(
        "{path} is damaged ({source}): what smoltbot put into other programs' settings is not known any more. Their contents before are in `backups/agents` beside it"
    )]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A newer program wrote it.
    #[error(
        "{path} has version {found}, this smoltbot knows {VERSION}: use the newer smoltbot again"
    )]
    Newer {
        /// The record.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It cannot be written.
    #[error("{0}")]
    NotWritten(String),
}

impl Default for Record {
    fn default() -> Self {
        Self {
            version: VERSION,
            home_made: Vec::new(),
            agents: BTreeMap::new(),
        }
    }
}

impl Record {
    /// Reads the record in smoltbot's `home`; none where nothing was ever installed.
    ///
    /// # Errors
    /// [`RecordError`] when there is one that cannot be used.
    pub fn load(home: &Path) -> Result<Option<Self>, RecordError> {
        let path = home.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Io { path, source }),
        };
        let record: Self = serde_json::from_str(&text).map_err(|source| RecordError::Damaged {
            path: path.clone(),
            source,
        })?;
        if record.version > VERSION {
            let found = record.version;
            return Err(RecordError::Newer { path, found });
        }
        Ok(Some(record))
    }

    /// Writes it into smoltbot's `home`, for its owner alone.
    ///
    /// # Errors
    /// [`RecordError::NotWritten`].
    pub fn save(&self, home: &Path) -> Result<(), RecordError> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| RecordError::NotWritten(error.to_string()))?;
        text.push('\n');
        files::write(&home.join(FILE_NAME), text.as_bytes(), true).map_err(RecordError::NotWritten)
    }

    /// What was put into the agent of that name.
    pub fn of(&self, agent: &str) -> Option<&Installed> {
        self.agents.get(agent)
    }
}
