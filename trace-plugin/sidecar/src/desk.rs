//! The desk: where a call is judged and recorded, for every way that calls come in.
//!
//! A [`Judge`] knows the card, the policies and what may be published; it has no state. A [`Desk`] is a judge with a spool:
//! it pairs what was seen before a call with what is seen after it, and makes exactly one trace of the two.

use std::sync::Arc;
use std::time::Duration;

use aap::card::{AlignmentCard, Mode};
use aap::{Decision, Timestamp, ToolCall, TraceId, Verdict};
use conscience::Conscience;
use redact::Redactor;

use crate::clock;
use crate::event::{CallKey, Seen};
use crate::spool::{CallState, Prepared, Spool, SpoolError};
use crate::world::Machine;

mod making;

pub use making::Finished;

/// How long a call that was only seen before it ran waits for its end. Then it becomes a trace without one; if the end is
/// seen after all, a second trace tells it and names the first.
pub const ORPHAN_AFTER: Duration = Duration::from_secs(30);
/// How many such calls one sweep takes, so that it never holds up a verdict for long.
const SWEEP_LIMIT: u32 = 200;

/// Judges calls and makes their traces. Without state; share it.
pub struct Judge {
    conscience: Arc<Conscience>,
    machine: Machine,
    redactor: Redactor,
    card: AlignmentCard,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge")
            .field("card", &self.card.card_id)
            .finish_non_exhaustive()
    }
}

impl Judge {
    /// A judge under `card`.
    pub fn new(
        conscience: Arc<Conscience>,
        machine: Machine,
        redactor: Redactor,
        card: AlignmentCard,
    ) -> Self {
        Self {
            conscience,
            machine,
            redactor,
            card,
        }
    }

    /// The card that calls are judged under.
    pub fn card(&self) -> &AlignmentCard {
        &self.card
    }

    /// What the conscience says of `call`; an allowance when the card has it off.
    pub fn verdict(&self, call: &ToolCall) -> Verdict {
        if self.card.autonomy_mode == Mode::Off {
            return Verdict::allow("The card has the conscience off");
        }
        self.conscience.judge(call, &self.machine)
    }

    /// What the verdict does under the card's mode: only `enforce` stops a call.
    pub fn applied(&self, verdict: &Verdict) -> Decision {
        if self.card.autonomy_mode == Mode::Enforce {
            verdict.decision
        } else {
            Decision::Allow
        }
    }
}

/// The answer to a before-event.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the conscience says.
    pub verdict: Verdict,
    /// What that does under the card's mode.
    pub decision: Decision,
    /// The id that the call's trace has or will have.
    pub trace_id: TraceId,
}

/// A judge with a spool.
#[derive(Debug)]
pub struct Desk {
    judge: Arc<Judge>,
    spool: Result<Spool, String>,
}

impl Desk {
    /// A desk that records into `spool`.
    pub fn new(judge: Arc<Judge>, spool: Spool) -> Self {
        Self {
            judge,
            spool: Ok(spool),
        }
    }

    /// A desk that judges and cannot record, and why: the agent is answered all the same.
    pub fn judging_only(judge: Arc<Judge>, why: String) -> Self {
        Self {
            judge,
            spool: Err(why),
        }
    }

    /// The judge.
    pub fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// Takes a before-event whose `verdict` is known, and commits what must be before it is answered.
    ///
    /// A refusal is traced now. Anything else is remembered until its end is seen. A hook that fires twice for one call
    /// gets the same answer and makes no second trace.
    ///
    /// # Errors
    /// [`SpoolError`]: the verdict stands all the same, but nothing was recorded.
    pub fn before(&mut self, call: &ToolCall, verdict: &Verdict) -> Result<TraceId, SpoolError> {
        let key = CallKey::of(call);
        let refused = self.judge.applied(verdict) == Decision::Deny;
        let now = clock::now();
        let id = clock::trace_id(now);
        let judge = &self.judge;
        let refusal = refused
            .then(|| judge.refusal(call, verdict, id, now))
            .transpose();
        let pending = (!refused).then(|| judge.pending(call, verdict)).transpose();
        opened(&mut self.spool)?.transact(refused, |tx| {
            tx.heard(&call.runtime, now)?;
            if let Some(known) = tx.call(&key)? {
                let again = key.is_by_content() && known.state != CallState::Pending;
                if !again {
                    return Ok(known.trace_id);
                }
            }
            if let Some(trace) = refusal.map_err(not_sql)? {
                tx.append(vec![trace])?;
                tx.put_call(&key, CallState::Refused, now, id, None)?;
            } else {
                let pending = pending.map_err(not_sql)?;
                tx.put_call(&key, CallState::Pending, now, id, pending)?;
            }
            Ok(id)
        })
    }

    /// Takes an after-event, and makes the call's trace of it and of what was seen before.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn after(&mut self, call: &ToolCall, seen: &Seen) -> Result<Option<TraceId>, SpoolError> {
        let key = CallKey::of(call);
        let now = clock::now();
        let fresh = clock::trace_id(now);
        let judge = &self.judge;
        opened(&mut self.spool)?.transact(making::is_refusal(seen), |tx| {
            tx.heard(&call.runtime, now)?;
            let known = tx.call(&key)?;
            let (trace, id) = match &known {
                Some(row) => match row.state {
                    CallState::Traced => return Ok(None),
                    CallState::Refused if !making::ran(seen) => return Ok(None),
                    // It was refused and ran all the same: that is worth a trace of its own.
                    CallState::Refused => {
                        (judge.ran_after_refusal(call, seen, row, fresh, now), fresh)
                    }
                    CallState::GivenUp => (judge.late(call, seen, row, fresh), fresh),
                    CallState::Pending => (judge.paired(call, seen, row), row.trace_id),
                },
                None => (judge.after_only(call, seen, fresh, now), fresh),
            };
            tx.append(vec![trace.map_err(not_sql)?])?;
            if known.is_some() {
                tx.move_call(key.as_str(), CallState::Traced)?;
            } else {
                tx.put_call(&key, CallState::Traced, now, id, None)?;
            }
            Ok(Some(id))
        })
    }

    /// Records calls of our own process that have ended, in one commit.
    ///
    /// # Errors
    /// [`SpoolError`]: none of them was recorded.
    pub fn finished(&mut self, calls: &[Finished]) -> Result<(), SpoolError> {
        let judge = &self.judge;
        let traces: Result<Vec<Prepared>, _> =
            calls.iter().map(|call| judge.finished(call)).collect();
        let now = clock::now();
        let durable = traces
            .as_ref()
            .is_ok_and(|traces| traces.iter().any(Prepared::is_refusal));
        opened(&mut self.spool)?.transact(durable, |tx| {
            for call in calls {
                tx.heard(&call.call.runtime, now)?;
            }
            tx.append(traces.map_err(not_sql)?).map(drop)
        })
    }

    /// Makes traces of calls whose end was never seen, and forgets old ones. Returns how many traces were made.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn sweep(&mut self, now: Timestamp) -> Result<usize, SpoolError> {
        let waited = i64::try_from(ORPHAN_AFTER.as_millis()).unwrap_or(i64::MAX);
        let since = Timestamp::from_millis(now.millis() - waited);
        let judge = &self.judge;
        opened(&mut self.spool)?.transact(false, |tx| {
            let mut made = 0;
            for (key, row) in tx.waiting_since(since, SWEEP_LIMIT)? {
                if let Some(trace) = judge.before_only(&row) {
                    tx.append(vec![trace.map_err(not_sql)?])?;
                    made += 1;
                }
                tx.move_call(&key, CallState::GivenUp)?;
            }
            tx.forget_calls(now)?;
            Ok(made)
        })
    }

    /// Counts calls that could not be recorded.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn count_dropped(&mut self, calls: u64) -> Result<(), SpoolError> {
        opened(&mut self.spool)?.transact(true, |tx| tx.count_dropped(calls))
    }
}

fn opened(spool: &mut Result<Spool, String>) -> Result<&mut Spool, SpoolError> {
    spool
        .as_mut()
        .map_err(|why| SpoolError::Absent(why.clone()))
}

fn not_sql(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

#[cfg(test)]
mod tests;
