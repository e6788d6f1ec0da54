//! Questions to a person: what is known between asking and the end of the call, whoever asks.

use aap::{Approval, ApprovalStatus, Evidence, Timestamp, ToolCall, TraceId};

use super::{Desk, Finished, Judge, Judgement, SWEEP_LIMIT, not_sql};
use crate::clock;
use crate::event::{CallKey, SessionChange, SessionKey};
use crate::spool::{CallRow, CallState, SpoolError, Tx};

impl Desk {
    /// Takes what came of asking a person about a call. A no is traced now; with a yes the call goes on.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn answered(
        &mut self,
        call: &ToolCall,
        status: ApprovalStatus,
        evidence: Evidence,
    ) -> Result<Option<TraceId>, SpoolError> {
        let key = CallKey::of(call);
        let now = clock::now();
        let judge = &self.judge;
        self.records.record(judge, true, |tx| {
            super::heard(tx, call, now)?;
            let Some(row) = tx.call(&key)?.filter(|row| row.state == CallState::Asked) else {
                return Ok(None);
            };
            let approval = Approval::new(row.trace_id, status, evidence, now);
            if !approval.is_granted() {
                close(
                    tx,
                    judge,
                    key.as_str(),
                    &row,
                    Some(&approval),
                    CallState::Refused,
                )?;
                return Ok(Some(row.trace_id));
            }
            if let Some(pending) = row.pending {
                let pending = judge.approved(pending, approval).map_err(not_sql)?;
                let (at, id) = (row.at, row.trace_id);
                tx.put_call(&key, CallState::Approved, at, id, Some(pending))?;
            }
            Ok(Some(row.trace_id))
        })
    }

    /// Takes the news of a session. When the agent waits for its user, questions of that session that are open had no yes;
    /// when the session is over, the ends of its other open calls will not be seen either. Returns how many calls were given
    /// up.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn session(
        &mut self,
        session: &SessionKey,
        change: SessionChange,
    ) -> Result<usize, SpoolError> {
        let now = clock::now();
        let judge = &self.judge;
        let durable = change != SessionChange::Started;
        self.records.record(judge, durable, |tx| {
            if !session.is_proof() {
                tx.heard(session.runtime(), now)?;
            }
            let mut closed = 0;
            loop {
                let open = match change {
                    SessionChange::Started => return Ok(0),
                    SessionChange::TurnEnded => tx.asked_in(session, SWEEP_LIMIT)?,
                    SessionChange::Ended => tx.open_in(session, SWEEP_LIMIT)?,
                };
                if open.is_empty() {
                    return Ok(closed);
                }
                for (key, row) in &open {
                    let approval = no_longer(row, now);
                    // If it runs after all, that will be told.
                    close(tx, judge, key, row, approval.as_ref(), CallState::GivenUp)?;
                }
                closed += open.len();
            }
        })
    }

    /// Keeps a call of our own process that a person is about to be asked about, or has just approved, so that this is known
    /// though the process should end before the call has.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn asking(&mut self, finished: &Finished) -> Result<(), SpoolError> {
        let Finished {
            call, judged, at, ..
        } = finished;
        let pending = self
            .judge
            .pending(call, &Judgement::new(judged.verdict.clone()))
            .and_then(|pending| match &judged.approval {
                Some(yes) => self.judge.approved(pending.into_inner(), yes.clone()),
                None => Ok(pending),
            });
        let judge = &self.judge;
        self.records.record(judge, false, |tx| {
            let pending = Some(pending.map_err(not_sql)?);
            let key = CallKey::of(call);
            tx.put_call(&key, CallState::AskedHere, *at, judged.trace_id, pending)
        })
    }

    /// Makes traces of the questions that a former process of ours left open. Returns how many there were.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn close_questions(&mut self) -> Result<usize, SpoolError> {
        let now = clock::now();
        let judge = &self.judge;
        self.records.record(judge, true, |tx| {
            let open = tx.asked_here(u32::MAX)?;
            for (key, row) in &open {
                let approval = answer_of(row, now);
                close(tx, judge, key, row, Some(&approval), CallState::Traced)?;
            }
            Ok(open.len())
        })
    }
}

/// What is known of the answer to a question when its call is given up: what was told, else that nothing was seen after it.
pub(super) fn answer_of(row: &CallRow, now: Timestamp) -> Approval {
    let told = row.pending.as_ref().and_then(|call| call.approval.clone());
    told.unwrap_or_else(|| {
        let (status, evidence) = (ApprovalStatus::Timeout, Evidence::Unseen);
        Approval::new(row.trace_id, status, evidence, now)
    })
}

/// What is known of the answer to a question when its session goes on without its call: what was told, else that nobody said
/// yes. None where nobody was asked.
fn no_longer(row: &CallRow, now: Timestamp) -> Option<Approval> {
    match row.state {
        CallState::Asked => {
            let (status, evidence) = (ApprovalStatus::Denied, Evidence::Observed);
            Some(Approval::new(row.trace_id, status, evidence, now))
        }
        CallState::Approved => Some(answer_of(row, now)),
        _ => None,
    }
}

/// Traces a call whose end will not be seen, with what came of the question about it, where there was one.
fn close(
    tx: &Tx<'_>,
    judge: &Judge,
    key: &str,
    row: &CallRow,
    approval: Option<&Approval>,
    to: CallState,
) -> rusqlite::Result<()> {
    match judge.before_only(row, approval) {
        Some(trace) => drop(tx.append(vec![trace.map_err(not_sql)?])?),
        None => tx.lose_call()?,
    }
    tx.move_call(key, to)
}
