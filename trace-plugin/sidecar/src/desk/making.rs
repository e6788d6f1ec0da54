//! From what was seen of a call to its masked trace.

mod imported;
mod many;

use aap::trace::{Made, make};
use aap::{
    ActionType, Approval, ApprovalStatus, Decision, Evidence, Judged, Outcome, Timestamp, ToolCall,
    TraceId, Verdict,
};
use redact::{Level, Redacted, SealError};
use serde_json::{Map, Value, json};

use super::keeping::same_params;
use super::{Judge, Judgement, telling};
use crate::clock;
use crate::event::{Ended, Seen, is_proof};
use crate::spool::{CallRow, CallState, NotPrepared, Prepared};

/// Why no trace can be made; only a defect leads there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakingError {
    /// It could not be masked.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It could not be committed to.
    #[error(transparent)]
    Prepared(#[from] NotPrepared),
}

/// A call of our own process that was admitted or refused, and has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The call.
    pub call: ToolCall,
    /// Its verdict and the id of its trace.
    pub judged: Judged,
    /// When it was asked for.
    pub at: Timestamp,
    /// How it ended; none when it was refused.
    pub outcome: Option<Outcome>,
}

/// Whether the after-event of a call shows that it ran.
pub(super) fn ran(seen: &Seen) -> bool {
    matches!(seen.ended, Ended::Completed | Ended::Running)
}

/// Whether the trace will be a refusal, which must survive the loss of power.
pub(super) fn is_refusal(seen: &Seen) -> bool {
    seen.ended == Ended::Blocked
}

fn action_type(seen: &Seen) -> ActionType {
    match seen.ended {
        Ended::Completed | Ended::Running => ActionType::Allow,
        Ended::Failed => ActionType::Error,
        Ended::Blocked => ActionType::Deny,
    }
}

fn outcome(seen: &Seen) -> &'static str {
    match seen.ended {
        Ended::Completed => "completed",
        Ended::Failed => "failed",
        Ended::Running => "running",
        Ended::Blocked => "observed_deny",
    }
}

/// The verdict that a trace tells when somebody else stopped the call: theirs, not ours.
fn foreign(verdict: &Verdict, seen: &Seen) -> Verdict {
    if verdict.decision != Decision::Allow {
        // We asked, and it was not granted: our reason is why.
        return verdict.clone();
    }
    Verdict {
        decision: Decision::Deny,
        reason: seen
            .error
            .clone()
            .unwrap_or_else(|| "Stopped before it ran; no reason was given".to_owned()),
        // Whoever stopped it spoke for the user.
        values_violated: vec!["user_control".to_owned()],
        rule_id: None,
        advice: None,
        effects: verdict.effects.clone(),
        exception: verdict.exception.clone(),
    }
}

/// What the end of a call tells about the question that was put before it: what a person said, where that was told, else
/// that it ran, or was stopped. None where nobody was asked.
fn observed(row: &CallRow, seen: &Seen, now: Timestamp) -> Option<Approval> {
    if let Some(told) = row.pending.as_ref().and_then(|call| call.approval.clone()) {
        return Some(told);
    }
    if !matches!(row.state, CallState::Asked | CallState::GivenUp) {
        return None;
    }
    let status = match seen.ended {
        Ended::Completed | Ended::Running | Ended::Failed => ApprovalStatus::Approved,
        Ended::Blocked => ApprovalStatus::Denied,
    };
    Some(Approval::new(row.trace_id, status, Evidence::Observed, now))
}

fn timed_out(approval: Option<&Approval>) -> bool {
    approval.is_some_and(|approval| approval.status == ApprovalStatus::Timeout)
}

/// The content of a trace after masking.
pub(super) struct Content {
    pub(super) params: Option<Value>,
    result: Value,
    pub(super) masked: Value,
}

impl Judge {
    pub(super) fn content(&self, call: &ToolCall, result: &Value) -> Content {
        let params = self.redactor.params(&call.tool, &call.params);
        let salt = clock::random::<16>();
        let result = (!result.is_null()).then(|| self.redactor.result(&call.tool, result, &salt));
        let result_masks = result.as_ref().map_or(&[][..], Redacted::masked);
        let masked = telling::counted(&[params.masked(), result_masks]);
        Content {
            params: Some(params.into_inner()),
            result: result.map_or(Value::Null, Redacted::into_inner),
            masked,
        }
    }

    fn extra(call: &ToolCall, masked: Value) -> Map<String, Value> {
        let mut extra = Map::new();
        if let Some(cwd) = &call.cwd {
            extra.insert("cwd".to_owned(), json!(cwd));
        }
        if let Some(subagent) = &call.subagent_id {
            extra.insert("subagent_id".to_owned(), json!(subagent));
        }
        if is_proof(call) {
            extra.insert("proof".to_owned(), json!(true));
        }
        if let Some(parent) = &call.traceparent {
            extra.insert("traceparent".to_owned(), json!(parent));
        }
        if let Some(parent) = &call.parent_call_id {
            extra.insert("parent_call_id".to_owned(), json!(parent));
        }
        if call.over_budget {
            extra.insert("over_budget".to_owned(), json!(true));
        }
        if masked.as_object().is_some_and(|masked| !masked.is_empty()) {
            extra.insert(telling::KEY.to_owned(), masked);
        }
        extra
    }

    fn base(
        &self,
        call: &ToolCall,
        content: Content,
        verdict: Verdict,
        id: TraceId,
        at: Timestamp,
    ) -> Made {
        Made {
            trace_id: id,
            agent_id: self.card().agent_id,
            timestamp: at,
            tool: call.tool.clone(),
            params: content.params,
            verdict,
            action_type: ActionType::Allow,
            outcome: "completed",
            result: content.result,
            error: None,
            exit_code: None,
            duration_ms: None,
            runtime: call.runtime.clone(),
            session_id: call.session_id.clone(),
            run_id: call.run_id.clone(),
            call_id: call.call_id.clone(),
            params_rewritten: false,
            succeeds: None,
            extra: Self::extra(call, content.masked),
        }
    }

    /// A tool's error is a result like any other: where only shapes are published, so is it.
    fn error(&self, made: &mut Made, error: &str) -> String {
        match self.redactor.level(&made.tool) {
            Level::None | Level::Shape => format!("[error, {} chars]", error.chars().count()),
            Level::Preview | Level::Full => {
                let text = self.redactor.text(error);
                telling::add(&mut made.extra, text.masked());
                text.into_inner()
            }
        }
    }

    /// Masks the whole of a trace and commits to it: the one way into the spool.
    fn seal(&self, made: Made) -> Result<Prepared, MakingError> {
        self.seal_answered(made, None)
    }

    /// As [`Self::seal`], telling what came of asking a person, where one was asked.
    fn seal_answered(
        &self,
        made: Made,
        approval: Option<&Approval>,
    ) -> Result<Prepared, MakingError> {
        let card = self.in_force.at(made.timestamp);
        let trace = make(made, &card);
        let trace = match approval {
            Some(approval) => trace.answered(approval),
            None => trace,
        };
        let mut sealed = self.redactor.seal(trace)?;
        if !sealed.masked().is_empty() {
            // What stood outside of parameters and result: a session's name, a directory, somebody's reason.
            let masked = sealed.masked().to_vec();
            let mut trace = sealed.into_inner();
            telling::add(&mut trace.context.metadata.extra, &masked);
            sealed = self.redactor.seal(trace)?;
        }
        Ok(Prepared::new(sealed)?)
    }

    /// The trace of a call that we refused.
    pub(super) fn refusal(
        &self,
        call: &ToolCall,
        verdict: &Verdict,
        id: TraceId,
        at: Timestamp,
    ) -> Result<Prepared, MakingError> {
        self.seal(self.stopped(call, verdict, id, at))
    }

    fn stopped(&self, call: &ToolCall, verdict: &Verdict, id: TraceId, at: Timestamp) -> Made {
        let content = self.content(call, &Value::Null);
        let mut made = self.base(call, content, verdict.clone(), id, at);
        made.action_type = ActionType::Deny;
        made.outcome = "refused";
        made.duration_ms = Some(0);
        made
    }

    /// The trace of a call of our own process that did not run, and of the question about it where one was put.
    fn not_granted(
        &self,
        call: &ToolCall,
        judged: &Judged,
        approval: Option<&Approval>,
        at: Timestamp,
    ) -> Result<Prepared, MakingError> {
        let mut made = self.stopped(call, &judged.verdict, judged.trace_id, at);
        if timed_out(approval) {
            made.outcome = "unanswered";
        }
        self.seal_answered(made, approval)
    }

    fn ended(&self, made: &mut Made, seen: &Seen) {
        made.action_type = action_type(seen);
        made.outcome = outcome(seen);
        made.error = (seen.ended == Ended::Failed)
            .then(|| seen.error.as_deref().map(|error| self.error(made, error)))
            .flatten();
        made.exit_code = seen.exit_code;
        made.duration_ms = seen.duration_ms;
        if seen.ended == Ended::Blocked {
            if self.applied(&made.verdict) != Decision::Allow {
                // We had asked, and nobody said yes.
                made.outcome = "refused";
            }
            made.verdict = foreign(&made.verdict, seen);
            made.duration_ms = Some(0);
            if self.card().autonomy_mode == aap::card::Mode::Off {
                made.extra.insert("conscience".to_owned(), json!("off"));
            }
        }
    }

    /// The trace of a call that was seen before and after.
    pub(super) fn paired(
        &self,
        call: &ToolCall,
        seen: &Seen,
        row: &CallRow,
        judgement: Judgement,
        now: Timestamp,
    ) -> Result<Prepared, MakingError> {
        let Some(pending) = &row.pending else {
            return self.after_only(call, seen, row.trace_id, row.at, judgement);
        };
        let rewritten = ran(seen) && !same_params(&pending.params_digest, &call.params);
        let mut made = self.base(
            call,
            self.content(call, &seen.result),
            judgement.verdict,
            row.trace_id,
            row.at,
        );
        self.ended(&mut made, seen);
        // What only the before-event told.
        for (field, told) in [
            ("cwd", &pending.cwd),
            ("traceparent", &pending.traceparent),
            ("parent_call_id", &pending.parent_call_id),
        ] {
            if let (Some(told), None) = (told, made.extra.get(field)) {
                made.extra.insert(field.to_owned(), json!(told));
            }
        }
        if pending.over_budget {
            made.extra.insert("over_budget".to_owned(), json!(true));
        }
        let mut approval = observed(row, seen, now);
        if rewritten {
            made.params_rewritten = true;
            if made.verdict.decision != Decision::Allow {
                made.outcome = "ran_after_refusal";
            }
            // A yes was said to something else.
            approval = None;
        }
        if seen.duration_ms.is_none() && seen.ended != Ended::Blocked {
            made.duration_ms = u64::try_from(now.millis() - row.at.millis()).ok();
        }
        if timed_out(approval.as_ref()) {
            made.outcome = "unanswered";
        }
        self.seal_answered(made, approval.as_ref())
    }

    /// The trace of a call whose after-event came alone.
    pub(super) fn after_only(
        &self,
        call: &ToolCall,
        seen: &Seen,
        id: TraceId,
        at: Timestamp,
        judgement: Judgement,
    ) -> Result<Prepared, MakingError> {
        let content = self.content(call, &seen.result);
        let mut made = self.base(call, content, judgement.verdict, id, at);
        let refused = made.verdict.decision != Decision::Allow;
        self.ended(&mut made, seen);
        made.extra.insert("orphan".to_owned(), json!("after"));
        if seen.ended != Ended::Blocked {
            made.outcome = if refused && ran(seen) {
                "ran_after_refusal"
            } else {
                "orphan"
            };
        }
        self.seal(made)
    }

    /// The trace of a call whose end was never seen; none when nothing was kept of it. `approval` is what came of asking a
    /// person about it, where one was asked.
    pub(super) fn before_only(
        &self,
        row: &CallRow,
        approval: Option<&Approval>,
    ) -> Option<Result<Prepared, MakingError>> {
        let pending = row.pending.clone()?;
        let call = ToolCall {
            tool: pending.tool,
            params: pending.params.unwrap_or(Value::Null),
            cwd: pending.cwd,
            runtime: pending.runtime,
            session_id: pending.session_id,
            run_id: pending.run_id,
            call_id: pending.call_id,
            subagent_id: pending.subagent_id,
            channel: None,
            role: None,
            traceparent: pending.traceparent,
            parent_call_id: pending.parent_call_id,
            over_budget: pending.over_budget,
        };
        let content = Content {
            params: Some(call.params.clone()),
            result: Value::Null,
            masked: pending.masked,
        };
        let mut made = self.base(&call, content, pending.verdict, row.trace_id, row.at);
        if approval.is_none_or(Approval::is_granted) {
            made.outcome = "orphan";
            made.extra.insert("orphan".to_owned(), json!("before"));
        } else {
            // Nobody has said yes.
            made.action_type = ActionType::Deny;
            made.duration_ms = Some(0);
            made.outcome = if timed_out(approval) {
                "unanswered"
            } else {
                "refused"
            };
        }
        Some(self.seal_answered(made, approval))
    }

    /// The trace of an end that was seen after the call had been traced without one.
    pub(super) fn late(
        &self,
        call: &ToolCall,
        seen: &Seen,
        row: &CallRow,
        id: TraceId,
        judgement: Judgement,
        now: Timestamp,
    ) -> Result<Prepared, MakingError> {
        let same = row
            .pending
            .as_ref()
            .is_some_and(|pending| same_params(&pending.params_digest, &call.params));
        let content = self.content(call, &seen.result);
        let mut made = self.base(call, content, judgement.verdict, id, row.at);
        self.ended(&mut made, seen);
        made.extra
            .insert("completes".to_owned(), json!(row.trace_id));
        // The question is that of the first trace; here stands how it came out.
        let approval = (same && self.applied(&made.verdict) == Decision::Ask)
            .then(|| observed(row, seen, now))
            .flatten();
        self.seal_answered(made, approval.as_ref())
    }

    /// The trace of a call that ran although we had refused it.
    pub(super) fn ran_after_refusal(
        &self,
        call: &ToolCall,
        seen: &Seen,
        row: &CallRow,
        id: TraceId,
        at: Timestamp,
        judgement: Judgement,
    ) -> Result<Prepared, MakingError> {
        let content = self.content(call, &seen.result);
        let mut made = self.base(call, content, judgement.verdict, id, at);
        self.ended(&mut made, seen);
        made.action_type = ActionType::Error;
        made.outcome = "ran_after_refusal";
        made.error = Some("The agent ran a call that the conscience had refused".to_owned());
        made.extra
            .insert("completes".to_owned(), json!(row.trace_id));
        self.seal(made)
    }

    /// The trace of a call of our own process.
    pub(super) fn finished(&self, finished: &Finished) -> Result<Prepared, MakingError> {
        let Finished {
            call,
            judged,
            at,
            outcome,
        } = finished;
        let approval = judged.approval.as_ref();
        let Some(outcome) = outcome else {
            return self.not_granted(call, judged, approval, *at);
        };
        if judged.verdict.decision == Decision::Ask && approval.is_none() {
            // The question was taken back: whoever put it has gone away.
            let open = Approval::new(
                judged.trace_id,
                ApprovalStatus::Timeout,
                Evidence::Unseen,
                *at,
            );
            return self.not_granted(call, judged, Some(&open), *at);
        }
        let content = self.content(call, &outcome.result);
        let mut made = self.base(call, content, judged.verdict.clone(), judged.trace_id, *at);
        made.action_type = outcome.kind.action_type();
        made.outcome = outcome.kind.as_str();
        made.error = outcome
            .error
            .as_deref()
            .map(|error| self.error(&mut made, error));
        made.exit_code = outcome.exit_code;
        made.duration_ms = Some(outcome.duration_ms);
        self.seal_answered(made, approval)
    }
}
