//! The queue of what goes to a receiver of OpenTelemetry as well: see [`crate::otlp`] for how it works.
//!
//! Its tables are there only where they are wanted, and are no part of the spool's schema: another version of this program
//! reads the spool with them or without.

use aap::Timestamp;
use aap::chain::Header;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use super::{Spool, SpoolError, not_json};

/// Bytes that may wait. What comes while they do is not queued, and counted.
pub const MAX_QUEUED_BYTES: u64 = 16 * 1024 * 1024;

/// The queue, what has become of it, and the trigger that fills it.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS otlp_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    header TEXT NOT NULL,
    document TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS otlp_state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    bytes INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    last_sent_at INTEGER,
    last_error TEXT
) STRICT;
INSERT OR IGNORE INTO otlp_state (one) VALUES (1);
";

/// Made anew each time, so that it is always this program's.
fn trigger() -> String {
    format!(
        "DROP TRIGGER IF EXISTS otlp_enqueue;
         CREATE TRIGGER otlp_enqueue AFTER INSERT ON links BEGIN
             INSERT INTO otlp_queue (header, document)
                 SELECT NEW.header, NEW.document FROM otlp_state WHERE bytes < {MAX_QUEUED_BYTES};
             UPDATE otlp_state SET
                 dropped = dropped + (bytes >= {MAX_QUEUED_BYTES}),
                 bytes = bytes + CASE WHEN bytes < {MAX_QUEUED_BYTES}
                     THEN octet_length(NEW.header) + coalesce(octet_length(NEW.document), 0) ELSE 0 END;
         END;"
    )
}

/// A link that waits to be sent as a span.
#[derive(Debug, Clone)]
pub struct QueuedSpan {
    /// Its place in the queue.
    pub id: i64,
    /// The link's header.
    pub header: Header,
    /// The AP-Trace, unless only the header is told.
    pub document: Option<Value>,
}

/// How the queue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanQueue {
    /// Spans that wait.
    pub waiting: u64,
    /// Spans that a receiver has taken.
    pub sent: u64,
    /// Spans that it would not take.
    pub rejected: u64,
    /// Calls that were recorded and not queued, because the queue was full.
    pub dropped: u64,
    /// When a receiver last took something.
    pub last_sent_at: Option<Timestamp>,
    /// Why it took nothing since.
    pub last_error: Option<String>,
}

fn has(conn: &Connection, kind: &str, name: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM sqlite_master WHERE type = ?1 AND name = ?2")?
        .exists((kind, name))
}

impl Spool {
    /// Queues what is recorded from now on.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn queue_spans(&self) -> Result<(), SpoolError> {
        self.read(|conn| {
            conn.execute_batch(&format!("BEGIN IMMEDIATE;{TABLES}{}COMMIT;", trigger()))
                .inspect_err(|_| {
                    // There is none where the first statement failed.
                    let _ = conn.execute_batch("ROLLBACK");
                })
        })
    }

    /// Queues nothing from now on; what waits goes with it.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn stop_queueing_spans(&self) -> Result<(), SpoolError> {
        self.read(|conn| {
            if !has(conn, "trigger", "otlp_enqueue")? {
                return Ok(());
            }
            conn.execute_batch(
                "DROP TRIGGER IF EXISTS otlp_enqueue;
                 DELETE FROM otlp_queue;
                 UPDATE otlp_state SET bytes = 0;",
            )
        })
    }

    /// The first of what waits.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn queued_spans(&self, most: usize) -> Result<Vec<QueuedSpan>, SpoolError> {
        self.read(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT id, header, document FROM otlp_queue ORDER BY id LIMIT ?1",
            )?;
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            let rows = rows.query_map([most], |row| {
                let header: String = row.get(1)?;
                let document: Option<String> = row.get(2)?;
                Ok(QueuedSpan {
                    id: row.get(0)?,
                    header: serde_json::from_str(&header).map_err(not_json)?,
                    document: document
                        .map(|text| serde_json::from_str(&text).map_err(not_json))
                        .transpose()?,
                })
            })?;
            rows.collect()
        })
    }

    /// Forgets what was sent; of these, `rejected` were not taken.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn sent_spans(
        &mut self,
        ids: &[i64],
        rejected: u64,
        now: Timestamp,
    ) -> Result<(), SpoolError> {
        self.transact(false, |tx| {
            let mut delete = tx.conn().prepare_cached(
                "DELETE FROM otlp_queue WHERE id = ?1
                 RETURNING octet_length(header) + coalesce(octet_length(document), 0)",
            )?;
            let (mut bytes, mut gone) = (0_u64, 0_u64);
            for id in ids {
                let freed: Option<u64> = delete.query_row([id], |row| row.get(0)).optional()?;
                gone += u64::from(freed.is_some());
                bytes += freed.unwrap_or_default();
            }
            tx.conn()
                .prepare_cached(
                    "UPDATE otlp_state SET bytes = max(0, bytes - ?1), sent = sent + ?2,
                     rejected = rejected + ?3, last_sent_at = ?4, last_error = NULL",
                )?
                .execute((bytes, gone.saturating_sub(rejected), rejected, now.millis()))
                .map(drop)
        })
    }

    /// Notes why nothing was taken.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn failed_spans(&mut self, why: &str) -> Result<(), SpoolError> {
        self.transact(false, |tx| {
            tx.conn()
                .prepare_cached("UPDATE otlp_state SET last_error = ?1")?
                .execute([why])
                .map(drop)
        })
    }

    /// How the queue stands; none where there never was one.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn span_queue(&self) -> Result<Option<SpanQueue>, SpoolError> {
        self.read(|conn| {
            if !has(conn, "table", "otlp_state")? {
                return Ok(None);
            }
            let mut state = conn.prepare_cached(
                "SELECT (SELECT count(*) FROM otlp_queue), sent, rejected, dropped, last_sent_at, last_error
                 FROM otlp_state",
            )?;
            state
                .query_row((), |row| {
                    Ok(SpanQueue {
                        waiting: row.get(0)?,
                        sent: row.get(1)?,
                        rejected: row.get(2)?,
                        dropped: row.get(3)?,
                        last_sent_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
                        last_error: row.get(5)?,
                    })
                })
                .optional()
        })
    }
}
