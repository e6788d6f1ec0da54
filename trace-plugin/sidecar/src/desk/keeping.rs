//! What is kept of a call until its end is seen, and of a session for its next call. Masked before it is kept.

use aap::{Approval, ToolCall};
use redact::Redacted;
use serde_json::Value;

use super::making::{self, MakingError};
use super::{Judge, Judgement};
use crate::clock;
use crate::event::Seen;
use crate::spool::{CallRow, CallState, PendingCall};

/// A digest that tells whether other parameters ran, and nothing else: salted, and never published.
fn params_digest(salt: &str, params: &Value) -> String {
    let mut bytes = salt.as_bytes().to_vec();
    bytes.extend(aap::canon::to_vec(params).unwrap_or_default());
    format!("{salt}:{}", aap::chain::Digest::of(&bytes))
}

pub(super) fn same_params(digest: &str, params: &Value) -> bool {
    digest
        .split_once(':')
        .is_some_and(|(salt, _)| params_digest(salt, params) == digest)
}

impl Judge {
    /// What is remembered of a call until its end is seen.
    pub(super) fn pending(
        &self,
        call: &ToolCall,
        judgement: &Judgement,
    ) -> Result<Redacted<PendingCall>, MakingError> {
        let content = self.content(call, &Value::Null);
        Ok(self.redactor.seal(PendingCall {
            tool: call.tool.clone(),
            params: content.params,
            params_digest: params_digest(&clock::salt(), &call.params),
            verdict: judgement.verdict.clone(),
            runtime: call.runtime.clone(),
            session_id: call.session_id.clone(),
            run_id: call.run_id.clone(),
            call_id: call.call_id.clone(),
            subagent_id: call.subagent_id.clone(),
            cwd: call.cwd.clone(),
            masked: content.masked,
            secrets: judgement.secrets.clone(),
            approval: None,
            traceparent: call.traceparent.clone(),
            parent_call_id: call.parent_call_id.clone(),
            over_budget: call.over_budget,
        })?)
    }

    /// What is remembered of a call, with what a person said about it.
    pub(super) fn approved(
        &self,
        pending: PendingCall,
        approval: Approval,
    ) -> Result<Redacted<PendingCall>, MakingError> {
        Ok(self.redactor.seal(PendingCall {
            approval: Some(approval),
            ..pending
        })?)
    }

    /// What a session has read, as it may be kept.
    pub(super) fn secrets(
        &self,
        secrets: Vec<String>,
    ) -> Result<Redacted<Vec<String>>, MakingError> {
        Ok(self.redactor.seal(secrets)?)
    }

    /// The judgement that a call's after-event is told with: what was said before, or anew where something else ran, or
    /// nothing was said. `remembered` is what its session has read by now.
    pub(super) fn judgement_after(
        &self,
        call: &ToolCall,
        seen: &Seen,
        row: Option<&CallRow>,
        remembered: Vec<String>,
    ) -> Judgement {
        let Some(CallRow {
            state,
            pending: Some(pending),
            ..
        }) = row
        else {
            return self.judge(call, remembered);
        };
        // What did not run is told as it was asked for.
        let as_asked = *state != CallState::GivenUp && !making::ran(seen);
        if as_asked || same_params(&pending.params_digest, &call.params) {
            return Judgement {
                verdict: pending.verdict.clone(),
                secrets: pending.secrets.clone(),
            };
        }
        self.judge(call, remembered)
    }
}
