//! A card under its agent's signature, and whether to believe it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::AlignmentCard;
use crate::canon;
use crate::id::AgentId;
use crate::note::{parse_public_key, write_public_key};

impl AlignmentCard {
    /// Signs the card as it stands, with everything on it.
    pub fn sign(self, key: &SigningKey) -> SignedCard {
        // A card is JSON, of which canonical JSON holds all.
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
