//! From a judged call and its outcome to the AP-Trace that tells them.

use serde_json::{Map, Value};

use super::{
    Action, ActionType, Alternative, Context, DecisionRecord, Escalation, Metadata, NEW_TOOL,
    Trace, Trigger,
};
use crate::call::{Decision, OutcomeKind, Verdict};
use crate::card::{self, AlignmentCard};
use crate::id::{AgentId, StreamId, TraceId};
use crate::timestamp::Timestamp;
use crate::verify::condition;

/// Everything that a trace is made of. What is content (`params`, `result`, `error`, `extra`) comes masked already.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The id, minted by whoever judged.
    pub trace_id: TraceId,
    /// Who acted.
    pub agent_id: AgentId,
    /// When the call was asked for.
    pub timestamp: Timestamp,
    /// The tool's name.
    pub tool: String,
    /// The arguments as published.
    pub params: Option<Value>,
    /// The verdict.
    pub verdict: Verdict,
    /// Allow, deny or error.
    pub action_type: ActionType,
    /// See [`Metadata::outcome`].
    pub outcome: &'static str,
    /// The result as published.
    pub result: Value,
    /// The tool's error.
    pub error: Option<String>,
    /// A command's exit code.
    pub exit_code: Option<i64>,
    /// Milliseconds; none when the end was not seen.
    pub duration_ms: Option<u64>,
    /// The runtime.
    pub runtime: String,
    /// The conversation.
    pub session_id: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// The runtime's id of the call.
    pub call_id: Option<String>,
    /// Other arguments ran than were asked for.
    pub params_rewritten: bool,
    /// The stream this one goes on from.
    pub succeeds: Option<StreamId>,
    /// Anything else for the metadata.
    pub extra: Map<String, Value>,
}

impl OutcomeKind {
    /// The word that [`Metadata::outcome`] carries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Abandoned => "abandoned",
        }
    }

    /// What a call that ended so counts as.
    pub fn action_type(self) -> ActionType {
        match self {
            Self::Completed | Self::Running => ActionType::Allow,
            Self::Failed | Self::Abandoned => ActionType::Error,
        }
    }
}

/// What stands before a forbidden tool's name where it was refused.
pub(crate) const REFUSE: &str = "refuse ";

/// Makes the AP-Trace, under `card`.
///
/// - An allowed tool that the card lists is `bounded`; one that it does not list is `escalation_trigger` with the
///   escalation evaluated and not required, so that a new tool is not reported as a violation of the card.
/// - AAP splits action names at `", "` and cuts them at `:`, so both are replaced in `action.name`; `tool_name` is exact.
/// - AAP's verifiers find a violation in every trace that names a forbidden tool, also in one that tells that it did not run. So
///   what was done instead is the action: `refuse delete_repo`.
/// - A tool that the card does not know by any of its names is told as [`NEW_TOOL`].
/// - Where a trigger that only records holds, the escalation says so; verifiers ask for that whatever the trigger's action is.
/// - `values_applied` holds declared values only; the rest is still told in `values_violated`.
pub fn make(made: Made, card: &AlignmentCard) -> Trace {
    let denied = made.action_type == ActionType::Deny;
    let name = action_name(&made.tool);
    let listed = card.allows(&name);
    let name = if denied && card::listed(&card.autonomy.forbidden_actions, &name) {
        format!("{REFUSE}{name}")
    } else {
        name
    };
    let category = if denied || !listed {
        "escalation_trigger"
    } else {
        "bounded"
    };
    let (violated, declared): (&Vec<String>, _) = (&made.verdict.values_violated, card);
    let mut values_applied: Vec<String> = violated
        .iter()
        .filter(|value| declared.declares(value))
        .cloned()
        .collect();
    if values_applied.is_empty() && card.declares("transparency") {
        values_applied.push("transparency".to_owned());
    }
    let selected = if denied { "deny" } else { "allow" };
    let mut extra = made.extra;
    if !listed && !card.knows(&made.tool) {
        extra.insert(NEW_TOOL.to_owned(), Value::Bool(true));
    }
    let trace = Trace {
        trace_id: made.trace_id,
        agent_id: made.agent_id,
        card_id: card.card_id.clone(),
        timestamp: made.timestamp,
        action: Action {
            kind: if denied { "deny" } else { "execute" }.to_owned(),
            name,
            category: category.to_owned(),
            parameters: made.params.map(as_object),
        },
        decision: DecisionRecord {
            alternatives_considered: vec![
                Alternative {
                    option_id: "allow".to_owned(),
                    description: format!("run {}", made.tool),
                },
                Alternative {
                    option_id: "deny".to_owned(),
                    description: format!("refuse {}", made.tool),
                },
            ],
            selected: selected.to_owned(),
            selection_reasoning: made.verdict.reason.clone(),
            values_applied,
            confidence: Some(1.0),
        },
        escalation: escalation(denied, listed, &made.verdict),
        context: Context {
            session_id: made.session_id,
            metadata: Metadata {
                action_type: made.action_type,
                tool_name: made.tool,
                duration_ms: made.duration_ms,
                result: made.result,
                outcome: made.outcome.to_owned(),
                conscience_reason: made.verdict.reason,
                values_violated: made.verdict.values_violated,
                rule_id: made.verdict.rule_id,
                advice: made.verdict.advice,
                effects: made.verdict.effects,
                exception: made.verdict.exception,
                error: made.error,
                exit_code: made.exit_code,
                runtime: made.runtime,
                run_id: made.run_id,
                tool_call_id: made.call_id,
                params_rewritten: made.params_rewritten,
                succeeds: made.succeeds,
                gap: None,
                link: None,
                extra,
            },
        },
    };
    recorded(trace, card)
}

/// `trace` with the triggers that hold and only record, in the reading of AAP's verifiers.
fn recorded(mut trace: Trace, card: &AlignmentCard) -> Trace {
    let triggers = card.autonomy.escalation_triggers.iter();
    let mut recording = triggers
        .filter(|trigger| trigger.action == "log")
        .peekable();
    if recording.peek().is_none() {
        return trace;
    }
    // A trace is JSON; one that was not would hold nothing that a trigger could ask for.
    let document = serde_json::to_value(&trace).unwrap_or_default();
    let held: Vec<_> = recording
        .filter(|trigger| condition::fires(&trigger.condition, &document))
        .collect();
    let Some(first) = held.first() else {
        return trace;
    };
    let escalation = trace.escalation.get_or_insert_with(|| Escalation {
        evaluated: true,
        required: false,
        reason: String::new(),
        triggers_checked: Vec::new(),
        escalation_id: None,
        escalation_status: None,
        principal_response: None,
    });
    if !escalation.required {
        escalation.required = true;
        escalation.reason = format!("the card has this recorded, nobody asked: {}", first.reason);
    }
    let checked = held.into_iter().map(|trigger| Trigger {
        trigger: trigger.condition.clone(),
        matched: true,
    });
    escalation.triggers_checked.extend(checked);
    trace
}

fn escalation(denied: bool, listed: bool, verdict: &Verdict) -> Option<Escalation> {
    if denied {
        let asked = verdict.decision == Decision::Ask;
        return Some(Escalation {
            evaluated: true,
            required: true,
            reason: if asked {
                "a person had to agree and none could be asked"
            } else {
                "conscience refused"
            }
            .to_owned(),
            triggers_checked: verdict
                .rule_id
                .iter()
                .map(|rule| Trigger {
                    trigger: rule.clone(),
                    matched: true,
                })
                .collect(),
            escalation_id: None,
            escalation_status: Some("denied".to_owned()),
            principal_response: None,
        });
    }
    (!listed).then(|| Escalation {
        evaluated: true,
        required: false,
        reason: "the card does not list this tool; the conscience judged the call itself"
            .to_owned(),
        triggers_checked: Vec::new(),
        escalation_id: None,
        escalation_status: None,
        principal_response: None,
    })
}

/// AAP's parameters are an object; anything else goes in as its `value`.
fn as_object(params: Value) -> Value {
    if params.is_object() {
        params
    } else {
        serde_json::json!({ "value": params })
    }
}

/// A tool's name as AAP's verifiers can match it.
fn action_name(tool: &str) -> String {
    let name = tool.replace(", ", "_").replace(':', "_");
    if name.trim().is_empty() {
        "unnamed".to_owned()
    } else {
        name
    }
}
