//! What sessions have read that is secret: the next call of the session is judged with that in mind, by whichever process.

use std::time::Duration;

use aap::Timestamp;
use conscience::limits::MAX_SESSION_SECRETS;
use redact::Redacted;
use rusqlite::Connection;

use super::{Spool, SpoolError, Tx};
use crate::event::SessionKey;

/// How long it is remembered after the last reading: 30 days. Sessions are resumed after days, hardly after months.
pub const REMEMBER_SESSIONS: Duration = Duration::from_hours(30 * 24);
/// How many secrets of all sessions together are remembered, the newest ones: a few MB at most.
pub const MAX_REMEMBERED: usize = 10_000;
/// Characters of one secret's name that are kept.
pub const MAX_SECRET_CHARS: usize = 256;

fn read(conn: &Connection, session: &SessionKey) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached(
        "SELECT secret FROM session_secrets WHERE session = ?1 ORDER BY at, secret",
    )?
    .query_map([session.as_str()], |row| row.get(0))?
    .collect()
}

impl Spool {
    /// What `session` has read that is secret, newest last.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn secrets_read(&self, session: &SessionKey) -> Result<Vec<String>, SpoolError> {
        self.read(|conn| read(conn, session))
    }

    /// What the sessions of all runtimes have read that is secret, newest last.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn all_secrets_read(&self) -> Result<Vec<(SessionKey, String)>, SpoolError> {
        self.read(|conn| {
            conn.prepare("SELECT session, secret FROM session_secrets ORDER BY at, secret")?
                .query_map((), |row| Ok((SessionKey::kept(row.get(0)?), row.get(1)?)))?
                .collect()
        })
    }
}

impl Tx<'_> {
    /// What `session` has read that is secret, newest last.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn secrets_read(&self, session: &SessionKey) -> rusqlite::Result<Vec<String>> {
        read(self.conn(), session)
    }

    /// Remembers what `session` has read at `at`, and forgets what is too old or too much.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn remember(
        &self,
        session: &SessionKey,
        secrets: Redacted<Vec<String>>,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let conn = self.conn();
        let mut insert = conn.prepare_cached(
            "INSERT INTO session_secrets (session, secret, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (session, secret) DO UPDATE SET at = max(at, excluded.at)",
        )?;
        for secret in secrets.into_inner() {
            let secret: String = secret.chars().take(MAX_SECRET_CHARS).collect();
            insert.execute((session.as_str(), secret, at.millis()))?;
        }
        let age = i64::try_from(REMEMBER_SESSIONS.as_millis()).unwrap_or(i64::MAX);
        conn.prepare_cached("DELETE FROM session_secrets WHERE at < ?1")?
            .execute([at.millis().saturating_sub(age)])?;
        conn.prepare_cached(
            "DELETE FROM session_secrets WHERE session = ?1 AND secret NOT IN
                 (SELECT secret FROM session_secrets WHERE session = ?1 ORDER BY at DESC, secret DESC LIMIT ?2)",
        )?
        .execute((session.as_str(), MAX_SESSION_SECRETS))?;
        conn.prepare_cached(
            "DELETE FROM session_secrets WHERE at < coalesce(
                 (SELECT at FROM session_secrets ORDER BY at DESC LIMIT 1 OFFSET ?1), ?2)",
        )?
        .execute((MAX_REMEMBERED - 1, i64::MIN))
        .map(drop)
    }
}
