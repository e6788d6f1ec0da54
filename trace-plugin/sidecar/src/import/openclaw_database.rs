//! Live sessions of `OpenClaw` since 2026.9: `~/.openclaw/agents/*/agent/openclaw-agent.sqlite`, one row an event, each the line that
//! it would be in a session's JSONL. Long ones are compressed (zstd). Read from its agent database of schema 23.
//!
//! It is somebody else's database, and may be in use: it is only read, in one transaction, and nothing beside it is made, folded
//! in or removed. What it has archived is not read, and told.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use ruzstd::decoding::StreamingDecoder;

use super::openclaw::Session;
use super::{BadLine, MAX_LINE_BYTES, Read, Reader as _};
use crate::spool::escaped;

/// How every file of `SQLite` begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// How long its owner is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const EVENTS: &str =
    "SELECT session_id, event_json, event_zstd FROM transcript_events ORDER BY session_id, seq";
/// Sessions whose events were moved into an archive.
const ARCHIVED: &str = "SELECT count(*) FROM session_transcript_cold_archives";

/// Whether a file that begins so is such a database.
pub(super) fn is_one(path: &Path, begin: &[u8]) -> bool {
    begin.starts_with(MAGIC) && open(path).is_ok_and(|(conn, _)| conn.prepare(EVENTS).is_ok())
}

/// Whether a file is a database.
pub(super) fn is_file(file: &mut fs::File) -> io::Result<bool> {
    let mut begin = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == MAGIC)
}

/// Opens it only to read; false when what was written last cannot be read.
fn open(path: &Path) -> rusqlite::Result<(Connection, bool)> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let logged = fs::metadata(beside("-wal")).is_ok_and(|log| log.len() > 0);
    let shared = logged && beside("-shm").exists();
    // Whoever reads along a log makes its index if it is not there. Without a log the file is all there is, and as long as
    // nobody looks for a log, none is made.
    let how = if shared { "mode=ro" } else { "immutable=1" };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file:{}?{how}", escaped(path)), flags)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_timeout(PATIENCE)?;
    Ok((conn, shared || !logged))
}

/// Reads it, and hands on its calls and what cannot be read, with the number of the row. `take` stops it by answering false.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path, take: &mut dyn FnMut(Read) -> bool) -> io::Result<()> {
    let (conn, whole) = open(path).map_err(io::Error::other)?;
    let bad = |number, why: String| Read::Bad(BadLine { number, why });
    if !whole {
        let why = "what was written to it last is in a log without an index, and is not read: start OpenClaw once, and import again";
        if !take(bad(0, why.to_owned())) {
            return Ok(());
        }
    }
    events(&conn, take).map_err(io::Error::other)?;
    // An older schema has none.
    let archived: i64 = conn.query_row(ARCHIVED, (), |row| row.get(0)).unwrap_or(0);
    if archived > 0 {
        let are = if archived == 1 { "is" } else { "are" };
        let why = format!("{archived} of its sessions {are} archived, and not read here");
        take(bad(0, why));
    }
    take(Read::Bytes(fs::metadata(path)?.len()));
    Ok(())
}

fn events(conn: &Connection, take: &mut dyn FnMut(Read) -> bool) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(EVENTS)?;
    let mut rows = statement.query(())?;
    let (mut current, mut session) = (String::new(), Session::default());
    let mut go_on = true;
    for number in 1.. {
        let Some(row) = rows.next()? else {
            break;
        };
        let id: String = row.get(0)?;
        if id != current {
            let mut last = std::mem::replace(&mut session, Session::of(&id));
            last.end(&mut |past| go_on = go_on && take(Read::Call(Box::new(past))));
            current = id;
        }
        let read = line(row).and_then(|line| {
            let mut tell = |past| go_on = go_on && take(Read::Call(Box::new(past)));
            session.line(number, &line, &mut tell)
        });
        if let Err(why) = read {
            go_on = go_on && take(Read::Bad(BadLine { number, why }));
        }
        if !go_on {
            return Ok(());
        }
    }
    session.end(&mut |past| go_on = go_on && take(Read::Call(Box::new(past))));
    Ok(())
}

/// An event as the line that it would be.
fn line(row: &Row<'_>) -> Result<Vec<u8>, String> {
    let of = |column| row.get_ref(column).map_err(|error| error.to_string());
    let too_long = || format!("it is longer than {MAX_LINE_BYTES} bytes");
    match (of(1)?, of(2)?) {
        (ValueRef::Text(text), _) if text.len() > MAX_LINE_BYTES => Err(too_long()),
        (ValueRef::Text(text), _) => Ok(text.to_vec()),
        (_, ValueRef::Blob(packed)) => {
            let broken = |error: &dyn std::fmt::Display| format!("it cannot be unpacked: {error}");
            let unpacked = StreamingDecoder::new(packed).map_err(|error| broken(&error))?;
            let mut line = Vec::new();
            let read = unpacked
                .take(MAX_LINE_BYTES as u64 + 1)
                .read_to_end(&mut line);
            read.map_err(|error| broken(&error))?;
            if line.len() > MAX_LINE_BYTES {
                return Err(too_long());
            }
            Ok(line)
        }
        _ => Err("it is neither text nor packed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::super::Format;
    use super::super::tests::all;
    use super::*;
    use crate::event::Ended;

    /// What the real program wrote: see `tests/fixtures/import/README.md`.
    const WRITTEN: &str = include_str!("../../tests/fixtures/import/openclaw-2026.9.6.sql");

    fn written(path: &Path) -> Connection {
        let conn = Connection::open(path).unwrap();
        conn.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
            .unwrap();
        conn.execute_batch(WRITTEN).unwrap();
        conn
    }

    /// Every file, but for the index of the log, in which readers note where they are.
    fn tree(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
        let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap());
        let files = files.map(|file| {
            let name = file.file_name();
            let index = name.to_string_lossy().ends_with("-shm");
            let content = if index {
                Vec::new()
            } else {
                fs::read(file.path()).unwrap()
            };
            (name, content)
        });
        files.collect()
    }

    #[test]
    fn sessions_of_a_real_openclaw_are_read_while_it_runs_and_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw-agent.sqlite");
        let owner = written(&path);
        let before = tree(dir.path());
        assert_eq!(Format::of(&path).unwrap(), Some(Format::OpenClaw));
        let (calls, bad) = all(&path);
        assert_eq!(bad, []);
        assert_eq!(tree(dir.path()), before, "nothing of theirs is changed");
        let told: Vec<_> = calls
            .iter()
            .map(|past| {
                let seen = past.seen.as_ref().unwrap();
                (past.call.tool.as_str(), seen.ended, seen.exit_code)
            })
            .collect();
        let expected = [
            ("exec", Ended::Completed, Some(0)),
            ("exec", Ended::Blocked, None),
            ("exec", Ended::Completed, Some(3)),
            ("read", Ended::Failed, None),
            ("exec", Ended::Running, None),
            ("exec", Ended::Completed, Some(0)),
        ];
        assert_eq!(told, expected);
        let large = &calls[5];
        let result = &large.seen.as_ref().unwrap().result;
        assert!(result.to_string().len() > 30_000, "unpacked");
        let session = "dbf13cfd-c610-4dae-8f9b-84391e5c2107";
        assert_eq!(large.call.session_id.as_deref(), Some(session));
        assert_eq!(large.call.cwd.as_deref(), Some("/home/me/workspace"));

        // It has been stopped: its log is folded in and gone.
        drop(owner);
        let stopped = tree(dir.path());
        assert_eq!(stopped.len(), 1);
        assert_eq!(all(&path).0, calls);
        assert_eq!(tree(dir.path()), stopped);
    }

    #[test]
    fn what_of_it_cannot_be_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw-agent.sqlite");
        let owner = written(&path);
        let whole = all(&path).0.len();
        owner
            .execute_batch(
                "UPDATE transcript_events SET event_json = '{' WHERE session_id LIKE '0e4d%' AND seq = 4;
                 UPDATE transcript_events SET event_zstd = X'28b52ffd' WHERE event_zstd IS NOT NULL AND seq = 5;
                 INSERT INTO session_transcript_cold_archives VALUES
                     ('s', 'g', 'n', hex(zeroblob(32)), 1, 1, 1, 1, 1, 'file', NULL);",
            )
            .unwrap();
        let (calls, bad) = all(&path);
        assert_eq!(calls.len(), whole - 1);
        assert!(
            calls.last().unwrap().seen.is_none(),
            "its end could not be read"
        );
        let told: Vec<_> = bad
            .iter()
            .map(|bad| (bad.number, bad.why.as_str()))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0].0, 5);
        assert!(told[0].1.starts_with("it is no JSON"), "{told:?}");
        assert!(told[1].1.starts_with("it cannot be unpacked"), "{told:?}");
        assert_eq!(
            told[2],
            (0, "1 of its sessions is archived, and not read here")
        );

        // A log that came without its index, as out of a backup.
        let copy = tempfile::tempdir().unwrap();
        let name = |ending: &str| format!("openclaw-agent.sqlite{ending}");
        owner
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM schema_meta;")
            .unwrap();
        for ending in ["", "-wal"] {
            fs::copy(
                dir.path().join(name(ending)),
                copy.path().join(name(ending)),
            )
            .unwrap();
        }
        let before = tree(copy.path());
        let (_, bad) = all(&copy.path().join(name("")));
        assert!(bad[0].why.contains("start OpenClaw once"), "{bad:?}");
        assert_eq!(tree(copy.path()), before);
    }

    #[test]
    fn other_databases_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.sqlite");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE t (a)").unwrap();
        assert_eq!(Format::of(&path).unwrap(), None);
        fs::write(&path, MAGIC).unwrap();
        assert_eq!(Format::of(&path).unwrap(), None);
    }
}
