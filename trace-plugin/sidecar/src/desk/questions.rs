//! Questions to a person: what is known between asking and the end of the call, whoever asks.

use aap::{Approval, ApprovalStatus, Evidence, Timestamp, ToolCall, TraceId};

use super::{Desk, Finished, Judge, Judgement, SWEEP_LIMIT, not_sql, opened};
use crate::clock;
use crate::event::{CallKey, SessionKey};
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
        opened(&mut self.spool)?.transact(true, |tx| {
            tx.heard(&call.runtime, now)?;
            let Some(row) = tx.call(&key)?.filter(|row| row.state == CallState::Asked) else {
                return Ok(None);
            };
            let approval = Approval::new(row.trace_id, status, evidence, now);
            if !approval.is_granted() {
                close(tx, judge, key.as_str(), &row, &approval, CallState::Refused)?;
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

    /// Takes the news that an agent waits for its user, or has gone: questions of that session that are open had no yes.
    /// Returns how many there were.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn turn_over(&mut self, session: &SessionKey) -> Result<usize, SpoolError> {
        let now = clock::now();
        let judge = &self.judge;
        opened(&mut self.spool)?.transact(true, |tx| {
            let open = tx.asked_in(session, SWEEP_LIMIT)?;
            for (key, row) in &open {
                let (status, evidence) = (ApprovalStatus::Denied, Evidence::Observed);
                let approval = Approval::new(row.trace_id, status, evidence, now);
                // If it runs after all, that will be told.
                close(tx, judge, key, row, &approval, CallState::GivenUp)?;
            }
            Ok(open.len())
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
        opened(&mut self.spool)?.transact(false, |tx| {
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
        opened(&mut self.spool)?.transact(true, |tx| {
            let open = tx.asked_here(u32::MAX)?;
            for (key, row) in &open {
                close(tx, judge, key, row, &answer_of(row, now), CallState::Traced)?;
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

/// Traces a call that was asked about and whose end will not be seen.
fn close(
    tx: &Tx<'_>,
    judge: &Judge,
    key: &str,
    row: &CallRow,
    approval: &Approval,
    to: CallState,
) -> rusqlite::Result<()> {
    if let Some(trace) = judge.before_only(row, Some(approval)) {
        tx.append(vec![trace.map_err(not_sql)?])?;
    }
    tx.move_call(key, to)
}
