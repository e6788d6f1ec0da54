//! AP-Trace: one tool call as the Agent Alignment Protocol tells it.
//!
//! The shape is that of AAP 2.0's `ap-trace.schema.json`; what is ours lives under `context.metadata`. Optional fields are
//! left out rather than written as null: the two reference verifiers read null differently.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::approval::PrincipalResponse;
use crate::chain::Digest;
use crate::id::{AgentId, StreamId, TraceId};
use crate::timestamp::Timestamp;

mod gap;
mod making;
#[cfg(test)]
mod tests;

pub use gap::{GAP_TOOL, Gap, gap};
pub(crate) use making::REFUSE;
pub use making::{Made, make};

/// What a viewer filters by: what became of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionType {
    /// It was allowed; as far as is known it ran.
    Allow,
    /// It was refused, also when a question was not granted.
    Deny,
    /// It ran and failed, or could not start.
    Error,
}

impl ActionType {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Error];

    /// The lower-case word used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }

    /// Reads the word that [`Self::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The word in the metadata of a call whose tool the card does not know.
pub const NEW_TOOL: &str = "new_tool";

/// What `context` and its metadata hold besides [`NEW_TOOL`]. AAP's verifiers look there first for what a trigger's condition names,
/// so no condition can be about a parameter of the same name.
pub const OWN_FIELDS: [&str; 45] = [
    "session_id",
    "conversation_turn",
    "prior_trace_ids",
    "environment",
    "metadata",
    "action_type",
    "tool_name",
    "duration_ms",
    "result",
    "outcome",
    "conscience_reason",
    "values_violated",
    "rule_id",
    "advice",
    "effects",
    "exception",
    "error",
    "exit_code",
    "runtime",
    "run_id",
    "tool_call_id",
    "params_rewritten",
    "succeeds",
    "stream",
    "seq",
    "prev",
    "salt",
    "commitment",
    "cwd",
    "redactions",
    "conscience",
    "orphan",
    "approval",
    "completes",
    "gap",
    "shape",
    "held_back",
    "channel",
    "role",
    "subagent_id",
    "proof",
    "source",
    "traceparent",
    "parent_call_id",
    "over_budget",
];

/// A whole AP-Trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// UUID version 7: carries its time.
    pub trace_id: TraceId,
    /// Who acted.
    pub agent_id: AgentId,
    /// The alignment card that the call was judged under.
    pub card_id: String,
    /// When the call was asked for.
    pub timestamp: Timestamp,
    /// What was to be done.
    pub action: Action,
    /// How it was decided.
    pub decision: DecisionRecord,
    /// Whether a person had to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Session and everything of ours.
    pub context: Context,
}

/// AAP's `action`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// `execute` or `deny` (AAP also has `recommend` and `escalate`).
    #[serde(rename = "type")]
    pub kind: String,
    /// The tool's name, made safe for AAP's name lists (see [`make`]).
    pub name: String,
    /// `bounded`, `escalation_trigger` or `forbidden`.
    pub category: String,
    /// The arguments as published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
}

/// AAP's `decision`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// At least one option.
    pub alternatives_considered: Vec<Alternative>,
    /// The `option_id` that was taken.
    pub selected: String,
    /// The conscience's reason.
    pub selection_reasoning: String,
    /// Declared values that spoke in the decision.
    pub values_applied: Vec<String>,
    /// 0 to 1; judging by rules is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// One of the options that were weighed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// `allow`, `ask` or `deny`.
    pub option_id: String,
    /// The option in words.
    pub description: String,
}

/// AAP's `escalation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// The conscience looked.
    pub evaluated: bool,
    /// A person would have had to agree.
    pub required: bool,
    /// Why, or why not.
    pub reason: String,
    /// What was looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers_checked: Vec<Trigger>,
    /// Names the question, where a person was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_id: Option<String>,
    /// `pending`, `approved`, `denied` (also when nobody could be asked) or `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_status: Option<String>,
    /// What the person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_response: Option<PrincipalResponse>,
}

/// One rule that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// The rule's id.
    pub trigger: String,
    /// Whether it matched.
    pub matched: bool,
}

/// AAP's `context`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Ours.
    pub metadata: Metadata,
}

/// What smoltbot adds to an AP-Trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Allow, deny or error.
    pub action_type: ActionType,
    /// The tool's name exactly as the runtime calls it.
    pub tool_name: String,
    /// Milliseconds that the call took; 0 when it did not run, none when its end was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The result as published; null when there is none or it is not published.
    pub result: Value,
    /// `completed`, `failed`, `running`, `refused`, `unanswered` (a person was asked and no yes
    /// was seen), `abandoned`, `orphan`, `observed_deny`, `ran_after_refusal`, `imported` or `reported` (by spans of
    /// others) where nobody of ours was there, or `gap` on the record of a loss.
    pub outcome: String,
    /// The verdict in words.
    pub conscience_reason: String,
    /// Values that running it violated or would have violated.
    #[serde(default)]
    pub values_violated: Vec<String>,
    /// The policy that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// What to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What the call was read to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    /// The operator's exception that lifted an objection, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// The tool's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// A command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The runtime that asked.
    pub runtime: String,
    /// Its run id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Its call id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// True when other arguments ran than were asked for; the verdict is then the one on what ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub params_rewritten: bool,
    /// The stream that this one goes on from, on the first trace of a stream that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeds: Option<StreamId>,
    /// What could not be recorded, on the record that tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// The place in the chain; none until the spool has given it.
    #[serde(flatten)]
    pub link: Option<Link>,
    /// Anything else, such as what was masked.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A trace's place in its chain, as it stands in the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The chain.
    pub stream: StreamId,
    /// 1 for the first, without gaps.
    pub seq: u64,
    /// The digest of the one before, or the stream's [`crate::chain::genesis`].
    pub prev: Digest,
    /// Random bytes that keep short contents from being guessed from their commitment; erased with the content.
    pub salt: String,
    /// The salted commitment to the content.
    pub commitment: Digest,
}
