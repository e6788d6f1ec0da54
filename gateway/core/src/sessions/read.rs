//! Reading conversations.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Past, Said, Session, Sessions, SessionsError};
use crate::limits::MAX_TITLE_CHARS;
use crate::model::{Message, Part, Role, Thinking, Usage};

/// Columns of a session in the order that [`session`] reads them in.
const COLUMNS: &str = "key, id, channel, label, model, thinking, created_at, updated_at, input_tokens, output_tokens, \
    cache_read_tokens, cache_write_tokens, (SELECT count(*) FROM message WHERE session = key), \
    (SELECT parts ->> '$[0].text' FROM message WHERE session = key ORDER BY id LIMIT 1)";

impl Sessions {
    /// What the model is sent of `key`; nothing of a session that is not there yet.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails or holds what is no message.
    pub async fn past(&self, key: &str) -> Result<Past, SessionsError> {
        let key = key.to_owned();
        self.with(move |db| {
            type Head = (Option<String>, i64, Option<String>, Option<String>);
            let head: Option<Head> = db
                .prepare_cached(
                    "SELECT summary, summarised_to, model, thinking FROM session WHERE key = ?1",
                )?
                .query_row([&key], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })
                .optional()?;
            let Some((summary, after, model, level)) = head else {
                return Ok(Past::default());
            };
            Ok(Past {
                summary,
                messages: said(db, &key, after, i64::MAX, u32::MAX)?,
                model,
                thinking: level.and_then(|level| thinking(&level)),
            })
        })
        .await
    }

    /// The last `limit` messages of `key` before message `before`, oldest first, whether the model is still sent them or not. The
    /// gateway's notes are left out: nobody said them; and so are the bytes of pictures, which [`Self::picture`] brings.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails or holds what is no message.
    pub async fn history(
        &self,
        key: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Said>, SessionsError> {
        let key = key.to_owned();
        self.with(move |db| {
            let mut all = said(db, &key, 0, before.unwrap_or(i64::MAX), limit)?;
            for one in &mut all {
                let parts = &mut one.message.parts;
                parts.retain(|part| !matches!(part, Part::Note { .. }));
                for part in parts {
                    if let Part::Image { data, .. } = part {
                        data.clear();
                    }
                }
            }
            Ok(all)
        })
        .await
    }

    /// The picture with that number, from 0, among those of message `id` of `key`: its media type, and its bytes in base64.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails or holds what is no message.
    pub async fn picture(
        &self,
        key: &str,
        id: i64,
        number: usize,
    ) -> Result<Option<(String, String)>, SessionsError> {
        let (key, before) = (key.to_owned(), id.saturating_add(1));
        self.with(move |db| {
            let found = said(db, &key, id.saturating_sub(1), before, 1)?.pop();
            let parts = found.into_iter().flat_map(|said| said.message.parts);
            let mut pictures = parts.filter_map(|part| match part {
                Part::Image { media_type, data } => Some((media_type, data)),
                _ => None,
            });
            Ok(pictures.nth(number))
        })
        .await
    }

    /// The session `key`.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn get(&self, key: &str) -> Result<Option<Session>, SessionsError> {
        let key = key.to_owned();
        self.with(move |db| {
            let found = db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM session WHERE key = ?1"))?
                .query_row([key], session)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// The sessions in which something was said last, at most `limit`.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn list(&self, limit: u32) -> Result<Vec<Session>, SessionsError> {
        self.with(move |db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM session ORDER BY updated_at DESC, key LIMIT ?1"
            ))?;
            let rows = statement.query_map([limit], session)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What is kept under `name` for the gateway as a whole.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn setting(&self, name: &'static str) -> Result<Option<String>, SessionsError> {
        self.with(move |db| {
            Ok(db
                .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()?)
        })
        .await
    }
}

fn said(
    db: &Connection,
    key: &str,
    after: i64,
    before: i64,
    limit: u32,
) -> Result<Vec<Said>, SessionsError> {
    let mut statement = db.prepare_cached(
        "SELECT id, run, at, role, parts FROM message WHERE session = ?1 AND id > ?2 AND id < ?3 \
         ORDER BY id DESC LIMIT ?4",
    )?;
    let rows = statement.query_map(params![key, after, before, limit], |row| {
        let (role, parts): (String, String) = (row.get(3)?, row.get(4)?);
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, role, parts))
    })?;
    let mut all = Vec::new();
    for row in rows {
        let (id, run_id, at, role, parts) = row?;
        let parts: Vec<Part> =
            serde_json::from_str(&parts).map_err(|error| SessionsError::Unreadable {
                id,
                problem: error.to_string(),
            })?;
        let role = if role == "assistant" {
            Role::Assistant
        } else {
            Role::User
        };
        all.push(Said {
            id,
            run_id,
            at,
            message: Message { role, parts },
        });
    }
    all.reverse();
    Ok(all)
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let level: Option<String> = row.get(5)?;
    Ok(Session {
        key: row.get(0)?,
        id: row.get(1)?,
        channel: row.get(2)?,
        label: row.get(3)?,
        title: row.get::<_, Option<String>>(13)?.map(|text| title(&text)),
        model: row.get(4)?,
        thinking: level.and_then(|level| thinking(&level)),
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        usage: Usage {
            input_tokens: row.get(8)?,
            output_tokens: row.get(9)?,
            cache_read_tokens: row.get(10)?,
            cache_write_tokens: row.get(11)?,
        },
        messages: row.get(12)?,
    })
}

fn thinking(name: &str) -> Option<Thinking> {
    Thinking::ALL.into_iter().find(|level| level.name() == name)
}

/// The first line, shortened.
fn title(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(MAX_TITLE_CHARS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
