//! What stands on the disk is looked at before it is told: a flipped bit is no truth.

use aap::Timestamp;
use aap::chain::{self, Digest, Header};
use aap::{ActionType, AgentId, StreamId, TraceId};
use rusqlite::Connection;
use serde::Deserialize;

use super::{Loss, Lost, Spool, SpoolError, Tx, Why};
use crate::clock;

/// Bytes of a digest.
const DIGEST: usize = 32;
/// Why a content is set aside that is not what was committed.
const DAMAGED: &str = "its content has changed on this machine's disk and is not what was recorded";

/// What is kept beside a link to know it by: its digest and, with a document, that of the text.
pub(super) fn digests(link: &Digest, document: Option<&str>) -> Vec<u8> {
    let mut both = Vec::with_capacity(2 * DIGEST);
    both.extend_from_slice(link.as_bytes());
    if let Some(document) = document {
        both.extend_from_slice(Digest::of(document.as_bytes()).as_bytes());
    }
    both
}

/// A link as it stands in the file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) stream: String,
    pub(super) seq: i64,
    pub(super) at: i64,
    header: String,
    document: Option<String>,
    digests: Option<Vec<u8>>,
}

/// What a link was found to be.
#[derive(Debug)]
pub(super) enum Checked {
    /// What was committed, with its digest; so is the document beside it.
    Sound(Header, Digest),
    /// The header is, the content is not.
    Content(Header),
    /// Neither can be known any more.
    Lost,
}

/// The members of a document that its header has, too.
#[derive(Deserialize)]
struct Told {
    trace_id: TraceId,
    agent_id: AgentId,
    timestamp: Timestamp,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    stream: StreamId,
    seq: u64,
    prev: Digest,
    salt: String,
    commitment: Digest,
    tool_name: String,
    action_type: ActionType,
    rule_id: Option<String>,
}

/// The header of the link that a document says it is, where its content is what it says it commits to.
pub(super) fn header_of(document: &str) -> Option<Header> {
    let told: Told = serde_json::from_str(document).ok()?;
    let metadata = told.context.metadata;
    let commitment = chain::commit_text(&metadata.salt, document).ok()?;
    (commitment == metadata.commitment).then_some(Header {
        agent_id: told.agent_id,
        stream: metadata.stream,
        seq: metadata.seq,
        trace_id: told.trace_id,
        timestamp: told.timestamp,
        tool_name: metadata.tool_name,
        action_type: metadata.action_type,
        rule_id: metadata.rule_id,
        prev: metadata.prev,
        commitment: metadata.commitment,
    })
}

impl Row {
    /// Reads `stream, seq, at, header, document, digests`. What is no text any more is none.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let text = |column: usize| match row.get_ref(column) {
            Ok(value) => Ok(value
                .as_bytes_or_null()
                .ok()
                .flatten()
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .map(str::to_owned)),
            Err(error) => Err(error),
        };
        let bytes = |column: usize| -> rusqlite::Result<Option<Vec<u8>>> {
            let value = row.get_ref(column)?;
            Ok(value.as_bytes_or_null().ok().flatten().map(<[u8]>::to_vec))
        };
        let had_document = !matches!(row.get_ref(4)?, rusqlite::types::ValueRef::Null);
        Ok(Self {
            stream: row.get(0)?,
            seq: row.get(1)?,
            at: row.get(2)?,
            header: text(3)?.unwrap_or_default(),
            // A document that is no text is a document all the same, and a wrong one.
            document: text(4)?.or_else(|| had_document.then(String::new)),
            digests: bytes(5)?,
        })
    }

    /// What it takes in a batch, about.
    pub(super) fn bytes(&self) -> usize {
        self.document
            .as_ref()
            .map_or(2 * self.header.len(), String::len)
    }

    /// Puts what is sound of it into another spool, unless that has it already. What is not is counted by whoever asks for it next.
    pub(super) fn put(&self, conn: &Connection) -> rusqlite::Result<()> {
        conn.prepare_cached(
            "INSERT OR IGNORE INTO links (stream, seq, at, header, document, digests) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            &self.stream,
            self.seq,
            self.at,
            &self.header,
            &self.document,
            &self.digests,
        ))
        .map(drop)
    }

    /// The document's text, whatever it is.
    pub(super) fn document(&self) -> Option<&str> {
        self.document.as_deref()
    }

    /// The document's text.
    pub(super) fn into_document(self) -> Option<String> {
        self.document
    }

    /// What this link is.
    pub(super) fn check(&self) -> Checked {
        let sums = self.digests.as_deref().unwrap_or_default();
        let of_link = sums.get(..DIGEST);
        let of_text = sums.get(DIGEST..).filter(|sum| !sum.is_empty());
        let placed = |header: &Header| {
            header.seq.cast_signed() == self.seq && header.stream.to_string() == self.stream
        };
        let header = serde_json::from_str::<Header>(&self.header)
            .ok()
            .filter(placed)
            .map(|header| (header.digest(), header));
        if let Some((digest, header)) = header
            && of_link.is_none_or(|sum| sum == digest.as_bytes())
        {
            let Some(text) = &self.document else {
                return Checked::Sound(header, digest);
            };
            let same = of_text.is_some_and(|sum| Digest::of(text.as_bytes()).as_bytes() == sum);
            // Where the sum is an older program's, or is itself what has changed, the commitment tells.
            if same || header_of(text).is_some_and(|told| told.commitment == header.commitment) {
                return Checked::Sound(header, digest);
            }
            return Checked::Content(header);
        }
        // The header or its digest has changed; the document tells which.
        let Some(text) = &self.document else {
            return Checked::Lost;
        };
        match header_of(text).filter(placed) {
            Some(header) => {
                let digest = header.digest();
                let known = of_link.is_some_and(|sum| sum == digest.as_bytes());
                let told =
                    serde_json::from_str(&self.header).is_ok_and(|told: Header| told == header);
                if known || told {
                    Checked::Sound(header, digest)
                } else {
                    Checked::Lost
                }
            }
            None => Checked::Lost,
        }
    }
}

impl Spool {
    /// Sets aside what is not what was committed, so that the rest can go on.
    pub(super) fn mend(&self, wrong: Vec<(Row, Checked)>) -> Result<(), SpoolError> {
        self.read(|conn| {
            let tx = Tx::begin(conn, self.agent_id, self.max_bytes)?;
            for (row, found) in wrong {
                tracing::error!(
                    stream = row.stream,
                    seq = row.seq,
                    "a link of the spool was damaged on the disk"
                );
                tx.set_aside(&row, found)?;
            }
            tx.commit().map(drop)
        })
    }
}

impl Tx<'_> {
    /// Takes a damaged content or link out of the way.
    pub(super) fn set_aside(&self, row: &Row, found: Checked) -> rusqlite::Result<()> {
        let place = (&row.stream, row.seq);
        match found {
            Checked::Sound(..) => Ok(()),
            Checked::Content(header) => {
                self.conn()
                    .prepare_cached(
                        "INSERT INTO quarantine (trace_id, at, reason, document, header) VALUES (?1, ?2, ?3, ?4, ?5)
                         ON CONFLICT (trace_id) DO UPDATE SET reason = excluded.reason, at = excluded.at",
                    )?
                    .execute((
                        header.trace_id.to_string(),
                        clock::now().millis(),
                        DAMAGED,
                        row.document(),
                        serde_json::to_string(&header).map_err(super::not_json)?,
                    ))?;
                let link = digests(&header.digest(), None);
                self.conn()
                    .prepare_cached(
                        "UPDATE links SET document = NULL, digests = ?3 WHERE stream = ?1 AND seq = ?2",
                    )?
                    .execute((place.0, place.1, link))?;
                self.count_lost(&Lost::now(Why::Damaged, Loss::contents(1)))
            }
            Checked::Lost => {
                self.conn()
                    .prepare_cached("DELETE FROM links WHERE stream = ?1 AND seq = ?2")?
                    .execute(place)?;
                self.count_lost(&Lost::now(Why::Damaged, Loss::calls(1)))
            }
        }
    }
}
