//! How much the spool may hold, and what goes first when it would be more.
//!
//! What counts are the pages in use, which SQLite itself keeps count of: links, open calls, contents set aside and every index, by
//! whichever program they were written. Most of the room is for all calls, an eighth for refusals alone, and the very end for the
//! records of losses. When it gets tight, the keys of calls that were traced are forgotten first, then the contents of the oldest
//! calls that were allowed go (their headers stay, so the chain is whole), then contents that were set aside. Only then calls are
//! lost, and refusals last.

use std::cell::Cell;

use aap::ActionType;
use aap::chain::Header;
use aap::trace::GAP_TOOL;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Head, Loss, Prepared, Tx, Why, meta_text, not_json, put_meta};
use crate::clock;

/// What a spool may take unless something else is said: 256 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The least that it is bounded to: 1 MiB.
pub const MIN_MAX_BYTES: u64 = 1024 * 1024;
/// Refusals have this part of the room for themselves: an eighth.
const RESERVED: u64 = 8;
/// The last of that room is for the headers of refusals: a 32nd.
const HEADERS: u64 = 32;
/// Bytes at the very end, for the records of losses: several of them.
const RECORDS: u64 = 48 * 1024;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// This part of the room is made at once, so that not each call has to: a 128th.
const SLACK: u64 = 128;
/// Rows that are let go of at a time.
const STEP: u32 = 64;
/// Steps of one transaction: 2 000 rows are some milliseconds.
const STEPS: u32 = 32;
/// The key of a traced call is kept this long even when room is short: a hook that fires twice does so within seconds.
const KEEP_KEYS_MS: i64 = 10 * 60 * 1000;
/// This part of the room must be free again before the loss counts as over: a 64th, more than is made at once.
const OVER: u64 = 64;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The whole trace.
    Whole,
    /// Its place in the chain.
    Header,
    /// Nothing.
    Not,
}

/// The room of one transaction.
#[derive(Debug)]
pub(super) struct Room {
    max: u64,
    /// Bytes in use, not less than there are; none before they were looked at.
    used: Cell<Option<u64>>,
}

impl Room {
    pub(super) fn new(max: u64) -> Self {
        Self {
            max,
            used: Cell::new(None),
        }
    }

    /// For calls of any kind.
    fn for_calls(&self) -> u64 {
        self.max - self.max / RESERVED
    }

    /// For refusals with their content.
    fn for_refusals(&self) -> u64 {
        self.for_headers() - self.max / HEADERS
    }

    /// For refusals without it.
    fn for_headers(&self) -> u64 {
        self.max - RECORDS
    }
}

/// Bytes in use.
pub(super) fn used(conn: &Connection) -> rusqlite::Result<u64> {
    let number = |sql: &str| {
        conn.prepare_cached(sql)?
            .query_row((), |row| row.get::<_, u64>(0))
    };
    let pages = number("PRAGMA page_count")?;
    let free = number("PRAGMA freelist_count")?;
    Ok(pages.saturating_sub(free) * PAGE)
}

/// What a row of this many bytes may take at most: its pages, and its share of the tree's.
fn cost(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(PAGE - 4) * PAGE + PAGE / 4
}

/// Up to where contents have been let go of, so that no row is looked at twice.
#[derive(Debug, Serialize, Deserialize)]
struct Slimmed {
    stream: String,
    seq: i64,
}

impl Tx<'_> {
    fn fits(&self, cost: u64, limit: u64) -> rusqlite::Result<bool> {
        let known = self.room.used.get();
        let used = match known {
            Some(used) if used + cost <= limit => used,
            _ => used(self.conn())?,
        };
        let fits = used + cost <= limit;
        self.room
            .used
            .set(Some(if fits { used + cost } else { used }));
        Ok(fits)
    }

    fn fits_or_is_made(&self, cost: u64, limit: u64) -> rusqlite::Result<bool> {
        Ok(self.fits(cost, limit)? || (self.make_room(cost, limit)? && self.fits(cost, limit)?))
    }

    /// Finds room for a trace, and counts what is lost by that.
    pub(super) fn make_room_for(&self, trace: &Prepared) -> rusqlite::Result<Fit> {
        let whole = cost(trace.bytes());
        if trace.is_gap() {
            return Ok(if self.fits(whole, self.room.max)? {
                Fit::Whole
            } else {
                Fit::Not
            });
        }
        if !trace.is_refusal() {
            if self.fits_or_is_made(whole, self.room.for_calls())? {
                return Ok(Fit::Whole);
            }
            self.lose(Why::SpoolFull, Loss::calls(1))?;
            return Ok(Fit::Not);
        }
        if self.fits_or_is_made(whole, self.room.for_refusals())? {
            return Ok(Fit::Whole);
        }
        if self.fits(cost(0), self.room.for_headers())? {
            self.lose(Why::SpoolFull, Loss::contents(1))?;
            return Ok(Fit::Header);
        }
        self.lose(Why::SpoolFull, Loss::refusals(1))?;
        Ok(Fit::Not)
    }

    /// Whether there is room for what is kept of a call until its end is seen. One that a person is asked about counts as a refusal
    /// would.
    pub(super) fn has_room_for_call(&self, bytes: usize, asked: bool) -> rusqlite::Result<bool> {
        let limit = if asked {
            self.room.for_refusals()
        } else {
            self.room.for_calls()
        };
        self.fits_or_is_made(cost(bytes), limit)
    }

    /// Whether what is known of a call, without its content, can be kept.
    pub(super) fn has_room_for_key(&self) -> rusqlite::Result<bool> {
        self.fits(cost(0), self.room.for_refusals())
    }

    /// Whether there is room enough again for the loss to be over.
    pub(super) fn is_roomy(&self) -> rusqlite::Result<bool> {
        let limit = self.room.for_calls();
        Ok(used(self.conn())? + self.room.max / OVER <= limit)
    }

    /// Lets go of what is worth least until `cost` fits below `limit`; false when there is nothing left to let go of.
    fn make_room(&self, cost: u64, limit: u64) -> rusqlite::Result<bool> {
        let enough = |used: u64| used + cost + self.room.max / SLACK <= limit;
        self.conn()
            .prepare_cached("DELETE FROM calls WHERE state IN (1, 2, 3) AND at < ?1")?
            .execute([clock::now().millis() - KEEP_KEYS_MS])?;
        let mut contents = 0;
        for _ in 0..STEPS {
            if enough(used(self.conn())?) {
                break;
            }
            let (looked, gone) = self.slim()?;
            contents += gone;
            if looked == 0 {
                let gone = self.slim_quarantine()?;
                contents += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        if contents > 0 {
            self.lose(Why::SpoolFull, Loss::contents(contents))?;
        }
        self.room.used.set(None);
        Ok(used(self.conn())? + cost <= limit)
    }

    /// Lets go of the contents of the oldest calls that were allowed: how many rows were looked at, how many contents went.
    fn slim(&self) -> rusqlite::Result<(usize, u64)> {
        let Some(head) = Head::load(self.conn())? else {
            return Ok((0, 0));
        };
        let stream = head.stream.to_string();
        let from = meta_text(self.conn(), "slimmed")?
            .and_then(|text| serde_json::from_str::<Slimmed>(&text).ok())
            .filter(|slimmed| slimmed.stream == stream)
            // A stream's first trace tells which stream it goes on from.
            .map_or(1, |slimmed| slimmed.seq);
        let rows: Vec<(i64, String, bool)> = self
            .conn()
            .prepare_cached(
                "SELECT seq, header, document IS NOT NULL FROM links WHERE stream = ?1 AND seq > ?2
                 ORDER BY seq LIMIT ?3",
            )?
            .query_map((&stream, from, STEP), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let Some(last) = rows.last().map(|row| row.0) else {
            return Ok((0, 0));
        };
        let mut gone = 0;
        // A row whose number is set, if only to what it is, is taken out and put in again; else SQLite would leave it where it is, alone
        // on its page, and no page would come free. Where rows have no numbers it never leaves them.
        let which = "WHERE stream = ?1 AND seq = ?2";
        let by_number = format!("UPDATE links SET document = NULL, rowid = rowid {which}");
        let plain = format!("UPDATE links SET document = NULL {which}");
        let mut slim = match self.conn().prepare_cached(&by_number) {
            Ok(statement) => statement,
            Err(_) => self.conn().prepare_cached(&plain)?,
        };
        for (seq, header, has_document) in &rows {
            // A header that cannot be read is the shipper's to tell.
            let may_go = serde_json::from_str::<Header>(header).is_ok_and(|header| {
                header.action_type != ActionType::Deny && header.tool_name != GAP_TOOL
            });
            if *has_document && may_go {
                slim.execute((&stream, seq))?;
                gone += 1;
            }
        }
        let slimmed = Slimmed { stream, seq: last };
        let text = serde_json::to_string(&slimmed).map_err(not_json)?;
        put_meta(self.conn(), "slimmed", &text)?;
        Ok((rows.len(), gone))
    }

    /// Lets go of the oldest contents that were set aside; their reasons stay.
    fn slim_quarantine(&self) -> rusqlite::Result<u64> {
        let gone = self
            .conn()
            .prepare_cached(
                "UPDATE quarantine SET document = NULL WHERE trace_id IN (SELECT trace_id FROM quarantine
                 WHERE document IS NOT NULL ORDER BY at LIMIT ?1)",
            )?
            .execute([STEP])?;
        Ok(gone as u64)
    }
}
