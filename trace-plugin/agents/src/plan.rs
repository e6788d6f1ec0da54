//! What an installation would change, before anything is changed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::json::Undo;
use crate::machine::Version;

/// What would be done for one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Where the agent keeps its settings: nowhere when it is not on this machine.
    pub places: Vec<PathBuf>,
    /// Its version, where it could be read.
    pub version: Option<Version>,
    /// What its hooks run.
    pub command: String,
    /// The program in that command.
    pub program: PathBuf,
    /// The files that would change.
    pub changes: Vec<Change>,
    /// The plugin that an agent loads, where it has no command hooks.
    pub plugin: Option<PathBuf>,
    /// Why nothing can be installed.
    pub obstacle: Option<String>,
    /// What a person must still do, for without it the hooks are not run.
    pub advice: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A file that would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file as its agent knows it; it may be a symlink.
    pub path: PathBuf,
    /// What it holds; none where it does not exist.
    pub before: Option<String>,
    /// What it would hold.
    pub after: String,
    /// How ours is taken out when others have changed the file since.
    pub takeout: Takeout,
}

/// How ours is taken out of a file that others have changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Takeout {
    /// By an edit of JSON.
    Json(Undo),
    /// The lines between two marks.
    Block,
    /// The servers that go through `mcp-proxy` run by themselves again.
    Mcp {
        /// The program that wraps them.
        program: String,
        /// Those that had no arguments.
        bare: Vec<Vec<String>>,
    },
    /// The whole file is ours.
    File,
}

/// The agent's settings as they are.
///
/// # Errors
/// In words: the file cannot be read, or is no text.
pub(crate) fn settings(path: &Path) -> Result<Option<String>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if path.is_symlink() {
                return Err(format!(
                    "{} is a symlink to a file that does not exist",
                    path.display()
                ));
            }
            return Ok(None);
        }
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => Err(format!(
            "{} is not UTF-8: byte {} cannot be read; nothing was changed",
            path.display(),
            error.utf8_error().valid_up_to()
        )),
    }
}
