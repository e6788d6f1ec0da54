//! The alignment card: what an agent declares about its values and its limits.
//!
//! Written with AAP 2.0's names; the names of 0.x (`autonomy_envelope`, `audit_commitment`, `aap_version`) are read. What AAP
//! does not name is kept, signed and shown, and nothing reads it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canon;
use crate::chain::Digest;
use crate::id::AgentId;
use crate::timestamp::Timestamp;

mod autonomy;
mod check;
pub mod condition;
mod fields;
pub mod names;
mod place;
mod rules;
mod signed;
#[cfg(test)]
mod tests;

pub use check::{Checked, Fault, read};
pub use condition::Condition;
pub(crate) use names::listed;
pub use signed::{CardError, CardSignature, SignedCard};

/// The version that AAP 2.0 gives its cards.
pub const CARD_VERSION: &str = "unified/2026-04-26";

/// Values that AAP defines itself; others need a definition on the card.
pub const STANDARD_VALUES: [&str; 8] = [
    "principal_benefit",
    "transparency",
    "minimal_data",
    "harm_prevention",
    "honesty",
    "user_control",
    "privacy",
    "fairness",
];

/// How a verdict is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is judged.
    Off,
    /// Judged and recorded; nothing is stopped.
    #[default]
    Observe,
    /// Judged and recorded; the agent is told, nothing is stopped.
    Nudge,
    /// What is refused does not run.
    Enforce,
}

/// An AAP 2.0 alignment card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlignmentCard {
    /// `unified/2026-04-26` for AAP 2.0.
    #[serde(default = "card_version", alias = "aap_version")]
    pub card_version: String,
    /// Names this version of the card; every trace names the card it was judged under.
    pub card_id: String,
    /// Whose card.
    pub agent_id: AgentId,
    /// Since when.
    pub issued_at: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What the conscience's verdicts do.
    #[serde(default)]
    pub autonomy_mode: Mode,
    /// What drift and integrity findings do.
    #[serde(default)]
    pub integrity_mode: Mode,
    /// On whose behalf.
    pub principal: Principal,
    /// What is held dear.
    pub values: Values,
    /// What may be done, what must be asked, what must not be done.
    #[serde(alias = "autonomy_envelope")]
    pub autonomy: Autonomy,
    /// What is recorded, and for how long.
    #[serde(alias = "audit_commitment")]
    pub audit: Audit,
    /// Namespaced additions.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Value>,
    /// What AAP does not name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn card_version() -> String {
    CARD_VERSION.to_owned()
}

/// On whose behalf an agent acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    /// `human`, `organization`, `agent` or `unspecified`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `delegated_authority`, `advisory` or `autonomous`.
    pub relationship: String,
    /// Needed by AAP unless the type is `unspecified`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_contact: Option<String>,
    /// What AAP does not name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Declared values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// Ids; an object form `{id, …}` is read as its id.
    #[serde(deserialize_with = "value_ids")]
    pub declared: Vec<String>,
    /// Definitions of values that AAP does not define.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub definitions: Map<String, Value>,
    /// Values that this agent will not work with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts_with: Vec<String>,
    /// `lexicographic`, `weighted` or `contextual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hierarchy: Option<String>,
    /// What AAP does not name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn value_ids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Declared {
        Id(String),
        Object { id: String },
    }
    let declared = Vec::<Declared>::deserialize(deserializer)?;
    Ok(declared
        .into_iter()
        .map(|value| match value {
            Declared::Id(id) | Declared::Object { id } => id,
        })
        .collect())
}

/// The limits of what an agent does by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Autonomy {
    /// Tools that may be used.
    pub bounded_actions: Vec<String>,
    /// Conditions under which a person is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalation_triggers: Vec<EscalationTrigger>,
    /// Tools that are never used, for anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden_actions: Vec<String>,
    /// The most that may be spent without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_autonomous_value: Option<Value>,
    /// What AAP does not name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A condition under which a person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EscalationTrigger {
    /// AAP's small language: `action_type == "x"`, `field <op> number`, or a bare word.
    pub condition: String,
    /// `escalate`, `deny` or `log`.
    pub action: String,
    /// Why.
    pub reason: String,
}

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Days that traces are kept.
    pub retention_days: u32,
    /// Whether anybody can ask for them.
    pub queryable: bool,
    /// Where; needed by AAP when queryable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_endpoint: Option<String>,
    /// `ap-trace-v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_format: Option<String>,
    /// `append_only`, `signed` or `merkle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tamper_evidence: Option<String>,
    /// What AAP does not name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Tools that a new agent's card lists: what the runtimes we know call their everyday ones.
const EVERYDAY_TOOLS: [&str; 27] = [
    "Bash",
    "Edit",
    "Glob",
    "Grep",
    "LS",
    "MultiEdit",
    "NotebookEdit",
    "Read",
    "Task",
    "TodoWrite",
    "WebFetch",
    "WebSearch",
    "Write",
    "apply_patch",
    "bash",
    "edit",
    "exec",
    "execute_command",
    "http_fetch",
    "list_files",
    "process",
    "read",
    "read_file",
    "shell",
    "web_fetch",
    "write",
    "write_file",
];

impl AlignmentCard {
    /// The card that `init` writes: AAP's standard values, everyday tools, verdicts enforced.
    pub fn default_for(agent_id: AgentId, issued_at: Timestamp, query_endpoint: &str) -> Self {
        let mut card = Self {
            card_version: card_version(),
            card_id: String::new(),
            agent_id,
            issued_at,
            expires_at: None,
            autonomy_mode: Mode::Enforce,
            integrity_mode: Mode::Observe,
            principal: Principal {
                kind: "unspecified".to_owned(),
                relationship: "delegated_authority".to_owned(),
                identifier: None,
                escalation_contact: None,
                extra: Map::new(),
            },
            values: Values {
                declared: STANDARD_VALUES.map(str::to_owned).to_vec(),
                definitions: Map::new(),
                conflicts_with: Vec::new(),
                hierarchy: Some("contextual".to_owned()),
                extra: Map::new(),
            },
            autonomy: Autonomy {
                bounded_actions: EVERYDAY_TOOLS.map(str::to_owned).to_vec(),
                escalation_triggers: Vec::new(),
                forbidden_actions: Vec::new(),
                max_autonomous_value: None,
                extra: Map::new(),
            },
            audit: Audit {
                retention_days: 365,
                queryable: true,
                query_endpoint: Some(query_endpoint.to_owned()),
                trace_format: Some("ap-trace-v1".to_owned()),
                tamper_evidence: Some("append_only".to_owned()),
                extra: Map::new(),
            },
            extensions: Map::new(),
            extra: Map::new(),
        };
        card.card_id = card.derived_id();
        card
    }

    /// `ac-` and the first 32 hexadecimal digits of the digest of everything else on the card: another content, another id.
    pub fn derived_id(&self) -> String {
        let unnamed = Self {
            card_id: String::new(),
            ..self.clone()
        };
        // A card is JSON, of which canonical JSON holds all.
        let digest = Digest::of(&canon::to_vec(&unnamed).unwrap_or_default()).to_string();
        format!("ac-{}", &digest[..32])
    }

    /// Whether the value is declared.
    pub fn declares(&self, value: &str) -> bool {
        self.values
            .declared
            .iter()
            .any(|declared| declared == value)
    }
}
