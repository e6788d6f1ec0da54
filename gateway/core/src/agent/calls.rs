//! One tool call: judged, perhaps put to a person, run, told.

use std::time::Duration;

use aap::{ApprovalStatus, Decision, OutcomeKind, ToolCall};
use serde_json::Value;

use super::answer::{CallReply, Reply, Step};
use super::ask::Ask;
use super::questions::Asker;
use super::run::Run;
use super::{Agent, RUNTIME};

impl Agent {
    /// Makes a call for `run` and tells of each step. Dropping the future ends what runs and abandons the call.
    pub(super) async fn call(
        &self,
        run: &Run,
        ask: &Ask,
        call_id: String,
        tool: String,
        params: Value,
    ) -> Reply {
        let unreadable = crate::model::unreadable(&params).is_some();
        let mut call = ToolCall {
            session_id: Some(run.session().to_owned()),
            run_id: Some(run.id().to_owned()),
            call_id: Some(call_id.clone()),
            channel: Some(run.channel().to_owned()),
            role: Some(ask.role.clone()),
            ..ToolCall::new(RUNTIME, tool.clone(), params.clone())
        };
        call.cwd = Some(self.toolbox.directory(&call));
        let known = self.toolbox.find(&tool).is_some();
        let mut counted = self.metrics.call(&tool, known);
        run.step(Step::Judging {
            call_id: call_id.clone(),
            tool: tool.clone(),
            params,
        });
        let cwd = call.cwd.clone();
        let told = |trace_id, verdict, approval| CallReply {
            tool: tool.clone(),
            cwd,
            trace_id,
            trace_url: format!("{}{}", self.dashboard_url, aap::paths::trace_page(trace_id)),
            verdict,
            approval,
            result: Value::Null,
            error: None,
            exit_code: None,
            duration_ms: 0,
        };
        let asker = Asker {
            questions: &self.questions,
            tell: |question| run.step(Step::Asking(Box::new(question))),
        };
        // Nobody is asked about what cannot be run.
        let asked = if ask.asks && !unreadable {
            self.gate.ask_with(call, &asker).await
        } else {
            self.gate.ask(call).await
        };
        let admitted = match asked {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let judged = refusal.judged;
                counted.judged(judged.verdict.decision);
                counted.refused();
                let approval = judged.approval.map(|approval| approval.status);
                return Reply::Refusal(Box::new(told(judged.trace_id, judged.verdict, approval)));
            }
        };
        run.step(Step::Running {
            call_id,
            tool: tool.clone(),
            trace_id: admitted.trace_id(),
        });
        let verdict = admitted.verdict().clone();
        counted.judged(verdict.decision);
        // Of what runs, an ask is one that was approved.
        let approval = (verdict.decision == Decision::Ask).then_some(ApprovalStatus::Approved);
        let executed = self.toolbox.execute(admitted).await;
        let outcome = executed.outcome;
        let well = outcome.kind == OutcomeKind::Completed;
        counted.ran(well, Duration::from_millis(outcome.duration_ms));
        let reply = Box::new(CallReply {
            result: outcome.result,
            error: outcome.error,
            exit_code: outcome.exit_code,
            duration_ms: outcome.duration_ms,
            ..told(executed.trace_id, verdict, approval)
        });
        if well {
            Reply::Result(reply)
        } else {
            Reply::Failure(reply)
        }
    }
}
