//! What an administrator does to a file, beside whatever else has it open: look at it, bring it up to date, erase content.

use std::path::Path;

use aap::{AgentId, Timestamp, TraceId};
use rusqlite::{Connection, TransactionBehavior, params};
use trace_store::StoreError;

use crate::error::store_error;
use crate::open;
use crate::rows::id_bytes;

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// The schema that is there.
    pub found: i64,
    /// Traces in it.
    pub traces: i64,
    /// The oldest one's time.
    pub oldest: Option<Timestamp>,
    /// The newest one's time.
    pub newest: Option<Timestamp>,
    /// What the file takes, without its log.
    pub bytes: i64,
}

/// What to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erase {
    /// One trace.
    Trace(TraceId),
    /// One conversation of an agent.
    Session(AgentId, String),
    /// Everything of an agent.
    Agent(AgentId),
}

/// Looks at a file and changes nothing; none when there is no file.
///
/// # Errors
/// When it is damaged, another program's, or newer than this program.
pub fn inspect(path: &Path) -> Result<Option<FileStatus>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let fail = |error: rusqlite::Error| store_error(path, &error);
    let connection = open::reader(path).map_err(fail)?;
    let found = open::check(&connection, path)?;
    if found == 0 {
        let empty = FileStatus {
            found,
            traces: 0,
            oldest: None,
            newest: None,
            bytes: 0,
        };
        return Ok(Some(empty));
    }
    let sql = "SELECT (SELECT count(*) FROM traces), (SELECT min(at) FROM traces), (SELECT max(at) FROM traces), \
               page_count * page_size FROM pragma_page_count, pragma_page_size";
    connection
        .query_row(sql, [], |row| {
            let time = |ms: Option<i64>| ms.map(Timestamp::from_millis);
            Ok(Some(FileStatus {
                found,
                traces: row.get(0)?,
                oldest: time(row.get(1)?),
                newest: time(row.get(2)?),
                bytes: row.get(3)?,
            }))
        })
        .map_err(fail)
}

/// Makes the file where there is none, and brings an older one up to date.
///
/// # Errors
/// As for [`crate::SqliteStore::open`].
pub fn migrate(path: &Path) -> Result<(), StoreError> {
    open::writer(path).map(drop)
}

/// Erases content: document, reason, session. The header stays, and with it the fact, the verdict and the place in the
/// chain; a digest that no salt protected goes, too. How many traces had content, or were to get it.
///
/// # Errors
/// When there is no file, or it cannot be written; then nothing was changed.
pub fn erase(path: &Path, what: &Erase) -> Result<i64, StoreError> {
    if !path.exists() {
        return Err(StoreError::Failed(format!(
            "{} is not there: nothing to erase",
            path.display()
        )));
    }
    let mut connection = open::writer(path)?;
    let erased = erase_in(&mut connection, what).map_err(|error| store_error(path, &error))?;
    // The log still holds what was overwritten. Readers may keep it busy; then the next checkpoint does it.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(erased)
}

fn erase_in(connection: &mut Connection, what: &Erase) -> rusqlite::Result<i64> {
    // What is deleted is overwritten in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TEMP TABLE erased (position INTEGER PRIMARY KEY, agent INTEGER, span INTEGER, session INTEGER)",
    )?;
    let begin = "INSERT INTO erased SELECT t.position, t.agent, t.at - ((t.at % 300000) + 300000) % 300000, t.session \
                 FROM traces t JOIN agents a USING (agent) \
                 WHERE (t.held_back OR EXISTS (SELECT 1 FROM documents d WHERE d.position = t.position)) AND ";
    match what {
        Erase::Trace(trace) => tx.execute(
            &format!("{begin} t.trace_id = ?1"),
            [id_bytes(&trace.uuid())],
        )?,
        Erase::Session(agent, session) => tx.execute(
            &format!(
                "{begin} a.agent_id = ?1 AND t.session = (SELECT s.session FROM sessions s \
                 WHERE s.agent = a.agent AND s.session_id = ?2)"
            ),
            params![id_bytes(&agent.uuid()), session],
        )?,
        Erase::Agent(agent) => tx.execute(
            &format!("{begin} a.agent_id = ?1"),
            [id_bytes(&agent.uuid())],
        )?,
    };
    tx.execute_batch(
        "DELETE FROM documents WHERE position IN (SELECT position FROM erased);
         UPDATE traces SET reason = NULL, session = NULL, held_back = 0,
             fingerprint = CASE WHEN stream IS NULL THEN randomblob(32) ELSE fingerprint END
             WHERE position IN (SELECT position FROM erased);
         UPDATE rule_spans SET reason = NULL
             WHERE reason IS NOT NULL AND (agent, start) IN (SELECT agent, span FROM erased);
         DELETE FROM sessions WHERE session IN (SELECT session FROM erased)
             AND NOT EXISTS (SELECT 1 FROM traces t WHERE t.session = sessions.session);",
    )?;
    let erased = tx.query_row("SELECT count(*) FROM erased", [], |row| row.get(0))?;
    tx.execute_batch("DROP TABLE erased")?;
    tx.commit()?;
    Ok(erased)
}
