//! A damaged spool: it is moved aside and kept, a new one is opened that names its stream, and what can be read is taken over.
//!
//! What waits goes over as it is, in its own stream, for its chain is as good as it was. What cannot be read is counted, and told by a
//! gap record. Commits that a damaged WAL has lost leave a spool that looks sound; the witness beside it tells those.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aap::AgentId;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

mod old;

use super::aside::Witness;
use super::checked::Row;
use super::{
    Head, Loss, Lost, Spool, SpoolError, Tx, Use, Why, losses, meta_number, meta_text, not_json,
    put_meta, successor,
};
use crate::clock;
use old::Old;

/// Rows of one transaction while a damaged spool is read: others may write in between.
const ROWS: usize = 500;
/// The most seqs that are skipped at once behind a page that cannot be read.
const JUMP: u64 = 64;

/// A spool that was moved aside and is still to be read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Owed {
    file: String,
    /// How far its chain had come, as the witness said then: it tells of the new one from the next commit on.
    seen: Option<Witness>,
}

/// The damaged spools that were moved aside, by their file names.
pub(super) fn set_aside(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    Ok(meta_text(conn, "damaged")?
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Keeps other processes from repairing the same spool, while it lives.
struct Repairing {
    path: PathBuf,
    _file: File,
}

impl Repairing {
    fn lock(spool: &Path) -> std::io::Result<Self> {
        let path = with_suffix(spool, ".repair");
        let file = File::create(&path)?;
        file.lock()?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for Repairing {
    fn drop(&mut self) {
        // Whoever waits for it looks at the spool anew before doing anything.
        let _ = fs::remove_file(&self.path);
    }
}

impl Spool {
    /// As [`Self::open`]; a damaged spool is moved aside, and what was noted beside it is taken over. A process that stays looks at
    /// the whole file for damage, and reads what can be read of a damaged one.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing could be opened, moved aside or made.
    pub fn open_repairing(
        path: &Path,
        agent_id: AgentId,
        patience: Duration,
        kind: Use,
    ) -> Result<Self, SpoolError> {
        let mut spool = match Self::open(path, agent_id, patience, kind) {
            Ok(spool) if kind == Use::OneShot || spool.is_sound() => spool,
            Err(error) if !matches!(error, SpoolError::Damaged { .. }) => return Err(error),
            _ => replace(path, agent_id, patience, kind)?,
        };
        spool.settle()?;
        Ok(spool)
    }

    /// Moves the spool aside, if it is damaged, and goes on with a new one.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn repair(&mut self) -> Result<(), SpoolError> {
        let mut new = replace(&self.path, self.agent_id, self.patience, self.kind)?;
        new.max_bytes = self.max_bytes;
        new.settle()?;
        *self = new;
        Ok(())
    }

    /// Whether SQLite finds nothing wrong with the file.
    fn is_sound(&self) -> bool {
        self.conn
            .query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0))
            .is_ok_and(|said| said == "ok")
    }

    /// What is owed from before: losses noted beside, commits that are gone, a damaged spool to be read.
    fn settle(&mut self) -> Result<(), SpoolError> {
        self.take_noted()?;
        if self.kind == Use::Resident {
            self.salvage()?;
        }
        self.look_back()
    }

    /// Counts what was committed, as the witness says, and is here no more; then goes on in a new stream.
    fn look_back(&mut self) -> Result<(), SpoolError> {
        let Some(seen) = self.beside.witnessed() else {
            return Ok(());
        };
        let gone = |head: Option<&Head>| match head {
            Some(head) if head.stream == seen.stream => {
                seen.seq.saturating_sub(head.seq.max(seen.acked))
            }
            Some(head) if head.succeeds == Some(seen.stream) => 0,
            _ => seen.seq - seen.acked.min(seen.seq),
        };
        let is_behind = |head: Option<&Head>| {
            head.is_none_or(|head| head.stream != seen.stream || head.seq < seen.seq)
                && head.is_none_or(|head| head.succeeds != Some(seen.stream))
        };
        if !is_behind(self.read(Head::load)?.as_ref()) {
            return Ok(());
        }
        self.transact(true, |tx| {
            // Another process may have been faster.
            let head = Head::load(tx.conn())?;
            if !is_behind(head.as_ref()) {
                return Ok(());
            }
            let lost = gone(head.as_ref());
            tracing::error!(lost, stream = %seen.stream, "the spool has lost its newest commits (a damaged WAL, or a file put back?): going on in a new stream");
            if lost > 0 {
                tx.count_lost(&Lost::now(Why::Damaged, Loss::calls(lost)))?;
            }
            tx.rename_open_calls()?;
            tx.save(&successor(tx.agent_id, seen.stream))
        })
    }

    /// Takes over what can be read of a spool that was moved aside, if one is still to be read.
    ///
    /// # Errors
    /// [`SpoolError`]: it is tried again at the next start.
    pub fn salvage(&mut self) -> Result<(), SpoolError> {
        let Some(owed) = self.read(|conn| meta_text(conn, "salvage"))? else {
            return Ok(());
        };
        let Owed { file: name, seen } = serde_json::from_str(&owed).unwrap_or_default();
        let old = Old::open(&self.path.with_file_name(&name), seen);
        let mut present = 0;
        if let Some(old) = &old {
            old.links(&mut |rows| {
                let owed =
                    |row: &&Row| old.stream_is(&row.stream) && row.seq.cast_unsigned() > old.acked;
                present += rows.iter().filter(owed).count() as u64;
                self.transact(true, |tx| take_links(tx, rows))
            })?;
            for (table, columns, condition) in TABLES {
                let rows = old.rows(table, columns, condition);
                for rows in rows.chunks(ROWS) {
                    self.transact(true, |tx| take_rows(tx, table, columns, rows))?;
                }
            }
        }
        let lost = match (&old, seen) {
            (Some(old), _) => (old.top - old.acked.min(old.top)).saturating_sub(present),
            (None, Some(seen)) => seen.seq - seen.acked.min(seen.seq),
            (None, None) => 0,
        };
        let counters = old.map(|old| old.counters()).unwrap_or_default();
        tracing::warn!(
            file = name,
            lost,
            kept = present,
            "what could be read of the damaged spool was taken over"
        );
        self.transact(true, |tx| {
            for (key, before) in &counters {
                let now = meta_number(tx.conn(), key)?;
                put_meta(tx.conn(), key, &(now + before).to_string())?;
            }
            if lost > 0 {
                tx.count_lost(&Lost::now(Why::Damaged, Loss::calls(lost)))?;
            }
            tx.conn()
                .execute("DELETE FROM meta WHERE key = 'salvage'", ())
                .map(drop)
        })
    }
}

/// What is taken over besides links: the table, its columns, and which rows.
const TABLES: [(&str, &str, &str); 4] = [
    (
        "calls",
        "key, state, at, trace_id, pending, session",
        "1 = 1",
    ),
    ("quarantine", "trace_id, at, reason, document", "1 = 1"),
    ("agents", "name, last_event_at", "1 = 1"),
    ("session_secrets", "session, secret, at", "1 = 1"),
];

fn take_links(tx: &Tx<'_>, rows: &[Row]) -> rusqlite::Result<()> {
    for row in rows {
        row.put(tx.conn())?;
    }
    Ok(())
}

fn take_rows(tx: &Tx<'_>, table: &str, columns: &str, rows: &[Vec<Value>]) -> rusqlite::Result<()> {
    let places = vec!["?"; columns.split(',').count()].join(", ");
    let mut insert = tx.conn().prepare_cached(&format!(
        "INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})"
    ))?;
    for row in rows {
        // A value that is damaged may not even have its type; the row is left behind then.
        let _ = insert.execute(rusqlite::params_from_iter(row));
    }
    Ok(())
}

/// Moves the spool at `path` aside, unless another process was faster, and makes a new one.
fn replace(
    path: &Path,
    agent_id: AgentId,
    patience: Duration,
    kind: Use,
) -> Result<Spool, SpoolError> {
    let failed = |source: std::io::Error| SpoolError::NotWritable {
        path: path.to_owned(),
        source: rusqlite::Error::ToSqlConversionFailure(Box::new(source)),
    };
    let _repairing = Repairing::lock(path).map_err(failed)?;
    if let Ok(spool) = Spool::open(path, agent_id, patience, kind)
        && spool.is_sound()
    {
        return Ok(spool);
    }
    let (head, untold) = match Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Ok(old) => (
            Head::load(&old).ok().flatten(),
            losses::read(&old).unwrap_or_default(),
        ),
        Err(_) => (None, Vec::new()),
    };
    let stamp: String = clock::now()
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let aside = with_suffix(path, &format!(".damaged-{stamp}"));
    // The WAL first: left alone it would be taken for the new file's.
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    let name = aside
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    tracing::error!(kept = %aside.display(), "the spool was damaged; it is kept under another name and a new one goes on");
    let mut spool = Spool::open(path, agent_id, patience, kind)?;
    let seen = spool.beside.witnessed();
    let old = head
        .map(|head| head.stream)
        .or_else(|| seen.map(|seen| seen.stream));
    spool.transact(true, |tx| {
        let mut damaged = set_aside(tx.conn())?;
        damaged.push(name.clone());
        let list = serde_json::to_string(&damaged).map_err(not_json)?;
        put_meta(tx.conn(), "damaged", &list)?;
        let owed = Owed {
            file: name.clone(),
            seen,
        };
        let owed = serde_json::to_string(&owed).map_err(not_json)?;
        put_meta(tx.conn(), "salvage", &owed)?;
        for lost in &untold {
            tx.count_again(lost)?;
        }
        match old {
            // Not told to the witness before there is a link: until then it tells how far the old one had come.
            Some(old) => successor(tx.agent_id, old).save(tx.conn()),
            None => Ok(()),
        }
    })?;
    Ok(spool)
}
