//! The record of a loss: what a spool could not keep is told in its own chain, by a trace like any other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Action, ActionType, Alternative, Context, DecisionRecord, Escalation, Metadata, Trace, Trigger,
};
use crate::card::{self, AlignmentCard};
use crate::id::TraceId;
use crate::timestamp::Timestamp;
use crate::verify::condition;

/// The name under which losses are told, in place of a tool's.
pub const GAP_TOOL: &str = "smoltbot.gap";

/// What could not be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Calls that have no trace, other than refusals.
    pub calls: u64,
    /// Refusals that have no trace.
    pub refusals: u64,
    /// Calls whose place in the chain stands and whose content was let go.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contents: u64,
    /// When the first was lost.
    pub since: Timestamp,
    /// When the last was lost.
    pub until: Timestamp,
    /// `spool full`, `disk full`, `io error`, `recorder overrun`, …
    pub why: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde calls"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Gap {
    /// The loss in a sentence.
    pub fn sentence(&self) -> String {
        let count = |count: u64, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {more}")),
        };
        let lost = [
            count(self.calls, "call", "calls"),
            count(self.refusals, "refusal", "refusals"),
            count(self.contents, "call's content", "calls' contents"),
        ];
        let lost: Vec<String> = lost.into_iter().flatten().collect();
        format!(
            "Not recorded: {} between {} and {} ({})",
            lost.join(", "),
            self.since,
            self.until,
            self.why
        )
    }
}

/// Makes the AP-Trace that tells `gap`, under `card`.
///
/// AAP knows no record of a loss. It is told as an action that its verifiers find nothing wrong with, whatever the card says: outside the
/// bounded ones and escalated, under a name that the card does not forbid, and with each trigger that holds told as one.
pub fn gap(gap: Gap, trace_id: TraceId, at: Timestamp, card: &AlignmentCard) -> Trace {
    let mut name = GAP_TOOL.to_owned();
    while card::listed(&card.autonomy.forbidden_actions, &name) {
        name.insert_str(0, "tell ");
    }
    let reason = gap.sentence();
    let values_applied = if card.declares("transparency") {
        vec!["transparency".to_owned()]
    } else {
        Vec::new()
    };
    let alternative = |id: &str, description: &str| Alternative {
        option_id: id.to_owned(),
        description: description.to_owned(),
    };
    let trace = Trace {
        trace_id,
        agent_id: card.agent_id,
        card_id: card.card_id.clone(),
        timestamp: at,
        action: Action {
            kind: "execute".to_owned(),
            name,
            category: "escalation_trigger".to_owned(),
            parameters: None,
        },
        decision: DecisionRecord {
            alternatives_considered: vec![alternative("tell", "tell what could not be recorded")],
            selected: "tell".to_owned(),
            selection_reasoning: reason.clone(),
            values_applied,
            confidence: Some(1.0),
        },
        escalation: Some(Escalation {
            evaluated: true,
            required: false,
            reason: "what was lost is told afterwards".to_owned(),
            triggers_checked: Vec::new(),
            escalation_id: None,
            escalation_status: None,
            principal_response: None,
        }),
        context: Context {
            session_id: None,
            metadata: Metadata {
                action_type: ActionType::Error,
                tool_name: GAP_TOOL.to_owned(),
                duration_ms: None,
                result: Value::Null,
                outcome: "gap".to_owned(),
                conscience_reason: reason,
                values_violated: Vec::new(),
                rule_id: None,
                advice: None,
                effects: Vec::new(),
                exception: None,
                error: None,
                exit_code: None,
                runtime: "smoltbot".to_owned(),
                run_id: None,
                tool_call_id: None,
                params_rewritten: false,
                succeeds: None,
                gap: Some(gap),
                link: None,
                extra: Map::new(),
            },
        },
    };
    with_triggers(trace, card)
}

/// Tells each of the card's triggers that holds: the verifiers ask for that, whoever could have been asked.
fn with_triggers(mut trace: Trace, card: &AlignmentCard) -> Trace {
    // A trace is JSON; one that was not would hold nothing that a trigger could ask for.
    let document = serde_json::to_value(&trace).unwrap_or_default();
    let triggers = card.autonomy.escalation_triggers.iter();
    let held: Vec<Trigger> = triggers
        .filter(|trigger| condition::fires(&trigger.condition, &document))
        .map(|trigger| Trigger {
            trigger: trigger.condition.clone(),
            matched: true,
        })
        .collect();
    if let Some(escalation) = trace.escalation.as_mut()
        && !held.is_empty()
    {
        escalation.required = true;
        escalation.triggers_checked = held;
    }
    trace
}
