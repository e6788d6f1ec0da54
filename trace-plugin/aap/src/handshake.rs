//! AAP's value coherence handshake (SPEC section 6): the four messages by which two agents find out whether their values go together,
//! and the answers to the two that ask.
//!
//! Written as the JSON Schema and the pydantic models of 2.0.0 want them; read strictly in what is needed and lightly in what is not:
//! unknown keys are ignored, `message_type` is required, because a message that does not say what it is cannot be answered.
//!
//! Not here: fetching cards and carrying messages (`edge-core`), the arithmetic ([`crate::coherence`]).

use serde::{Deserialize, Serialize};

use crate::card::{AlignmentCard, CardSignature, SignedCard, listed};
use crate::coherence::{self, Resolution, ValueAlignment};
use crate::timestamp::Timestamp;

/// The longest `request_id` that is repeated in an answer, in bytes.
pub const MAX_REQUEST_ID: usize = 256;
/// The most values or actions that one list of a message may name.
pub const MAX_ITEMS: usize = 256;

/// A message of the handshake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Message {
    /// Asks an agent for its card.
    AlignmentCardRequest(CardRequest),
    /// Hands it over.
    AlignmentCardResponse(Box<CardResponse>),
    /// Asks whether to work together.
    ValueCoherenceCheck(CoherenceCheck),
    /// Says so.
    CoherenceResult(CoherenceResult),
}

/// Asks an agent for its card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardRequest {
    /// Chosen by whoever asks; the answer repeats it.
    pub request_id: String,
    /// Who asks.
    pub requester: Requester,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_context: Option<TaskContext>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Who asks for a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// A DID, a URL or a UUID.
    pub agent_id: String,
    /// Its own card.
    pub card_id: String,
}

/// What a card is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskContext {
    /// The task in a word.
    pub task_type: String,
    /// Values that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_required: Option<Vec<String>>,
    /// Kinds of data in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_categories: Option<Vec<String>>,
}

/// A card, and the signature over it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardResponse {
    /// From the request.
    pub request_id: String,
    /// The card.
    pub alignment_card: AlignmentCard,
    /// Of the card's RFC 8785 canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<CardSignature>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Asks whether two agents should work together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoherenceCheck {
    /// Chosen by whoever asks; the answer repeats it.
    pub request_id: String,
    /// The card of whoever asks.
    pub initiator_card_id: String,
    /// The card of whoever is asked.
    pub responder_card_id: String,
    /// What they would do.
    pub proposed_collaboration: Collaboration,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// What two agents would do together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collaboration {
    /// The task in a word.
    pub task_type: String,
    /// Values that both should apply; these are the required ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_intersection: Option<Vec<String>>,
    /// What data goes which way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sharing: Option<DataSharing>,
    /// What each would do by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autonomy_scope: Option<AutonomyScope>,
}

/// Kinds of data by direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSharing {
    /// What the initiator hands over.
    #[serde(default)]
    pub from_initiator: Vec<String>,
    /// What the responder hands over.
    #[serde(default)]
    pub from_responder: Vec<String>,
}

/// Actions by agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutonomyScope {
    /// What the initiator would do.
    #[serde(default)]
    pub initiator_actions: Vec<String>,
    /// What the responder would do.
    #[serde(default)]
    pub responder_actions: Vec<String>,
}

/// How the values go together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// No conflict, and a score that suffices.
    pub compatible: bool,
    /// 0 to 1.
    pub score: f64,
    /// What it is made of.
    pub value_alignment: ValueAlignment,
}

/// Says whether to work together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoherenceResult {
    /// From the check.
    pub request_id: String,
    /// How the values go together.
    pub coherence: Assessment,
    /// Whether to go on without asking anybody.
    pub proceed: bool,
    /// What has to be kept to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// A way out where not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_resolution: Option<Resolution>,
    /// When it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

/// Why a message cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// It is longer than [`MAX_REQUEST_ID`], or empty.
    #[error("request_id has {0} bytes; it must have 1 to {MAX_REQUEST_ID}")]
    RequestId(usize),
    /// A list names more than [`MAX_ITEMS`].
    #[error("{field} names {count} items; the limit is {MAX_ITEMS}")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// A check names another card than the one it is held against.
    #[error("{field} is {named}, the card at hand is {at_hand}")]
    OtherCard {
        /// `initiator_card_id` or `responder_card_id`.
        field: &'static str,
        /// What the check says.
        named: String,
        /// What it is.
        at_hand: String,
    },
}

fn named(request_id: &str) -> Result<(), HandshakeError> {
    match request_id.len() {
        1..=MAX_REQUEST_ID => Ok(()),
        length => Err(HandshakeError::RequestId(length)),
    }
}

impl CardRequest {
    /// The answer: `card`, as its agent signed it, at the time `now`.
    ///
    /// # Errors
    /// [`HandshakeError::RequestId`].
    pub fn answer(self, card: SignedCard, now: Timestamp) -> Result<CardResponse, HandshakeError> {
        named(&self.request_id)?;
        Ok(CardResponse {
            request_id: self.request_id,
            alignment_card: card.alignment_card,
            signature: Some(card.signature),
            timestamp: Some(now),
        })
    }
}

impl CoherenceCheck {
    /// Whether what is asked for is within bounds.
    ///
    /// # Errors
    /// [`HandshakeError`] says which bound.
    pub fn bounds(&self) -> Result<(), HandshakeError> {
        named(&self.request_id)?;
        let proposed = &self.proposed_collaboration;
        let (scope, sharing) = (&proposed.autonomy_scope, &proposed.data_sharing);
        let lists = [
            ("values_intersection", proposed.values_intersection.as_ref()),
            (
                "initiator_actions",
                scope.as_ref().map(|scope| &scope.initiator_actions),
            ),
            (
                "responder_actions",
                scope.as_ref().map(|scope| &scope.responder_actions),
            ),
            (
                "from_initiator",
                sharing.as_ref().map(|sharing| &sharing.from_initiator),
            ),
            (
                "from_responder",
                sharing.as_ref().map(|sharing| &sharing.from_responder),
            ),
        ];
        let long = lists.into_iter().find_map(|(field, list)| {
            let count = list?.len();
            (count > MAX_ITEMS).then_some(HandshakeError::TooMany { field, count })
        });
        long.map_or(Ok(()), Err)
    }

    /// The answer, from both cards, at the time `now`.
    ///
    /// Values decide as in [`coherence::check`]. Beyond AAP's reference, an action that a card forbids to its own agent stops the
    /// collaboration as it is proposed (`modified_scope`), and one that a card does not list is named as a condition.
    ///
    /// # Errors
    /// [`HandshakeError`] for what is out of bounds, or if the check is about other cards.
    pub fn answer(
        self,
        initiator: &AlignmentCard,
        responder: &AlignmentCard,
        now: Timestamp,
    ) -> Result<CoherenceResult, HandshakeError> {
        self.bounds()?;
        for (field, named, card) in [
            ("initiator_card_id", &self.initiator_card_id, initiator),
            ("responder_card_id", &self.responder_card_id, responder),
        ] {
            if *named != card.card_id {
                return Err(HandshakeError::OtherCard {
                    field,
                    named: named.clone(),
                    at_hand: card.card_id.clone(),
                });
            }
        }
        let proposed = self.proposed_collaboration;
        let checked = coherence::check(
            initiator,
            responder,
            proposed.values_intersection.as_deref(),
        );
        let scope = proposed.autonomy_scope.unwrap_or_default();
        let mut forbidden = Vec::new();
        let mut conditions = checked.conditions;
        for (who, card, actions) in [
            ("initiator", initiator, &scope.initiator_actions),
            ("responder", responder, &scope.responder_actions),
        ] {
            for action in actions {
                if listed(&card.autonomy.forbidden_actions, action) {
                    forbidden.push(format!("the {who}'s card forbids {action}"));
                } else if !card.allows(action) {
                    conditions.push(format!("the {who} asks its principal before {action}"));
                }
            }
        }
        let modified = (!forbidden.is_empty()).then(|| Resolution {
            kind: "modified_scope".to_owned(),
            reason: forbidden.join("; "),
        });
        Ok(CoherenceResult {
            request_id: self.request_id,
            proceed: checked.proceed && modified.is_none(),
            coherence: Assessment {
                compatible: checked.compatible,
                score: checked.score,
                value_alignment: checked.value_alignment,
            },
            conditions: (!conditions.is_empty()).then_some(conditions),
            proposed_resolution: checked.proposed_resolution.or(modified),
            timestamp: Some(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::AgentId;

    fn card(seed: u8) -> AlignmentCard {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let agent = AgentId::of_key(&key.verifying_key());
        AlignmentCard::default_for(
            agent,
            Timestamp::from_millis(0),
            "http://127.0.0.1/v1/traces",
        )
    }

    fn check(change: impl FnOnce(&mut serde_json::Value)) -> CoherenceCheck {
        let mut message = json!({
            "message_type": "value_coherence_check", "request_id": "req-1",
            "initiator_card_id": card(1).card_id, "responder_card_id": card(2).card_id,
            "proposed_collaboration": {"task_type": "review"}, "unknown": true,
        });
        change(&mut message);
        match serde_json::from_value(message).expect("a check") {
            Message::ValueCoherenceCheck(check) => check,
            other => panic!("{other:?}"),
        }
    }

    fn answer(check: CoherenceCheck) -> Result<CoherenceResult, HandshakeError> {
        check.answer(&card(1), &card(2), Timestamp::from_millis(1))
    }

    #[test]
    fn like_minded_agents_go_on() {
        let said = answer(check(|_| ())).expect("an answer");
        assert!(said.proceed && said.conditions.is_none() && said.proposed_resolution.is_none());
        assert!((said.coherence.score - 1.0).abs() < f64::EPSILON);
        assert_eq!(said.request_id, "req-1");
    }

    #[test]
    fn what_a_card_does_not_list_is_a_condition_and_what_it_forbids_stops() {
        let scope = |action| {
            check(move |message| {
                message["proposed_collaboration"]["autonomy_scope"] =
                    json!({"responder_actions": [action, "exec"]});
            })
        };
        let said = answer(scope("deploy")).expect("an answer");
        let asked = vec!["the responder asks its principal before deploy".to_owned()];
        assert!(said.proceed);
        assert_eq!(said.conditions, Some(asked));
        let mut forbids = card(2);
        forbids.autonomy.forbidden_actions.push("deploy".to_owned());
        let said = scope("deploy").answer(&card(1), &forbids, Timestamp::from_millis(1));
        let said = said.expect("an answer");
        assert!(!said.proceed && said.coherence.compatible);
        assert_eq!(
            said.proposed_resolution.expect("a way out").kind,
            "modified_scope"
        );
    }

    #[test]
    fn other_cards_and_long_lists_are_errors_that_name_them() {
        let other = check(|message| message["responder_card_id"] = json!("ac-0"));
        let said = answer(other).unwrap_err().to_string();
        assert!(
            said.starts_with("responder_card_id is ac-0, the card at hand is ac-"),
            "{said}"
        );
        let long = |count: usize| {
            answer(check(move |message| {
                message["proposed_collaboration"]["values_intersection"] = json!(vec!["x"; count]);
            }))
        };
        assert!(long(MAX_ITEMS).is_ok());
        let said = long(MAX_ITEMS + 1).unwrap_err().to_string();
        assert_eq!(
            said,
            "values_intersection names 257 items; the limit is 256"
        );
        for (length, fits) in [
            (0, false),
            (1, true),
            (MAX_REQUEST_ID, true),
            (MAX_REQUEST_ID + 1, false),
        ] {
            let asked = check(|message| message["request_id"] = json!("r".repeat(length)));
            assert_eq!(answer(asked).is_ok(), fits, "{length}");
        }
    }
}
