//! What waits for the edge, and what becomes of it.

use aap::Timestamp;
use aap::batch::Item;
use aap::chain::{Digest, Header};
use aap::wire::StreamHead;
use rusqlite::OptionalExtension as _;
use serde_json::value::RawValue;

use super::{Head, Prepared, Spool, SpoolError, Tx, not_json, put_meta, successor};

/// One link that waits.
#[derive(Debug, Clone)]
pub struct WaitingLink {
    /// When it was accepted.
    pub at: Timestamp,
    /// The link as it goes into a batch.
    pub item: Item,
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Links.
    pub count: u64,
    /// When the oldest was accepted.
    pub oldest: Option<Timestamp>,
}

impl Spool {
    /// How much waits, counting no further than `enough`.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn waiting(&self, enough: usize) -> Result<Waiting, SpoolError> {
        self.read(|conn| {
            conn.prepare_cached("SELECT count(*), min(at) FROM (SELECT at FROM links LIMIT ?1)")?
                .query_row([u64::try_from(enough).unwrap_or(u64::MAX)], |row| {
                    Ok(Waiting {
                        count: row.get(0)?,
                        oldest: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis),
                    })
                })
        })
    }

    /// The first run of links without a gap, at most `most`.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn next_run(&self, most: usize) -> Result<Vec<WaitingLink>, SpoolError> {
        self.read(|conn| {
            // Which stream comes first does not matter: each is proven by itself.
            let stream: Option<String> = conn
                .prepare_cached("SELECT stream FROM links LIMIT 1")?
                .query_row((), |row| row.get(0))
                .optional()?;
            let Some(stream) = stream else {
                return Ok(Vec::new());
            };
            let mut rows = conn.prepare_cached(
                "SELECT at, header, document FROM links WHERE stream = ?1 ORDER BY seq LIMIT ?2",
            )?;
            let rows =
                rows.query_map((stream, u64::try_from(most).unwrap_or(u64::MAX)), |row| {
                    let header: String = row.get(1)?;
                    let document: Option<String> = row.get(2)?;
                    Ok(WaitingLink {
                        at: Timestamp::from_millis(row.get(0)?),
                        item: Item {
                            header: serde_json::from_str(&header).map_err(not_json)?,
                            document: document
                                .map(|text| RawValue::from_string(text).map_err(not_json))
                                .transpose()?,
                        },
                    })
                })?;
            let mut run: Vec<WaitingLink> = Vec::new();
            for link in rows {
                let link = link?;
                if run
                    .last()
                    .is_some_and(|before| before.item.header.seq + 1 != link.item.header.seq)
                {
                    break;
                }
                run.push(link);
            }
            Ok(run)
        })
    }

    /// Where the chain stands; none before the first trace.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn head(&self) -> Result<Option<Head>, SpoolError> {
        self.read(Head::load)
    }

    /// Whether the edge knows a future of our stream that this spool does not: it was restored from a backup, or copied.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn is_behind(&self, known: &[StreamHead]) -> Result<bool, SpoolError> {
        let Some(head) = self.head()? else {
            return Ok(false);
        };
        let Some(edge) = known.iter().find(|edge| edge.stream == head.stream) else {
            return Ok(false);
        };
        if edge.seq <= head.acked_seq {
            return Ok(false);
        }
        Ok(self.digest_of(&head, edge.seq)? != Some(edge.digest))
    }

    fn digest_of(&self, head: &Head, seq: u64) -> Result<Option<Digest>, SpoolError> {
        self.read(|conn| {
            let header: Option<String> = conn
                .prepare_cached("SELECT header FROM links WHERE stream = ?1 AND seq = ?2")?
                .query_row((head.stream.to_string(), seq.cast_signed()), |row| {
                    row.get(0)
                })
                .optional()?;
            let header: Option<Header> = header
                .map(|text| serde_json::from_str(&text).map_err(not_json))
                .transpose()?;
            Ok(header.map(|header| header.digest()))
        })
    }
}

impl Tx<'_> {
    /// Lets go of what the edge has named as stored or known.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn acknowledge(&self, headers: &[&Header], now: Timestamp) -> rusqlite::Result<()> {
        let mut delete = self
            .conn()
            .prepare_cached("DELETE FROM links WHERE stream = ?1 AND seq = ?2")?;
        for header in headers {
            delete.execute((header.stream.to_string(), header.seq.cast_signed()))?;
        }
        if let Some(mut head) = Head::load(self.conn())? {
            let acked = headers
                .iter()
                .filter(|header| header.stream == head.stream)
                .map(|header| header.seq)
                .max();
            head.acked_seq = head.acked_seq.max(acked.unwrap_or(0));
            head.save(self.conn())?;
        }
        put_meta(self.conn(), "last_ack_at", &now.millis().to_string())
    }

    /// Sets a content aside that the edge will not take. Its header goes on in its place, so that the chain stays whole;
    /// if the edge would not take the header either, the link itself is given up and the gap shows.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn quarantine(&self, item: &Item, reason: &str, now: Timestamp) -> rusqlite::Result<()> {
        let header = &item.header;
        let place = (header.stream.to_string(), header.seq.cast_signed());
        self.conn()
            .prepare_cached(
                "INSERT INTO quarantine (trace_id, at, reason, document) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (trace_id) DO UPDATE SET reason = excluded.reason, at = excluded.at,
                     document = coalesce(excluded.document, document)",
            )?
            .execute((
                header.trace_id.to_string(),
                now.millis(),
                reason,
                item.document.as_ref().map(|document| document.get()),
            ))?;
        let sql = if item.document.is_some() {
            "UPDATE links SET document = NULL WHERE stream = ?1 AND seq = ?2"
        } else {
            "DELETE FROM links WHERE stream = ?1 AND seq = ?2"
        };
        self.conn().prepare_cached(sql)?.execute(place).map(drop)
    }

    /// Opens a new stream that names the present one, and moves what waits over to it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open_new_stream(&self) -> rusqlite::Result<()> {
        let Some(old) = Head::load(self.conn())? else {
            return Ok(());
        };
        let waiting: Vec<(i64, String, Option<String>)> = {
            let mut rows = self.conn().prepare(
                "SELECT seq, header, document FROM links WHERE stream = ?1 ORDER BY seq",
            )?;
            let rows = rows.query_map([old.stream.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        successor(self.agent_id, old.stream).save(self.conn())?;
        self.conn().execute(
            "DELETE FROM links WHERE stream = ?1",
            [old.stream.to_string()],
        )?;
        let mut moved = Vec::with_capacity(waiting.len());
        for (_, header, document) in waiting {
            let header: Header = serde_json::from_str(&header).map_err(not_json)?;
            // A header without content cannot be linked anew: its commitment is to a content that is not here.
            if let Some(document) = document {
                moved.push(Prepared::relink(&header, &document).map_err(not_json)?);
            }
        }
        self.append(moved).map(drop)
    }
}
