//! A question to a person, and what came of it: AAP's escalation with its principal's response.
//!
//! In scope: the words, and how they stand in a trace. Not in scope: putting the question. Our gateway's chat does that
//! (crate `gateway`, through [`crate::gate::Gate::ask_with`]), or the agent's own runtime (crate `trace-plugin` tells it to).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::id::TraceId;
use crate::timestamp::Timestamp;
use crate::trace::{Alternative, Trace};

/// Where a question stands; AAP's four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalStatus {
    /// It was put; no answer is known yet.
    Pending,
    /// Somebody said yes to this one call.
    Approved,
    /// Somebody said no.
    Denied,
    /// Nobody answered in time.
    Timeout,
}

impl ApprovalStatus {
    /// The lower-case word used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
        }
    }
}

/// How we know what came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The answer was told to us.
    Told,
    /// It was not; that the call ran, or was stopped, shows it.
    Observed,
    /// Nothing was seen after the question.
    Unseen,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Told => "told",
            Self::Observed => "observed",
            Self::Unseen => "unseen",
        })
    }
}

/// One question and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// AAP's `escalation_id`: derived from the trace's id, so that both name each other.
    pub id: String,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// How we know.
    pub evidence: Evidence,
    /// The answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<PrincipalResponse>,
}

/// AAP's `principal_response`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalResponse {
    /// `approved` or `denied`.
    pub decision: String,
    /// When it was said, or seen.
    pub timestamp: Timestamp,
    /// What the yes was bound to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
}

/// The condition of every yes that we ask for: this call, not the next one like it.
pub const ONCE: &str = "this call only";

impl Approval {
    /// The question about the call whose trace is `trace`, answered by a person at `at` or not.
    pub fn new(trace: TraceId, status: ApprovalStatus, evidence: Evidence, at: Timestamp) -> Self {
        let response = match status {
            ApprovalStatus::Approved => Some(vec![ONCE.to_owned()]),
            ApprovalStatus::Denied => Some(Vec::new()),
            ApprovalStatus::Pending | ApprovalStatus::Timeout => None,
        };
        Self {
            id: Self::id_of(trace),
            status,
            evidence,
            response: response.map(|conditions| PrincipalResponse {
                decision: status.as_str().to_owned(),
                timestamp: at,
                conditions,
            }),
        }
    }

    /// The `escalation_id` of the question about the call whose trace is `trace`.
    pub fn id_of(trace: TraceId) -> String {
        format!("esc-{trace}")
    }

    /// Whether the call may run.
    pub fn is_granted(&self) -> bool {
        self.status == ApprovalStatus::Approved
    }

    /// What came of it, in a sentence.
    pub fn sentence(&self) -> &'static str {
        match (self.status, self.evidence) {
            (ApprovalStatus::Pending, _) => "a person was asked; no answer is known yet",
            (ApprovalStatus::Approved, Evidence::Told) => {
                "a person was asked and approved this call"
            }
            (ApprovalStatus::Approved, _) => {
                "a person was asked; the call ran after that, so it was approved"
            }
            (ApprovalStatus::Denied, Evidence::Told) => "a person was asked and said no",
            (ApprovalStatus::Denied, _) => {
                "a person had to be asked; the runtime stopped the call without a yes"
            }
            (ApprovalStatus::Timeout, Evidence::Unseen) => {
                "a person was asked; no yes was seen, so it was denied or not answered"
            }
            (ApprovalStatus::Timeout, _) => "a person was asked and did not answer in time",
        }
    }
}

impl Trace {
    /// The trace of a call about which a person was asked: its escalation tells the question and the answer.
    #[must_use]
    pub fn answered(mut self, approval: &Approval) -> Self {
        let rules = self.context.metadata.rule_id.iter();
        let triggers = rules.map(|rule| crate::trace::Trigger {
            trigger: rule.clone(),
            matched: true,
        });
        self.escalation = Some(crate::trace::Escalation {
            evaluated: true,
            required: true,
            reason: approval.sentence().to_owned(),
            triggers_checked: triggers.collect(),
            escalation_id: Some(approval.id.clone()),
            escalation_status: Some(approval.status.as_str().to_owned()),
            principal_response: approval.response.clone(),
        });
        "escalation_trigger".clone_into(&mut self.action.category);
        self.decision.alternatives_considered.push(Alternative {
            option_id: "ask".to_owned(),
            description: format!(
                "ask a person before running {}",
                self.context.metadata.tool_name
            ),
        });
        self.context
            .metadata
            .extra
            .insert("approval".to_owned(), json!(approval.evidence));
        self
    }
}
