//! The alignment card: what an agent declares about its values and its limits.
//!
//! Written with AAP 2.0's names; the names of 0.x (`autonomy_envelope`, `audit_commitment`, `aap_version`) are read.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canon;
use crate::chain::Digest;
use crate::id::AgentId;
use crate::note::{parse_public_key, write_public_key};
use crate::timestamp::Timestamp;

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
            },
            values: Values {
                declared: STANDARD_VALUES.map(str::to_owned).to_vec(),
                definitions: Map::new(),
                conflicts_with: Vec::new(),
                hierarchy: Some("contextual".to_owned()),
            },
            autonomy: Autonomy {
                bounded_actions: EVERYDAY_TOOLS.map(str::to_owned).to_vec(),
                escalation_triggers: Vec::new(),
                forbidden_actions: Vec::new(),
                max_autonomous_value: None,
            },
            audit: Audit {
                retention_days: 365,
                queryable: true,
                query_endpoint: Some(query_endpoint.to_owned()),
                trace_format: Some("ap-trace-v1".to_owned()),
                tamper_evidence: Some("append_only".to_owned()),
            },
            extensions: Map::new(),
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
        // A card is strings, integers and booleans; canonical JSON holds them all.
        let digest = Digest::of(&canon::to_vec(&unnamed).unwrap_or_default()).to_string();
        format!("ac-{}", &digest[..32])
    }

    /// Whether the tool `name` is listed, the way AAP's verifiers match: the whole entry, or its part before `:`.
    pub fn allows(&self, name: &str) -> bool {
        listed(&self.autonomy.bounded_actions, name)
    }

    /// Whether the value is declared.
    pub fn declares(&self, value: &str) -> bool {
        self.values
            .declared
            .iter()
            .any(|declared| declared == value)
    }

    /// Signs the card as it stands.
    pub fn sign(self, key: &SigningKey) -> SignedCard {
        let bytes = canon::to_vec(&self).unwrap_or_default();
        SignedCard {
            signature: CardSignature {
                algorithm: "ed25519".to_owned(),
                value: BASE64_STANDARD.encode(key.sign(&bytes).to_bytes()),
                key_id: self.agent_id.to_string(),
            },
            public_key: write_public_key(&key.verifying_key()),
            alignment_card: self,
        }
    }
}

/// AAP's matching of a tool's name against a list.
pub(crate) fn listed(list: &[String], name: &str) -> bool {
    list.iter().any(|entry| {
        entry == name
            || entry
                .split(':')
                .next()
                .is_some_and(|head| head.trim() == name)
    })
}

/// A card with its agent's signature over the card's canonical JSON; the body of `PUT /v1/agents/{id}/card`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignedCard {
    /// The card.
    pub alignment_card: AlignmentCard,
    /// The signature, in the shape of AAP's `alignment_card_response`.
    pub signature: CardSignature,
    /// The 32 bytes of the Ed25519 public key in base64.
    pub public_key: String,
}

/// AAP's signature object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSignature {
    /// `ed25519`.
    pub algorithm: String,
    /// 64 bytes in base64.
    pub value: String,
    /// The agent's id, which is derived from the key.
    pub key_id: String,
}

/// Why a signed card is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The key is none, or not the agent's.
    #[error("public_key is not the key that agent {0} is derived from")]
    WrongKey(AgentId),
    /// The signature does not fit the card.
    #[error("the card's signature is not valid (Ed25519 over the card's RFC 8785 canonical JSON)")]
    BadSignature,
    /// The card names another agent than the path.
    #[error("the card is agent {0}'s")]
    OtherAgent(AgentId),
    /// A text of it holds U+0000.
    #[error("{}", crate::nul::complaint(.0))]
    Nul(String),
}

impl SignedCard {
    /// Checks that the card is `agent`'s and that it signed it.
    ///
    /// # Errors
    /// [`CardError`] says what does not fit.
    pub fn open(self, agent: AgentId) -> Result<(AlignmentCard, VerifyingKey), CardError> {
        // All of it is kept, also what the signature does not cover.
        let whole = serde_json::to_value(&self).map_err(|_| CardError::BadSignature)?;
        if let Some(place) = crate::nul::find(&whole, &whole.to_string()) {
            return Err(CardError::Nul(place));
        }
        let card = self.alignment_card;
        if card.agent_id != agent {
            return Err(CardError::OtherAgent(card.agent_id));
        }
        let key = parse_public_key(&self.public_key)
            .filter(|key| AgentId::of_key(key) == agent)
            .ok_or(CardError::WrongKey(agent))?;
        let signature = BASE64_STANDARD
            .decode(&self.signature.value)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .filter(|_| self.signature.algorithm == "ed25519")
            .ok_or(CardError::BadSignature)?;
        let bytes = canon::to_vec(&card).map_err(|_| CardError::BadSignature)?;
        key.verify_strict(&bytes, &signature)
            .map_err(|_| CardError::BadSignature)?;
        Ok((card, key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn card() -> AlignmentCard {
        let agent = AgentId::of_key(&key().verifying_key());
        AlignmentCard::default_for(
            agent,
            Timestamp::from_millis(0),
            "http://127.0.0.1:8787/v1/traces",
        )
    }

    #[test]
    fn a_signed_card_opens_and_a_changed_one_does_not() {
        let agent = card().agent_id;
        let signed = card().sign(&key());
        assert_eq!(signed.clone().open(agent).unwrap().0, card());
        let mut changed = signed.clone();
        changed.alignment_card.autonomy_mode = Mode::Off;
        assert_eq!(changed.open(agent).unwrap_err(), CardError::BadSignature);
        let other = AgentId::from_bytes([1; 16]);
        assert_eq!(
            signed.clone().open(other).unwrap_err(),
            CardError::OtherAgent(agent)
        );
        let mut unstorable = signed.clone();
        unstorable.signature.key_id.push('\0');
        assert_eq!(
            unstorable.open(agent).unwrap_err(),
            CardError::Nul("signature.key_id".to_owned())
        );
        let mut foreign = signed;
        foreign.public_key = write_public_key(&SigningKey::from_bytes(&[6; 32]).verifying_key());
        assert_eq!(foreign.open(agent).unwrap_err(), CardError::WrongKey(agent));
    }

    #[test]
    fn names_of_older_versions_are_read_and_new_ones_written() {
        let mut old = serde_json::to_value(card()).unwrap();
        let fields = old.as_object_mut().unwrap();
        for (new, old) in [
            ("autonomy", "autonomy_envelope"),
            ("audit", "audit_commitment"),
            ("card_version", "aap_version"),
        ] {
            let value = fields.remove(new).unwrap();
            fields.insert(old.to_owned(), value);
        }
        fields.insert(
            "values".to_owned(),
            json!({"declared": [{"id": "privacy"}, "honesty"]}),
        );
        let read: AlignmentCard = serde_json::from_value(old).unwrap();
        assert_eq!(read.values.declared, ["privacy", "honesty"]);
        let written = serde_json::to_value(&read).unwrap();
        assert!(written.get("autonomy").is_some() && written.get("autonomy_envelope").is_none());
    }

    #[test]
    fn the_id_follows_the_content() {
        let mut other = card();
        assert_eq!(other.card_id, other.derived_id());
        other.autonomy.bounded_actions.pop();
        assert_ne!(other.card_id, other.derived_id());
    }

    #[test]
    fn tools_match_as_in_aap() {
        let list = ["exec: run a command".to_owned(), "read".to_owned()];
        assert!(listed(&list, "exec") && listed(&list, "read"));
        assert!(!listed(&list, "rea") && !listed(&list, "exec: run"));
    }
}
