//! Contents that the edge would not take, or that were damaged: people look at them, have them sent once more, or let go of them.

use aap::chain::Header;
use aap::{Timestamp, TraceId};
use rusqlite::OptionalExtension as _;

use super::checked::{digests, header_of};
use super::{Loss, Lost, Spool, SpoolError, Tx, Why, not_json};

/// Traces of one transaction: others write in between.
const AT_ONCE: usize = 200;

/// One content that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The trace.
    pub trace_id: TraceId,
    /// When it was set aside.
    pub at: Timestamp,
    /// Why, in the edge's words or ours.
    pub reason: String,
    /// The link's header, where it is known.
    pub header: Option<Header>,
    /// Bytes of the content; none where only the header was there, or the content had to make room.
    pub bytes: Option<u64>,
}

/// What became of one that was to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It waits for the edge again, with its content.
    Waiting,
    /// There is no such trace in the quarantine.
    Unknown,
    /// Its content is gone; the header has been sent in its place.
    Gone,
    /// What is there is not what was recorded, and cannot be proven.
    Unprovable,
}

/// What was let go of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// The content; its place in the chain stands.
    Content,
    /// There is no such trace in the quarantine.
    Unknown,
}

impl Spool {
    /// What was set aside, the oldest first.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, SpoolError> {
        self.read(|conn| {
            let mut rows = conn.prepare(
                "SELECT trace_id, at, reason, header, octet_length(document) FROM quarantine ORDER BY at, trace_id",
            )?;
            let rows = rows.query_map((), |row| {
                let id: String = row.get(0)?;
                let header: Option<String> = row.get(3)?;
                Ok(id.parse().ok().map(|trace_id| Quarantined {
                    trace_id,
                    at: Timestamp::from_millis(row.get(1).unwrap_or_default()),
                    reason: row.get(2).unwrap_or_default(),
                    header: header.and_then(|text| serde_json::from_str(&text).ok()),
                    bytes: row.get(4).unwrap_or_default(),
                }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Has each of these sent once more, see [`Tx::retry`].
    ///
    /// # Errors
    /// [`SpoolError`]; those before it wait again.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method of a type with a lifetime is not general enough"
    )]
    pub fn retry_quarantined(
        &mut self,
        ids: &[TraceId],
    ) -> Result<Vec<(TraceId, Retried)>, SpoolError> {
        self.for_each(ids, |tx, id| tx.retry(id))
    }

    /// Lets go of each of these, and counts that.
    ///
    /// # Errors
    /// [`SpoolError`]; those before it are gone.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method of a type with a lifetime is not general enough"
    )]
    pub fn drop_quarantined(
        &mut self,
        ids: &[TraceId],
    ) -> Result<Vec<(TraceId, Dropped)>, SpoolError> {
        self.for_each(ids, |tx, id| tx.drop_quarantined(id))
    }

    fn for_each<T>(
        &mut self,
        ids: &[TraceId],
        work: impl Fn(&Tx<'_>, TraceId) -> rusqlite::Result<T>,
    ) -> Result<Vec<(TraceId, T)>, SpoolError> {
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            all.extend(self.transact(true, |tx| {
                let done = ids.iter().map(|id| Ok((*id, work(tx, *id)?)));
                done.collect::<rusqlite::Result<Vec<_>>>()
            })?);
        }
        Ok(all)
    }
}

impl Tx<'_> {
    /// Puts a content back where it came from, so that it is sent once more: the edge fills it in where it has only the header, and
    /// takes both where it has neither.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn retry(&self, id: TraceId) -> rusqlite::Result<Retried> {
        let row: Option<(Option<String>, Option<String>, i64)> = self
            .conn()
            .prepare_cached("SELECT document, header, at FROM quarantine WHERE trace_id = ?1")?
            .query_row([id.to_string()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((document, header, at)) = row else {
            return Ok(Retried::Unknown);
        };
        let Some(document) = document else {
            return Ok(Retried::Gone);
        };
        let told = header_of(&document);
        let kept = header.and_then(|text| serde_json::from_str::<Header>(&text).ok());
        let Some(header) = told.filter(|told| kept.is_none_or(|kept| kept == *told)) else {
            return Ok(Retried::Unprovable);
        };
        let sums = digests(&header.digest(), Some(&document));
        self.conn()
            .prepare_cached(
                "INSERT INTO links (stream, seq, at, header, document, digests) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (stream, seq) DO UPDATE SET document = excluded.document, digests = excluded.digests",
            )?
            .execute((
                header.stream.to_string(),
                header.seq.cast_signed(),
                at,
                serde_json::to_string(&header).map_err(not_json)?,
                document,
                sums,
            ))?;
        self.forget_quarantined(id)?;
        Ok(Retried::Waiting)
    }

    /// Lets go of a content for good, and counts that, so that a record tells it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn drop_quarantined(&self, id: TraceId) -> rusqlite::Result<Dropped> {
        if self.forget_quarantined(id)? == 0 {
            return Ok(Dropped::Unknown);
        }
        self.count_lost(&Lost::now(Why::ByHand, Loss::contents(1)))?;
        Ok(Dropped::Content)
    }

    fn forget_quarantined(&self, id: TraceId) -> rusqlite::Result<usize> {
        self.conn()
            .prepare_cached("DELETE FROM quarantine WHERE trace_id = ?1")?
            .execute([id.to_string()])
    }
}
