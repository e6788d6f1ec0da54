//! What was lost, until a record in the chain tells it.

use aap::card::AlignmentCard;
use aap::trace::{Gap, gap};
use aap::{Timestamp, TraceId};
use redact::Redactor;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Prepared, SpoolError, Tx, meta_number, put_meta};
use crate::clock;

/// Why something could not be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// The spool has as many bytes as it may.
    #[serde(rename = "spool full")]
    SpoolFull,
    /// The disk has no room.
    #[serde(rename = "disk full")]
    DiskFull,
    /// The disk, or what stands between it and us, failed; also a directory that cannot be written.
    #[serde(rename = "io error")]
    IoError,
    /// Calls came faster than they could be written.
    #[serde(rename = "recorder overrun")]
    Overrun,
    /// The spool's file was damaged.
    #[serde(rename = "spool damaged")]
    Damaged,
    /// Another process held the spool for too long.
    #[serde(rename = "spool busy")]
    Busy,
    /// Somebody let go of what was in quarantine.
    #[serde(rename = "dropped by hand")]
    ByHand,
    /// A newer program's spool, which this one must not write.
    #[serde(rename = "newer spool")]
    Newer,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::SpoolFull,
        Self::DiskFull,
        Self::IoError,
        Self::Overrun,
        Self::Damaged,
        Self::Busy,
        Self::ByHand,
        Self::Newer,
    ];

    /// As gap records tell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpoolFull => "spool full",
            Self::DiskFull => "disk full",
            Self::IoError => "io error",
            Self::Overrun => "recorder overrun",
            Self::Damaged => "spool damaged",
            Self::Busy => "spool busy",
            Self::ByHand => "dropped by hand",
            Self::Newer => "newer spool",
        }
    }
}

impl From<&SpoolError> for Why {
    fn from(error: &SpoolError) -> Self {
        match error {
            SpoolError::Newer { .. } => Self::Newer,
            SpoolError::Damaged { .. } => Self::Damaged,
            SpoolError::Full { .. } => Self::DiskFull,
            SpoolError::Busy { .. } => Self::Busy,
            SpoolError::NotWritable { .. }
            | SpoolError::Absent(_)
            | SpoolError::NoThread { .. }
            | SpoolError::Other { .. } => Self::IoError,
        }
    }
}

/// How much was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Calls without a trace, other than refusals.
    pub calls: u64,
    /// Refusals without a trace.
    pub refusals: u64,
    /// Calls whose place in the chain stands and whose content was let go.
    #[serde(default)]
    pub contents: u64,
}

impl Loss {
    /// This many calls.
    pub fn calls(calls: u64) -> Self {
        Self {
            calls,
            ..Self::default()
        }
    }

    /// This many refusals.
    pub fn refusals(refusals: u64) -> Self {
        Self {
            refusals,
            ..Self::default()
        }
    }

    /// This many contents.
    pub fn contents(contents: u64) -> Self {
        Self {
            contents,
            ..Self::default()
        }
    }

    /// One call, refused or not.
    pub fn one(refused: bool) -> Self {
        if refused {
            Self::refusals(1)
        } else {
            Self::calls(1)
        }
    }

    /// Nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::Add for Loss {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            refusals: self.refusals + other.refusals,
            contents: self.contents + other.contents,
        }
    }
}

/// A loss with its reason and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Why.
    pub why: Why,
    /// How much.
    pub loss: Loss,
    /// When the first was lost.
    pub since: Timestamp,
    /// When the last was lost.
    pub until: Timestamp,
}

impl Lost {
    /// Lost now.
    pub fn now(why: Why, loss: Loss) -> Self {
        let now = clock::now();
        Self {
            why,
            loss,
            since: now,
            until: now,
        }
    }

    /// Both, when they have one reason.
    pub(super) fn joined(self, other: &Self) -> Self {
        Self {
            why: self.why,
            loss: self.loss + other.loss,
            since: self.since.min(other.since),
            until: self.until.max(other.until),
        }
    }
}

/// What no record tells yet.
pub(super) fn read(conn: &Connection) -> rusqlite::Result<Vec<Lost>> {
    let mut rows =
        conn.prepare_cached("SELECT why, calls, refusals, contents, since, until FROM losses")?;
    let rows = rows.query_map((), |row| {
        let why: String = row.get(0)?;
        Ok(Lost {
            // A reason of a newer program is told as what it comes from at least.
            why: Why::ALL
                .into_iter()
                .find(|known| known.as_str() == why)
                .unwrap_or(Why::IoError),
            loss: Loss {
                calls: row.get(1)?,
                refusals: row.get(2)?,
                contents: row.get(3)?,
            },
            since: Timestamp::from_millis(row.get(4)?),
            until: Timestamp::from_millis(row.get(5)?),
        })
    })?;
    rows.collect()
}

impl Tx<'_> {
    /// Counts what is lost now, in this transaction.
    pub(super) fn lose(&self, why: Why, loss: Loss) -> rusqlite::Result<()> {
        self.lost.set(self.lost.get() + loss);
        self.count_lost(&Lost::now(why, loss))
    }

    /// Counts what was lost before.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn count_lost(&self, lost: &Lost) -> rusqlite::Result<()> {
        self.count_again(lost)?;
        let Loss {
            calls,
            refusals,
            contents,
        } = lost.loss;
        for (key, more) in [
            ("dropped", calls + refusals),
            ("contents_dropped", contents),
        ] {
            if more > 0 {
                let sum = meta_number(self.conn(), key)? + more;
                put_meta(self.conn(), key, &sum.to_string())?;
            }
        }
        Ok(())
    }

    /// Counts what is in the sum of all losses already and no record tells yet.
    pub(super) fn count_again(&self, lost: &Lost) -> rusqlite::Result<()> {
        let Loss {
            calls,
            refusals,
            contents,
        } = lost.loss;
        let (since, until) = (lost.since.millis(), lost.until.millis());
        self.conn()
            .prepare_cached(
                "INSERT INTO losses (why, calls, refusals, contents, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (why) DO UPDATE SET calls = calls + excluded.calls,
                     refusals = refusals + excluded.refusals, contents = contents + excluded.contents,
                     since = min(since, excluded.since), until = max(until, excluded.until)",
            )?
            .execute((lost.why.as_str(), calls, refusals, contents, since, until))
            .map(drop)
    }

    /// Tells in the chain, under `card`, what was lost, as soon as that is over: with room in the spool again, or at once where it
    /// was no matter of room. Returns the ids of the records.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn tell_losses(
        &self,
        card: &AlignmentCard,
        redactor: &Redactor,
    ) -> rusqlite::Result<Vec<TraceId>> {
        let lost = read(self.conn())?;
        let mut told = Vec::new();
        for lost in lost {
            if lost.why == Why::SpoolFull && !self.is_roomy()? {
                continue;
            }
            let now = clock::now();
            let what = Gap {
                calls: lost.loss.calls,
                refusals: lost.loss.refusals,
                contents: lost.loss.contents,
                since: lost.since,
                until: lost.until,
                why: lost.why.as_str().to_owned(),
            };
            tracing::warn!(loss = %what.sentence(), "a gap is recorded");
            let trace = gap(what, clock::trace_id(now), now, card);
            let sealed = redactor.seal(trace).map_err(other)?;
            let prepared = Prepared::new(sealed).map_err(other)?;
            let ids = self.append(vec![prepared])?;
            if ids.is_empty() {
                continue;
            }
            told.extend(ids);
            self.conn()
                .prepare_cached("DELETE FROM losses WHERE why = ?1")?
                .execute([lost.why.as_str()])?;
        }
        if !told.is_empty() {
            let before = meta_number(self.conn(), "gaps")?;
            let gaps = before + told.len() as u64;
            put_meta(self.conn(), "gaps", &gaps.to_string())?;
        }
        Ok(told)
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
