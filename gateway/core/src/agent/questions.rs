//! Questions to the person at the chat: open until they are answered, time is up, or whoever asked has gone away.
//!
//! How a question is recorded is the hook's business, behind `aap`'s gate; how it travels is `http`'s.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aap::gate::{Ask, Asking};
use aap::{Approval, ApprovalStatus, Evidence, Judged, Timestamp, ToolCall, TraceId, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clock::now;

/// A question, as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// Names it; AAP's `escalation_id`.
    pub id: String,
    /// The conversation.
    pub session_id: Option<String>,
    /// The tool.
    pub tool: String,
    /// The arguments that it would run with.
    pub params: Value,
    /// The directory that it would run in.
    pub cwd: Option<String>,
    /// The id that the call's trace will have.
    pub trace_id: TraceId,
    /// When it was put.
    pub asked_at: Timestamp,
    /// Milliseconds that there are to answer it.
    pub timeout_ms: u64,
    /// `verdict`, `reason`, `values_violated`, `rule_id`, `advice`, `effects`.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Yes, this once.
    Approve,
    /// No.
    Deny,
}

type Open = HashMap<String, (Question, oneshot::Sender<Decision>)>;

/// The questions that are open. There are never more than calls that may run, for a question holds its call's place.
#[derive(Debug)]
pub(crate) struct Questions {
    open: Mutex<Open>,
    limit: Duration,
}

impl Questions {
    /// None yet; each is open for `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            open: Mutex::default(),
            limit,
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> Vec<Question> {
        let mut all: Vec<Question> = self.open().values().map(|(one, _)| one.clone()).collect();
        all.sort_by_key(|question| (question.asked_at, question.trace_id));
        all
    }

    /// Answers a question; false when it is not open.
    pub(crate) fn answer(&self, id: &str, decision: Decision) -> bool {
        let open = self.open().remove(id);
        open.is_some_and(|(_, sender)| sender.send(decision).is_ok())
    }
}

/// Puts questions, and tells of each.
pub(crate) struct Asker<'a, T> {
    pub(crate) questions: &'a Questions,
    pub(crate) tell: T,
}

/// Takes a question back, however it came out.
struct Held<'a> {
    questions: &'a Questions,
    id: String,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.questions.open().remove(&self.id);
    }
}

impl<T: Fn(Question) + Send + Sync> Ask for Asker<'_, T> {
    fn ask<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Asking<'a> {
        Box::pin(async move {
            let limit = self.questions.limit;
            let question = Question {
                id: Approval::id_of(judged.trace_id),
                session_id: call.session_id.clone(),
                tool: call.tool.clone(),
                params: call.params.clone(),
                cwd: call.cwd.clone(),
                trace_id: judged.trace_id,
                asked_at: now(),
                timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                verdict: judged.verdict.clone(),
            };
            let (sender, answer) = oneshot::channel();
            let id = question.id.clone();
            self.questions
                .open()
                .insert(id.clone(), (question.clone(), sender));
            let _held = Held {
                questions: self.questions,
                id,
            };
            (self.tell)(question);
            let status = match timeout(limit, answer).await {
                Ok(Ok(Decision::Approve)) => ApprovalStatus::Approved,
                Ok(Ok(Decision::Deny)) => ApprovalStatus::Denied,
                // The sender lies in the map until it is used, so only time ends a wait without an answer.
                Ok(Err(_)) | Err(_) => ApprovalStatus::Timeout,
            };
            Approval::new(judged.trace_id, status, Evidence::Told, now())
        })
    }
}
