//! Reading a damaged spool: what can be read of it, page after page.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::super::aside::Witness;
use super::super::checked::Row;
use super::super::{Head, SpoolError, meta_number};
use super::{JUMP, ROWS};

/// A damaged spool that is read.
pub(super) struct Old {
    pub(super) conn: Connection,
    pub(super) head: Option<Head>,
    /// The last seq that was committed, as far as is known.
    pub(super) top: u64,
    /// The last that the edge has acknowledged.
    pub(super) acked: u64,
}

impl Old {
    pub(super) fn open(path: &Path, seen: Option<Witness>) -> Option<Self> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        let head = Head::load(&conn).ok().flatten();
        let (top, acked) = match (&head, seen) {
            (Some(head), Some(seen)) if head.stream == seen.stream => {
                (head.seq.max(seen.seq), head.acked_seq.max(seen.acked))
            }
            (Some(head), _) => (head.seq, head.acked_seq),
            (None, Some(seen)) => (seen.seq, seen.acked),
            (None, None) => (0, 0),
        };
        Some(Self {
            conn,
            head,
            top,
            acked,
        })
    }

    pub(super) fn stream_is(&self, stream: &str) -> bool {
        self.head
            .as_ref()
            .is_none_or(|head| head.stream.to_string() == stream)
    }

    /// The streams of which links wait, from both ends towards what cannot be read.
    pub(super) fn streams(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .head
            .iter()
            .map(|head| head.stream.to_string())
            .collect();
        for (sql, from) in [
            (
                "SELECT stream FROM links WHERE stream > ?1 ORDER BY stream LIMIT 1",
                "",
            ),
            (
                "SELECT stream FROM links WHERE stream < ?1 ORDER BY stream DESC LIMIT 1",
                "~",
            ),
        ] {
            let mut last = from.to_owned();
            while let Ok(stream) = self
                .conn
                .query_row(sql, [&last], |row| row.get::<_, String>(0))
            {
                last.clone_from(&stream);
                if !found.contains(&stream) {
                    found.push(stream);
                }
            }
        }
        found
    }

    /// The links that can be read, wherever they are.
    pub(super) fn links(
        &self,
        each: &mut dyn FnMut(&[Row]) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        if self.conn.prepare("SELECT rowid FROM links").is_ok() {
            // By the numbers of rows: one damaged page of the index would hide a hundred that are whole.
            let last = self
                .conn
                .query_row("SELECT max(rowid) FROM links NOT INDEXED", (), |row| {
                    row.get::<_, Option<i64>>(0)
                });
            let last = last.map(|last| last.unwrap_or(0).cast_unsigned());
            return self.run(
                "NOT INDEXED WHERE ?1 = ''",
                "rowid",
                "",
                last.unwrap_or(self.top),
                each,
            );
        }
        for stream in self.streams() {
            let top = if self.stream_is(&stream) {
                self.top
            } else {
                u64::from(u32::MAX)
            };
            self.run("WHERE stream = ?1", "seq", &stream, top, each)?;
        }
        Ok(())
    }

    /// The links that can be read of those that `which` says, by their `number`: over what cannot, by jumps, and back from behind it.
    pub(super) fn run(
        &self,
        which: &str,
        number: &str,
        stream: &str,
        top: u64,
        each: &mut dyn FnMut(&[Row]) -> Result<(), SpoolError>,
    ) -> Result<(), SpoolError> {
        let digests = if self.conn.prepare("SELECT digests FROM links").is_ok() {
            "digests"
        } else {
            "NULL"
        };
        let all = format!(
            "SELECT stream, seq, at, header, document, {digests}, {number} FROM links {which}"
        );
        let forward = format!("{all} AND {number} >= ?2 ORDER BY {number} LIMIT 1");
        let backward = format!("{all} AND {number} < ?2 ORDER BY {number} DESC LIMIT 1");
        let one = |sql: &str, from: u64| -> rusqlite::Result<Option<(Row, u64)>> {
            use rusqlite::OptionalExtension as _;
            self.conn
                .prepare_cached(sql)?
                .query_row((stream, from.cast_signed()), |row| {
                    Ok((Row::read(row)?, row.get::<_, i64>(6)?.cast_unsigned()))
                })
                .optional()
        };
        let (mut rows, mut next, mut jump): (Vec<Row>, u64, u64) = (Vec::new(), 0, 0);
        // The last that was read before something could not be.
        let mut read = 0;
        loop {
            match one(&forward, next) {
                Ok(None) => break,
                Ok(Some((row, found))) => {
                    if jump > 0 {
                        let mut behind = found;
                        while let Ok(Some((row, number))) = one(&backward, behind) {
                            behind = number;
                            if behind <= read {
                                break;
                            }
                            rows.push(row);
                        }
                    }
                    (next, jump, read) = (found + 1, 0, found);
                    rows.push(row);
                    if rows.len() >= ROWS {
                        each(&rows)?;
                        rows.clear();
                    }
                }
                Err(_) if next > top => break,
                Err(_) => {
                    jump = (jump * 2).clamp(1, JUMP);
                    next += jump;
                }
            }
        }
        each(&rows)
    }

    /// Rows of another table, from both ends towards what cannot be read.
    pub(super) fn rows(&self, table: &str, columns: &str, condition: &str) -> Vec<Vec<Value>> {
        let width = columns.split(',').count();
        let key = columns.split(',').next().unwrap_or_default();
        let mut found = Vec::new();
        for order in ["", " DESC"] {
            let sql =
                format!("SELECT {columns} FROM {table} WHERE {condition} ORDER BY {key}{order}");
            let Ok(mut rows) = self.conn.prepare(&sql) else {
                continue;
            };
            let read = rows.query_map((), |row| (0..width).map(|column| row.get(column)).collect());
            let Ok(read) = read else { continue };
            let before = found.len();
            let mut tried = 0;
            for row in read {
                tried += 1;
                let Ok(row) = row else { break };
                found.push(row);
            }
            if found.len() - before == tried {
                break; // All of them; there is no other end to begin at.
            }
        }
        found
    }

    /// What was counted there.
    pub(super) fn counters(&self) -> Vec<(&'static str, u64)> {
        let told = ["dropped", "contents_dropped", "gaps"]
            .map(|key| (key, meta_number(&self.conn, key).unwrap_or_default()));
        told.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
