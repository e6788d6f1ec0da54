//! The desk: where a call is judged and recorded, for every way that calls come in.
//!
//! A [`Judge`] knows the card, the policies and what may be published; it has no state. A [`Desk`] is a judge with a spool:
//! it pairs what was seen before a call with what is seen after it, and makes exactly one trace of the two.

use std::sync::Arc;
use std::time::Duration;

use aap::card::{AlignmentCard, Mode};
use aap::{Decision, Timestamp, ToolCall, TraceId, Verdict};
use conscience::Situation;
use redact::Redactor;

use crate::budget::{Budget, Late};
use crate::event::{CallKey, Ended, Seen, SessionKey, is_proof};
use crate::policies::Policies;
use crate::spool::{CallState, Prepared, Spool, SpoolError, Tx};
use crate::world::Machine;
use crate::{clock, fault};

mod in_force;
mod keeping;
mod making;
mod questions;
mod recording;
mod telling;

use in_force::InForce;
use recording::Records;

pub use in_force::EarlierCards;
pub use making::Finished;

/// How long a call that was only seen before it ran waits for its end. Then it becomes a trace without one; if the end is
/// seen after all, a second trace tells it and names the first.
pub const ORPHAN_AFTER: Duration = Duration::from_secs(30);
/// The same for a call that a person is asked about: people are slower than tools, and the tool runs only after the answer.
pub const ASKED_ORPHAN_AFTER: Duration = Duration::from_mins(10);
/// How many such calls one sweep takes, so that it never holds up a verdict for long.
const SWEEP_LIMIT: u32 = 200;

/// Judges calls and makes their traces. Without state; share it.
pub struct Judge {
    policies: Box<dyn Policies>,
    machine: Machine,
    redactor: Redactor,
    in_force: Arc<InForce>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge")
            .field("card", &self.card().card_id)
            .finish_non_exhaustive()
    }
}

impl Judge {
    /// A judge under `card`.
    pub fn new(
        policies: impl Policies + 'static,
        machine: Machine,
        redactor: Redactor,
        card: AlignmentCard,
    ) -> Self {
        Self {
            policies: Box::new(policies),
            machine,
            redactor,
            in_force: Arc::new(InForce::new(card)),
        }
    }

    /// A judge under `card`, who can ask for the cards before it: a trace names the card under which its call was judged, also
    /// where the call ended after the card had changed.
    #[must_use]
    pub fn after(mut self, earlier: impl EarlierCards + 'static) -> Self {
        let card = self.card().clone();
        self.in_force = Arc::new(InForce::new(card).after(earlier));
        self
    }

    /// The same judge, whose card is in force since then, instead of the one of `before`.
    pub(crate) fn replacing(mut self, before: &Self, since: Timestamp) -> Self {
        self.in_force = Arc::new(self.in_force.replacing(&before.in_force, since));
        self
    }

    /// The card that calls are judged under.
    pub fn card(&self) -> &AlignmentCard {
        &self.in_force.card
    }

    /// What the conscience says of `call` now, in a session that has read `secrets_read`; an allowance when the card has it
    /// off.
    pub fn judge(&self, call: &ToolCall, secrets_read: Vec<String>) -> Judgement {
        if self.card().autonomy_mode == Mode::Off {
            return Judgement::new(Verdict::allow("The card has the conscience off"));
        }
        let situation = Situation {
            at: Some(clock::now()),
            role: call.role.clone(),
            channel: call.channel.clone(),
            secrets_read,
        };
        let (verdict, secrets) =
            self.policies
                .current(call)
                .judge_and_learn(call, &self.machine, &situation);
        Judgement { verdict, secrets }
    }

    /// What the conscience says of `call`, of whose session nothing is known.
    pub fn verdict(&self, call: &ToolCall) -> Verdict {
        self.judge(call, Vec::new()).verdict
    }

    /// What the verdict does under the card's mode: only `enforce` stops a call.
    pub fn applied(&self, verdict: &Verdict) -> Decision {
        if self.card().autonomy_mode == Mode::Enforce {
            verdict.decision
        } else {
            Decision::Allow
        }
    }

    /// As [`Self::applied`], where a person can be asked or not: a question that nobody can put is a refusal.
    pub fn applied_where(&self, verdict: &Verdict, can_ask: bool) -> Decision {
        match self.applied(verdict) {
            Decision::Ask if !can_ask => Decision::Deny,
            decision => decision,
        }
    }
}

/// A verdict, and what the call would read that is secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What the conscience says.
    pub verdict: Verdict,
    /// Targets of what is secret; the session is to remember them once the call runs.
    pub secrets: Vec<String>,
}

impl Judgement {
    /// A verdict on a call that reads no secret.
    pub fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            secrets: Vec::new(),
        }
    }
}

/// A judge with a spool.
#[derive(Debug)]
pub struct Desk {
    judge: Arc<Judge>,
    records: Records,
    budget: Option<Budget>,
}

impl Desk {
    /// A desk that records into `spool`.
    pub fn new(judge: Arc<Judge>, spool: Spool) -> Self {
        Self {
            judge,
            records: Records::into(spool),
            budget: None,
        }
    }

    /// A desk that judges and cannot record, and why: the agent is answered all the same.
    pub fn judging_only(judge: Arc<Judge>, why: String) -> Self {
        Self {
            judge,
            records: Records::absent(why),
            budget: None,
        }
    }

    /// A desk whose agent waits for each answer no longer than `budget`; then the card's mode decides.
    #[must_use]
    pub fn within(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How late the answer is that is being made; none while there is time, and where nobody counts it.
    pub(crate) fn late(&self) -> Option<Late> {
        self.budget.and_then(|budget| budget.exceeded())
    }

    /// The next question has been read.
    pub(crate) fn asked_anew(&mut self) {
        if let Some(budget) = &mut self.budget {
            budget.restart();
        }
    }

    /// Has another judge judge from now on.
    pub(crate) fn replace_judge(&mut self, judge: Arc<Judge>) {
        self.judge = judge;
    }

    /// The judge.
    pub fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// Judges a call with what its session has read. Where that cannot be looked up, as if nothing were known of it: the
    /// call will not be recorded either, and whoever records it is told.
    pub fn judge_call(&self, call: &ToolCall) -> Judgement {
        let remembered = match (self.records.opened(), SessionKey::of(call)) {
            (Ok(spool), Some(session)) => spool.secrets_read(&session).unwrap_or_else(|error| {
                tracing::warn!(%error, "what the session has read cannot be looked up");
                Vec::new()
            }),
            _ => Vec::new(),
        };
        self.judge.judge(call, remembered)
    }

    /// Takes a before-event that was judged, and commits what must be before it is answered.
    ///
    /// A refusal is traced now. Anything else is remembered until its end is seen. A hook that fires twice for one call
    /// gets the same answer and makes no second trace. `can_ask`: the agent puts a verdict of ask to a person.
    ///
    /// # Errors
    /// [`SpoolError`]: the verdict stands all the same, but nothing was recorded.
    pub fn before(
        &mut self,
        call: &ToolCall,
        judgement: &Judgement,
        can_ask: bool,
    ) -> Result<TraceId, SpoolError> {
        let key = CallKey::of(call);
        let verdict = &judgement.verdict;
        let decision = self.judge.applied_where(verdict, can_ask);
        let refused = decision == Decision::Deny;
        let now = clock::now();
        let id = clock::trace_id(now);
        let judge = &self.judge;
        let refusal = refused
            .then(|| judge.refusal(call, verdict, id, now))
            .transpose();
        let pending = (!refused)
            .then(|| judge.pending(call, judgement))
            .transpose();
        self.records.record(judge, refused, |tx| {
            heard(tx, call, now)?;
            if let Some(known) = tx.call(&key)?
                && !fault::is_wrong("desk.no_dedupe")
            {
                let open = matches!(known.state, CallState::Pending | CallState::Asked);
                if open || !key.is_by_content() {
                    return Ok(known.trace_id);
                }
            }
            if let Some(trace) = refusal.map_err(not_sql)? {
                tx.append(vec![trace])?;
                tx.put_call(&key, CallState::Refused, now, id, None)?;
                return Ok(id);
            }
            let pending = pending.map_err(not_sql)?;
            if decision == Decision::Ask {
                tx.put_call(&key, CallState::Asked, now, id, pending)?;
            } else {
                tx.put_call(&key, CallState::Pending, now, id, pending)?;
                learn(tx, judge, call, &judgement.secrets, now)?;
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
        self.records.record(judge, making::is_refusal(seen), |tx| {
            heard(tx, call, now)?;
            let known = tx
                .call(&key)?
                .filter(|_| !fault::is_wrong("desk.no_dedupe"));
            match known.as_ref().map(|row| row.state) {
                Some(CallState::Traced) => return Ok(None),
                Some(CallState::Refused) if !making::ran(seen) => return Ok(None),
                _ => {}
            }
            let remembered = remembered(tx, call)?;
            let told = judge.judgement_after(call, seen, known.as_ref(), remembered);
            if seen.ended != Ended::Blocked {
                learn(tx, judge, call, &told.secrets, now)?;
            }
            let (trace, id) = match &known {
                // It was refused and ran all the same: that is worth a trace of its own.
                Some(row) if row.state == CallState::Refused => {
                    let trace = judge.ran_after_refusal(call, seen, row, fresh, now, told);
                    (trace, fresh)
                }
                Some(row) if row.state == CallState::GivenUp => {
                    (judge.late(call, seen, row, fresh, told, now), fresh)
                }
                Some(row) => (judge.paired(call, seen, row, told, now), row.trace_id),
                None => (judge.after_only(call, seen, fresh, now, told), fresh),
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

    /// Remembers what a call of our own process reads that is secret.
    ///
    /// # Errors
    /// [`SpoolError`]: nothing was recorded.
    pub fn learned(&mut self, call: &ToolCall, secrets: &[String]) -> Result<(), SpoolError> {
        let judge = &self.judge;
        let now = clock::now();
        self.records
            .record(judge, false, |tx| learn(tx, judge, call, secrets, now))
    }

    /// Records calls of our own process that have ended, in one commit.
    ///
    /// # Errors
    /// [`SpoolError`]: none of them was recorded.
    pub fn finished(&mut self, calls: &[Finished]) -> Result<(), SpoolError> {
        let judge = &self.judge;
        let traces = judge.all_finished(calls);
        let now = clock::now();
        let durable = traces
            .as_ref()
            .is_ok_and(|traces| traces.iter().any(Prepared::is_refusal));
        self.records.record(judge, durable, |tx| {
            for call in calls {
                heard(tx, &call.call, now)?;
                if call.judged.verdict.decision == Decision::Ask {
                    tx.move_call(CallKey::of(&call.call).as_str(), CallState::Traced)?;
                }
            }
            tx.append(traces.map_err(not_sql)?).map(drop)
        })
    }

    /// Makes traces of calls whose end was never seen, and forgets old ones. Returns how many traces were made.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn sweep(&mut self, now: Timestamp) -> Result<usize, SpoolError> {
        let before = |waited: Duration| {
            let waited = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.millis() - waited)
        };
        let (since, asked_since) = (before(ORPHAN_AFTER), before(ASKED_ORPHAN_AFTER));
        // A call from further ahead than that was seen before the clock was set back: nobody knows how long ago.
        let future = later(now, ORPHAN_AFTER);
        let judge = &self.judge;
        self.records.record(judge, false, |tx| {
            let mut made = 0;
            for (key, row) in tx.waiting_since(since, asked_since, future, SWEEP_LIMIT)? {
                let approval =
                    (row.state != CallState::Pending).then(|| questions::answer_of(&row, now));
                match judge.before_only(&row, approval.as_ref()) {
                    Some(trace) => {
                        tx.append(vec![trace.map_err(not_sql)?])?;
                        made += 1;
                    }
                    None => tx.lose_call()?,
                }
                tx.move_call(&key, CallState::GivenUp)?;
            }
            tx.forget_calls(now)?;
            Ok(made)
        })
    }

    /// When the next call without an end is due to be given up; none when no call is open.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn next_given_up(&mut self) -> Result<Option<Timestamp>, SpoolError> {
        let (open, asked) = self.records.opened()?.oldest_open()?;
        let due = [
            open.map(|at| later(at, ORPHAN_AFTER)),
            asked.map(|at| later(at, ASKED_ORPHAN_AFTER)),
        ];
        // Not a day later because the clock was a day ahead.
        let latest = later(clock::now(), ASKED_ORPHAN_AFTER);
        Ok(due.into_iter().flatten().min().map(|due| due.min(latest)))
    }

    /// Whether nothing waits: no link for the edge, no call for its end, no person's answer.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn is_idle(&mut self) -> Result<bool, SpoolError> {
        let depth = self.records.opened()?.depth()?;
        Ok(depth.waiting == 0 && depth.asked == 0 && self.next_given_up()?.is_none())
    }
}

/// Notes that the agent of `call` was heard. A call that `smoltbot init` makes to prove a hook is not the agent's own: it must
/// not look as if the agent ran its hooks.
fn heard(tx: &Tx<'_>, call: &ToolCall, now: Timestamp) -> rusqlite::Result<()> {
    if is_proof(call) {
        return Ok(());
    }
    tx.heard(&call.runtime, now)
}

/// The time that is so much later.
fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.millis() + i64::try_from(by.as_millis()).unwrap_or(0))
}

/// What the session of `call` has read by now.
fn remembered(tx: &Tx<'_>, call: &ToolCall) -> rusqlite::Result<Vec<String>> {
    SessionKey::of(call).map_or(Ok(Vec::new()), |session| tx.secrets_read(&session))
}

/// Remembers what a call that runs reads that is secret.
fn learn(
    tx: &Tx<'_>,
    judge: &Judge,
    call: &ToolCall,
    secrets: &[String],
    now: Timestamp,
) -> rusqlite::Result<()> {
    match SessionKey::of(call) {
        Some(session) if !secrets.is_empty() => {
            let secrets = judge.secrets(secrets.to_vec()).map_err(not_sql)?;
            tx.remember(&session, secrets, now)
        }
        _ => Ok(()),
    }
}

fn not_sql(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

#[cfg(test)]
mod tests;
