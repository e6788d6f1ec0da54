//! Keeping conversations.

use rusqlite::{OptionalExtension as _, TransactionBehavior, params};

use super::{Added, Patch, Sessions, SessionsError};
use crate::clock::{now_ms, unique};
use crate::limits::MAX_SESSIONS;
use crate::model::{Role, Thinking};

impl Sessions {
    /// Adds what one run said. The session begins with it if it is not there; the one that was silent longest goes when
    /// there are more than [`MAX_SESSIONS`].
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails; then nothing was added.
    pub async fn add(&self, added: Added) -> Result<(), SessionsError> {
        self.with(move |db| {
            let now = now_ms();
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            begin(&transaction, &added.key, &added.channel, now)?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO message (session, run, at, role, parts) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?;
                for message in &added.messages {
                    let role = match message.role {
                        Role::User => "user",
                        Role::Assistant => "assistant",
                    };
                    // Parts are plain data: they can always be written.
                    let parts = serde_json::to_string(&message.parts).unwrap_or_default();
                    insert.execute(params![added.key, added.run_id, now, role, parts])?;
                }
                transaction
                    .prepare_cached(
                        "UPDATE session SET updated_at = ?2, input_tokens = input_tokens + ?3, \
                         output_tokens = output_tokens + ?4, cache_read_tokens = cache_read_tokens + ?5, \
                         cache_write_tokens = cache_write_tokens + ?6 WHERE key = ?1",
                    )?
                    .execute(params![
                        added.key,
                        now,
                        added.usage.input_tokens,
                        added.usage.output_tokens,
                        added.usage.cache_read_tokens,
                        added.usage.cache_write_tokens
                    ])?;
            }
            transaction.commit()?;
            Ok(())
        })
        .await
    }

    /// Changes what a session is set to; it begins with it if it is not there.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn patch(&self, key: &str, channel: &str, patch: Patch) -> Result<(), SessionsError> {
        let (key, channel) = (key.to_owned(), channel.to_owned());
        self.with(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            begin(&transaction, &key, &channel, now_ms())?;
            let thinking = patch.thinking.map(|level| level.map(Thinking::name));
            for (column, value) in [
                ("label", patch.label.as_ref().map(Option::as_deref)),
                ("model", patch.model.as_ref().map(Option::as_deref)),
                ("thinking", thinking),
            ] {
                if let Some(value) = value {
                    transaction
                        .prepare_cached(&format!(
                            "UPDATE session SET {column} = ?2 WHERE key = ?1"
                        ))?
                        .execute(params![key, value])?;
                }
            }
            transaction.commit()?;
            Ok(())
        })
        .await
    }

    /// Begins `key` anew: what was said is gone, its settings stay. Tells its new id; nothing where there is no such session.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn reset(&self, key: &str) -> Result<Option<String>, SessionsError> {
        let key = key.to_owned();
        self.with(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM message WHERE session = ?1", [&key])?;
            let id = transaction
                .query_row(
                    "UPDATE session SET id = ?2, summary = NULL, summarised_to = 0, updated_at = ?3, input_tokens = 0, \
                     output_tokens = 0, cache_read_tokens = 0, cache_write_tokens = 0 WHERE key = ?1 RETURNING id",
                    params![key, unique().to_string(), now_ms()],
                    |row| row.get(0),
                )
                .optional()?;
            transaction.commit()?;
            Ok(id)
        })
        .await
    }

    /// Takes `key` away with everything that was said. False where there is no such session.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn delete(&self, key: &str) -> Result<bool, SessionsError> {
        let key = key.to_owned();
        self.with(move |db| Ok(db.execute("DELETE FROM session WHERE key = ?1", [key])? > 0))
            .await
    }

    /// Lets `summary` stand for everything up to message `to`. What another run summarised meanwhile is not taken back.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn summarise(
        &self,
        key: &str,
        to: i64,
        summary: String,
    ) -> Result<(), SessionsError> {
        let key = key.to_owned();
        self.with(move |db| {
            db.execute(
                "UPDATE session SET summary = ?3, summarised_to = ?2 WHERE key = ?1 AND summarised_to < ?2",
                params![key, to, summary],
            )?;
            Ok(())
        })
        .await
    }

    /// Keeps `value` under `name` for the gateway as a whole; nothing takes it away.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn set(
        &self,
        name: &'static str,
        value: Option<String>,
    ) -> Result<(), SessionsError> {
        self.with(move |db| {
            match value {
                Some(value) => db.execute(
                    "INSERT INTO setting (name, value) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    params![name, value],
                )?,
                None => db.execute("DELETE FROM setting WHERE name = ?1", [name])?,
            };
            Ok(())
        })
        .await
    }
}

/// Makes the session if it is not there, and room for it.
fn begin(
    transaction: &rusqlite::Transaction<'_>,
    key: &str,
    channel: &str,
    now: i64,
) -> rusqlite::Result<()> {
    let made = transaction
        .prepare_cached(
            "INSERT INTO session (key, id, channel, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4) \
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(params![key, unique().to_string(), channel, now])?;
    if made > 0 {
        transaction.execute(
            "DELETE FROM session WHERE key <> ?2 AND key IN \
             (SELECT key FROM session ORDER BY updated_at DESC LIMIT -1 OFFSET ?1)",
            params![MAX_SESSIONS, key],
        )?;
    }
    Ok(())
}
