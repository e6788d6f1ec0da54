//! What waits for the edge, and what becomes of it.

use aap::batch::Item;
use aap::chain::{Digest, Header};
use aap::limits::MAX_BATCH_BYTES;
use aap::wire::StreamHead;
use aap::{StreamId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::value::RawValue;

use super::checked::{Checked, Row};
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

/// How many links wait.
pub(super) fn count(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT number FROM counts WHERE name = 'links'")?
        .query_row((), |row| row.get::<_, i64>(0))
        .map(|number| u64::try_from(number).unwrap_or(0))
}

/// A link that is what was committed.
#[derive(Debug)]
pub struct SoundLink {
    /// When it was accepted.
    pub at: Timestamp,
    /// Its header.
    pub header: Header,
    /// The header's digest.
    pub digest: Digest,
    /// The AP-Trace as JSON text; none when the content is held back.
    pub document: Option<String>,
}

/// The links as they are in the file, from the first on or from the one that follows `after`: without a gap, and no more bytes
/// than a batch takes.
fn run(
    conn: &Connection,
    after: Option<(StreamId, u64)>,
    most: usize,
) -> rusqlite::Result<Vec<Row>> {
    let (stream, seq) = if let Some((stream, seq)) = after {
        (stream.to_string(), seq.cast_signed())
    } else {
        // Which stream comes first does not matter: each is proven by itself.
        let first: Option<String> = conn
            .prepare_cached("SELECT stream FROM links LIMIT 1")?
            .query_row((), |row| row.get(0))
            .optional()?;
        let Some(stream) = first else {
            return Ok(Vec::new());
        };
        (stream, i64::MIN)
    };
    let mut rows = conn.prepare_cached(
        "SELECT stream, seq, at, header, document, digests FROM links WHERE stream = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    let rows = rows.query_map((stream, seq, most), Row::read)?;
    let mut run: Vec<Row> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += row.bytes();
        let follows = run.last().is_none_or(|before| before.seq + 1 == row.seq);
        if !follows || (bytes > MAX_BATCH_BYTES && !run.is_empty()) {
            break;
        }
        run.push(row);
    }
    Ok(run)
}

impl Spool {
    /// How much waits. The time is that of the oldest of the first `enough`: each look costs the same however many wait.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn waiting(&self, enough: usize) -> Result<Waiting, SpoolError> {
        self.read(|conn| {
            let oldest: Option<i64> = conn
                .prepare_cached("SELECT min(at) FROM (SELECT at FROM links LIMIT ?1)")?
                .query_row([u64::try_from(enough).unwrap_or(u64::MAX)], |row| {
                    row.get(0)
                })?;
            Ok(Waiting {
                count: if oldest.is_some() { count(conn)? } else { 0 },
                oldest: oldest.map(Timestamp::from_millis),
            })
        })
    }

    /// The first run of links without a gap, at most `most` and no more bytes than one batch may have; see [`Self::run_after`].
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn next_run(&self, most: usize) -> Result<Vec<WaitingLink>, SpoolError> {
        let links = self.run_after(None, most)?.into_iter();
        let waiting = links.map(|link| {
            let document = link.document.map(RawValue::from_string).transpose();
            Ok(WaitingLink {
                at: link.at,
                item: Item {
                    header: link.header,
                    document: document.map_err(not_json)?,
                },
            })
        });
        let waiting: rusqlite::Result<Vec<WaitingLink>> = waiting.collect();
        waiting.map_err(|source| SpoolError::of(&self.path, source))
    }

    /// A run of links without a gap, at most `most` and no more bytes than one batch may have: the first, or what follows the link
    /// `after`. Each is what was committed: a content that has changed on the disk is set aside, and its header goes in its place; a
    /// header that cannot be known any more is counted as lost.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn run_after(
        &self,
        after: Option<(StreamId, u64)>,
        most: usize,
    ) -> Result<Vec<SoundLink>, SpoolError> {
        loop {
            let rows = self.read(|conn| run(conn, after, most))?;
            let mut links: Vec<SoundLink> = Vec::with_capacity(rows.len());
            let mut wrong = Vec::new();
            for row in rows {
                match row.check() {
                    Checked::Sound(header, digest) => {
                        if links
                            .last()
                            .is_some_and(|before| before.digest != header.prev)
                        {
                            break; // Two runs, then: each is proven by itself.
                        }
                        links.push(SoundLink {
                            at: Timestamp::from_millis(row.at),
                            header,
                            digest,
                            document: row.into_document(),
                        });
                    }
                    found => wrong.push((row, found)),
                }
            }
            if wrong.is_empty() {
                return Ok(links);
            }
            self.mend(wrong)?;
        }
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
            .prepare_cached("DELETE FROM links WHERE stream = ?1 AND seq BETWEEN ?2 AND ?3")?;
        let follows = |a: &&Header, b: &&Header| a.stream == b.stream && a.seq + 1 == b.seq;
        for run in headers.chunk_by(follows) {
            let (first, last) = (run[0], run[run.len() - 1]);
            delete.execute((
                first.stream.to_string(),
                first.seq.cast_signed(),
                last.seq.cast_signed(),
            ))?;
        }
        if let Some(mut head) = Head::load(self.conn())? {
            let acked = headers
                .iter()
                .filter(|header| header.stream == head.stream)
                .map(|header| header.seq)
                .max();
            head.acked_seq = head.acked_seq.max(acked.unwrap_or(0));
            self.save(&head)?;
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
                "INSERT INTO quarantine (trace_id, at, reason, document, header) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (trace_id) DO UPDATE SET reason = excluded.reason, at = excluded.at,
                     document = coalesce(excluded.document, document), header = excluded.header",
            )?
            .execute((
                header.trace_id.to_string(),
                now.millis(),
                reason,
                item.document.as_ref().map(|document| document.get()),
                serde_json::to_string(header).map_err(not_json)?,
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
        self.rename_open_calls()?;
        self.save(&successor(self.agent_id, old.stream))?;
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
