//! Pairing: what is known of a foreign agent's call between its before-event and its after-event.

use std::time::Duration;

use aap::{Approval, Timestamp, TraceId, Verdict};
use redact::Redacted;
use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Loss, Spool, SpoolError, Tx, Why, not_json};
use crate::clock;
use crate::event::{CallKey, SessionKey};

/// How long a call's key is remembered after its trace was made, so that a hook fired twice makes one trace: a day.
const REMEMBER: Duration = Duration::from_hours(24);

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallState {
    /// Seen before it runs; the trace waits for its end.
    Pending,
    /// Refused by us, and traced so.
    Refused,
    /// Traced.
    Traced,
    /// Traced after waiting too long for its end.
    GivenUp,
    /// The agent's runtime asks a person; no answer is known.
    Asked,
    /// Our own process asks a person; no answer is known.
    AskedHere,
    /// A person said yes, and its end is not known.
    Approved,
}

impl CallState {
    fn code(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Refused => 1,
            Self::Traced => 2,
            Self::GivenUp => 3,
            Self::Asked => 4,
            Self::AskedHere => 5,
            Self::Approved => 6,
        }
    }

    /// Whether a trace of it is still to come.
    pub(crate) fn is_open(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Asked | Self::AskedHere | Self::Approved
        )
    }

    fn of(code: i64) -> Self {
        match code {
            0 => Self::Pending,
            1 => Self::Refused,
            3 => Self::GivenUp,
            4 => Self::Asked,
            5 => Self::AskedHere,
            6 => Self::Approved,
            _ => Self::Traced,
        }
    }
}

/// What is kept of a call until its end is seen. Comes in masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The tool.
    pub tool: String,
    /// The parameters as published.
    pub params: Option<Value>,
    /// Salted digest of the raw parameters: tells whether others ran.
    pub params_digest: String,
    /// The verdict it got.
    pub verdict: Verdict,
    /// The runtime.
    pub runtime: String,
    /// The conversation.
    pub session_id: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The runtime's id.
    pub call_id: Option<String>,
    /// The subagent that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_id: Option<String>,
    /// The working directory, as published.
    pub cwd: Option<String>,
    /// What was masked, for the trace.
    #[serde(default)]
    pub masked: Value,
    /// What it reads that is secret, to be remembered of the session when it has run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// What a person said, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What asked for it, see [`aap::ToolCall::traceparent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The call that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_call_id: Option<String>,
    /// Whether it runs without a verdict in time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_budget: bool,
}

/// A remembered call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    /// Where it stands.
    pub state: CallState,
    /// When it was asked for.
    pub at: Timestamp,
    /// The id of its trace.
    pub trace_id: TraceId,
    /// What was kept; none once it is traced.
    pub pending: Option<PendingCall>,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<CallRow> {
    let trace_id: String = row.get(2)?;
    let pending: Option<String> = row.get(3)?;
    Ok(CallRow {
        state: CallState::of(row.get(0)?),
        at: Timestamp::from_millis(row.get(1)?),
        trace_id: trace_id.parse().map_err(|error| not_text(2, error))?,
        pending: pending
            .map(|text| serde_json::from_str(&text).map_err(not_json))
            .transpose()?,
    })
}

fn not_text(column: usize, error: uuid::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

impl Spool {
    /// When the oldest call was asked for whose end is waited for, and the oldest that a person was asked about.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn oldest_open(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), SpoolError> {
        self.read(|conn| {
            let oldest = |states: &str| {
                conn.prepare_cached(&format!(
                    "SELECT min(at) FROM calls WHERE state IN ({states})"
                ))?
                .query_row((), |row| row.get::<_, Option<i64>>(0))
            };
            Ok((
                oldest("0")?.map(Timestamp::from_millis),
                oldest("4, 6")?.map(Timestamp::from_millis),
            ))
        })
    }
}

impl Tx<'_> {
    /// What is remembered of a call.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn call(&self, key: &CallKey) -> rusqlite::Result<Option<CallRow>> {
        self.conn()
            .prepare_cached("SELECT state, at, trace_id, pending FROM calls WHERE key = ?1")?
            .query_row([key.as_str()], read)
            .optional()
    }

    /// Remembers a call, without its content where there is no room for that, and its session while its end is waited for, so that
    /// the session's end can be its.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn put_call(
        &self,
        key: &CallKey,
        state: CallState,
        at: Timestamp,
        trace_id: TraceId,
        pending: Option<Redacted<PendingCall>>,
    ) -> rusqlite::Result<()> {
        let pending = pending.map(Redacted::into_inner);
        let session = pending
            .as_ref()
            .filter(|_| {
                matches!(
                    state,
                    CallState::Pending | CallState::Asked | CallState::Approved
                )
            })
            .and_then(|call| {
                let id = call.session_id.as_deref().or(call.run_id.as_deref())?;
                Some(SessionKey::new(&call.runtime, id))
            });
        let mut pending = pending
            .map(|pending| serde_json::to_string(&pending).map_err(not_json))
            .transpose()?;
        let asked = matches!(
            state,
            CallState::Asked | CallState::AskedHere | CallState::Approved
        );
        let bytes = pending.as_ref().map_or(0, String::len) + key.as_str().len();
        if pending.is_some() && !self.has_room_for_call(bytes, asked)? {
            // Its end may come when there is room again; if not, it is counted then.
            pending = None;
        }
        if pending.is_none() && !self.has_room_for_key()? {
            if state.is_open() {
                self.lose(Why::SpoolFull, Loss::calls(1))?;
            }
            return Ok(());
        }
        self.conn()
            .prepare_cached(
                "INSERT INTO calls (key, state, at, trace_id, pending, session) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (key) DO UPDATE SET state = excluded.state, at = excluded.at,
                     trace_id = excluded.trace_id, pending = excluded.pending, session = excluded.session",
            )?
            .execute((
                key.as_str(),
                state.code(),
                at.millis(),
                trace_id.to_string(),
                pending,
                session.as_ref().map(SessionKey::as_str),
            ))
            .map(drop)
    }

    /// Moves a call on; what was kept of it is let go unless its end may still come.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn move_call(&self, key: &str, state: CallState) -> rusqlite::Result<()> {
        self.conn()
            .prepare_cached("UPDATE calls SET state = ?2, pending = CASE ?2 WHEN 3 THEN pending END, session = NULL WHERE key = ?1")?
            .execute((key, state.code()))
            .map(drop)
    }

    /// Calls that have waited for their end since before `since`, or a person was asked about before `asked_since`, or that are
    /// from after `future`, since when the clock was set back; at most `limit` of each.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn waiting_since(
        &self,
        since: Timestamp,
        asked_since: Timestamp,
        future: Timestamp,
        limit: u32,
    ) -> rusqlite::Result<Vec<(String, CallRow)>> {
        let mut found = self.calls_where("state = 0 AND at <= ?1", since.millis(), limit)?;
        let asked = asked_since.millis();
        found.extend(self.calls_where("state IN (4, 6) AND at <= ?1", asked, limit)?);
        found.extend(self.calls_where("state IN (0, 4, 6) AND at > ?1", future.millis(), limit)?);
        Ok(found)
    }

    /// Calls of `session` whose end is waited for, whether a person was asked about them or not; at most `limit`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open_in(
        &self,
        session: &SessionKey,
        limit: u32,
    ) -> rusqlite::Result<Vec<(String, CallRow)>> {
        self.calls_where(
            "session = ?1 AND state IN (0, 4, 6)",
            session.as_str(),
            limit,
        )
    }

    /// Calls of `session` that a person was asked about and that have not run; at most `limit`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn asked_in(
        &self,
        session: &SessionKey,
        limit: u32,
    ) -> rusqlite::Result<Vec<(String, CallRow)>> {
        self.calls_where("session = ?1 AND state = 4", session.as_str(), limit)
    }

    /// Calls that our own process asked a person about; at most `limit`.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn asked_here(&self, limit: u32) -> rusqlite::Result<Vec<(String, CallRow)>> {
        self.calls_where("state = 5 AND at >= ?1", i64::MIN, limit)
    }

    fn calls_where(
        &self,
        condition: &str,
        value: impl rusqlite::ToSql,
        limit: u32,
    ) -> rusqlite::Result<Vec<(String, CallRow)>> {
        let mut rows = self.conn().prepare_cached(&format!(
            "SELECT state, at, trace_id, pending, key FROM calls WHERE {condition} ORDER BY at LIMIT ?2"
        ))?;
        let rows = rows.query_map((value, limit), |row| Ok((row.get(4)?, read(row)?)))?;
        rows.collect()
    }

    /// Counts a call of which nothing was kept but that it was: there had been no room for more.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn lose_call(&self) -> rusqlite::Result<()> {
        self.lose(Why::SpoolFull, Loss::calls(1))
    }

    /// Gives calls whose end was not seen other ids, where the chain goes on in another stream: under theirs they may have been
    /// told in a future that this spool has forgotten, and the edge would take no other content under the same id.
    ///
    /// # Errors
    /// What SQLite says.
    pub(super) fn rename_open_calls(&self) -> rusqlite::Result<()> {
        let open: Vec<(String, i64)> = {
            let mut rows = self
                .conn()
                .prepare("SELECT key, at FROM calls WHERE state IN (0, 4, 5, 6)")?;
            let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let mut rename = self
            .conn()
            .prepare("UPDATE calls SET trace_id = ?2 WHERE key = ?1")?;
        for (key, at) in open {
            let id = clock::trace_id(Timestamp::from_millis(at));
            rename.execute((key, id.to_string()))?;
        }
        Ok(())
    }

    /// Forgets calls whose trace was made more than a day ago.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn forget_calls(&self, now: Timestamp) -> rusqlite::Result<usize> {
        let before = now.millis() - i64::try_from(REMEMBER.as_millis()).unwrap_or(i64::MAX);
        self.conn()
            .prepare_cached("DELETE FROM calls WHERE state IN (1, 2, 3) AND at < ?1")?
            .execute([before])
    }
}
