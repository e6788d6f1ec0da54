//! Conversations, kept in one SQLite file.
//!
//! **In scope.** What was said in each session, its settings and what it cost; a summary in place of what is too long ago.
//! **Out of scope.** What was *done* is told by traces, which are `trace-plugin`'s; nothing here is evidence of anything. What
//! is kept here is what the model and the user need, unmasked, so it never leaves the machine: the file is its owner's alone.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use serde::Serialize;

use crate::model::{Message, Thinking, Usage};

mod open;
mod read;
mod write;

/// Why conversations cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// The file cannot be opened, or the disk fails.
    #[error("the gateway's database fails: {0}")]
    Database(#[from] rusqlite::Error),
    /// Written by a newer version.
    #[error(
        "the gateway's database is of version {found}, this program knows up to {known}: use a newer smoltbot, or another file"
    )]
    Newer {
        /// The file's.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Not ours at all.
    #[error("this file is another program's database")]
    Foreign,
    /// The file cannot be made its owner's alone, or its directory is missing.
    #[error("the gateway's database cannot be made: {0}")]
    File(#[from] std::io::Error),
    /// What is kept is no message.
    #[error("message {id} of the session cannot be read: {problem}")]
    Unreadable {
        /// The message.
        id: i64,
        /// What is wrong.
        problem: String,
    },
    /// The thread that reads and writes is gone.
    #[error("the gateway is stopping")]
    Stopping,
}

/// A conversation, without what was said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// What it is called by, `web:default` for instance.
    pub key: String,
    /// Its own id; a conversation that is begun anew gets another.
    pub id: String,
    /// The channel that it came by.
    pub channel: String,
    /// A name that a person gave it.
    pub label: Option<String>,
    /// What it began with, in at most [`crate::limits::MAX_TITLE_CHARS`] characters.
    pub title: Option<String>,
    /// The model that it uses, if not the default.
    pub model: Option<String>,
    /// How long the model thinks, if not the default.
    pub thinking: Option<Thinking>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When something was last said, in milliseconds since 1970.
    pub updated_at: i64,
    /// What it cost so far.
    pub usage: Usage,
    /// Messages that were said and are kept.
    pub messages: u64,
}

/// A message with its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// Rises from message to message.
    pub id: i64,
    /// The run that it belongs to.
    pub run_id: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The message.
    #[serde(flatten)]
    pub message: Message,
}

/// What the model is sent of a conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// What stands for everything before the messages.
    pub summary: Option<String>,
    /// The rest, oldest first.
    pub messages: Vec<Said>,
    /// The session's own model.
    pub model: Option<String>,
    /// The session's own level.
    pub thinking: Option<Thinking>,
}

/// What to change of a session; `None` leaves it, `Some(None)` takes it back to the default.
#[derive(Debug, Clone, PartialEq, Default)]
#[allow(
    clippy::option_option,
    reason = "leaving a value and taking it back are two things"
)]
pub struct Patch {
    /// The name.
    pub label: Option<Option<String>>,
    /// The model.
    pub model: Option<Option<String>>,
    /// The level.
    pub thinking: Option<Option<Thinking>>,
}

/// What one run adds to a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// The session.
    pub key: String,
    /// The channel, for a session that begins.
    pub channel: String,
    /// The run.
    pub run_id: String,
    /// What was said, oldest first.
    pub messages: Vec<Message>,
    /// What it cost.
    pub usage: Usage,
}

/// The conversations of one gateway. Clones share them.
#[derive(Clone)]
pub struct Sessions {
    connection: Arc<Mutex<Connection>>,
}

impl Sessions {
    /// Opens `path`, or makes it, its owner's alone.
    ///
    /// # Errors
    /// [`SessionsError`] says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, SessionsError> {
        Ok(Self::over(open::file(path)?))
    }

    /// Conversations that last as long as the process.
    ///
    /// # Errors
    /// [`SessionsError`] when SQLite fails.
    pub fn in_memory() -> Result<Self, SessionsError> {
        Ok(Self::over(open::memory()?))
    }

    fn over(connection: Connection) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
        }
    }

    /// Works with the database away from the event loop.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, SessionsError> + Send + 'static,
    ) -> Result<T, SessionsError> {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic while it was held left no transaction open: dropping one rolls it back.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .map_err(|_| SessionsError::Stopping)?
    }
}
