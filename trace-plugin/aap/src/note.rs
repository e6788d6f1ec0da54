//! Checkpoints of a stream, as C2SP signed notes.
//!
//! The text is that of a tlog checkpoint (c2sp.org/tlog-checkpoint): origin, size, root hash in base64. Ours have the
//! origin `smoltbot/<agent_id>/<stream>`, the last seq as the size and the last link's digest as the hash. The key's name
//! is `smoltbot/<agent_id>`; verification is strict, so that low-order keys and malleable signatures are refused.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use signed_note::{Note, VerifierList};

use crate::chain::Digest;
use crate::id::{AgentId, StreamId};

/// The state of a stream at one moment: everything up to `seq` ends in `digest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose stream.
    pub agent_id: AgentId,
    /// The stream.
    pub stream: StreamId,
    /// The last link.
    pub seq: u64,
    /// Its digest.
    pub digest: Digest,
}

/// Why a note does not prove its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note, or not one of a checkpoint.
    #[error("the checkpoint is not a signed note of a stream: {0}")]
    Malformed(&'static str),
    /// The key is not the one that the agent's id is derived from.
    #[error("the public key does not belong to agent {0}")]
    WrongKey(AgentId),
    /// The signature does not fit.
    #[error("the checkpoint's signature is not valid")]
    BadSignature,
}

/// The C2SP key name of an agent.
fn key_name(agent: AgentId) -> String {
    format!("smoltbot/{agent}")
}

/// Algorithm byte of Ed25519 in signed notes.
const ALG_ED25519: u8 = 1;

fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let mut encoded = vec![ALG_ED25519];
    encoded.extend_from_slice(key.as_bytes());
    signed_note::key_id(name, &encoded)
}

impl Checkpoint {
    fn text(&self) -> String {
        format!(
            "smoltbot/{}/{}\n{}\n{}\n",
            self.agent_id,
            self.stream,
            self.seq,
            BASE64_STANDARD.encode(self.digest.as_bytes())
        )
    }

    /// Signs with the key that the agent's id is derived from.
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let name = key_name(self.agent_id);
        let id = key_id(&name, &key.verifying_key());
        let mut signature = id.to_be_bytes().to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()).to_bytes());
        format!(
            "{text}\n\u{2014} {name} {}\n",
            BASE64_STANDARD.encode(signature)
        )
    }

    /// Reads a note and checks its signature with `key`, which must be the one of the agent that the note names.
    ///
    /// # Errors
    /// [`NoteError`] says what does not fit.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, NoteError> {
        let parsed = Note::from_bytes(note.as_bytes())
            .map_err(|_| NoteError::Malformed("it does not parse"))?;
        let checkpoint = Self::read(parsed.text())?;
        if AgentId::of_key(key) != checkpoint.agent_id {
            return Err(NoteError::WrongKey(checkpoint.agent_id));
        }
        let name = key_name(checkpoint.agent_id);
        let id = key_id(&name, key);
        let strict = StrictVerifier {
            name,
            id,
            key: *key,
        };
        parsed
            .verify(&VerifierList::new(vec![Box::new(strict)]))
            .map_err(|_| NoteError::BadSignature)?;
        Ok(checkpoint)
    }

    fn read(text: &[u8]) -> Result<Self, NoteError> {
        let text = std::str::from_utf8(text).map_err(|_| NoteError::Malformed("not UTF-8"))?;
        let mut lines = text.lines();
        let origin = lines.next().ok_or(NoteError::Malformed("no origin"))?;
        let (agent_id, stream) = origin
            .strip_prefix("smoltbot/")
            .and_then(|rest| rest.split_once('/'))
            .and_then(|(agent, stream)| Some((agent.parse().ok()?, stream.parse().ok()?)))
            .ok_or(NoteError::Malformed(
                "the origin is not smoltbot/<agent_id>/<stream>",
            ))?;
        let seq = lines
            .next()
            .and_then(|line| line.parse().ok())
            .ok_or(NoteError::Malformed("the second line is not a seq"))?;
        let digest = lines
            .next()
            .and_then(|line| BASE64_STANDARD.decode(line).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .map(Digest::from_bytes)
            .ok_or(NoteError::Malformed("the third line is not a digest"))?;
        let checkpoint = Self {
            agent_id,
            stream,
            seq,
            digest,
        };
        // One checkpoint, one text: no extension lines, no other spelling of a number or an id.
        if checkpoint.text() == text {
            Ok(checkpoint)
        } else {
            Err(NoteError::Malformed(
                "it is not written in the one canonical way",
            ))
        }
    }
}

struct StrictVerifier {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl signed_note::Verifier for StrictVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

/// Reads a public key from base64.
pub fn parse_public_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = BASE64_STANDARD.decode(text).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// Writes a public key as base64.
pub fn write_public_key(key: &VerifyingKey) -> String {
    BASE64_STANDARD.encode(key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            agent_id: AgentId::of_key(&key().verifying_key()),
            stream: StreamId::from_bytes([2; 16]),
            seq: 17,
            digest: Digest::of(b"head"),
        }
    }

    #[test]
    fn what_is_signed_opens() {
        let note = checkpoint().sign(&key());
        assert_eq!(
            Checkpoint::open(&note, &key().verifying_key()).unwrap(),
            checkpoint()
        );
    }

    #[test]
    fn the_note_is_one_that_other_tools_read() {
        let note = checkpoint().sign(&key());
        let name = key_name(checkpoint().agent_id);
        let vkey = signed_note::new_ed25519_verifier_key(&name, &key().verifying_key());
        let verifier = signed_note::StandardVerifier::new(&vkey).unwrap();
        let parsed = Note::from_bytes(note.as_bytes()).unwrap();
        let (verified, _) = parsed
            .verify(&VerifierList::new(vec![Box::new(verifier)]))
            .unwrap();
        assert_eq!(verified.len(), 1);
        assert_eq!(parsed.to_bytes(), note.as_bytes());
    }

    #[test]
    fn a_changed_byte_is_refused() {
        let note = checkpoint().sign(&key()).replace("\n17\n", "\n18\n");
        assert_eq!(
            Checkpoint::open(&note, &key().verifying_key()),
            Err(NoteError::BadSignature)
        );
    }

    #[test]
    fn another_key_is_refused() {
        let other = SigningKey::from_bytes(&[6; 32]);
        let note = checkpoint().sign(&other);
        assert_eq!(
            Checkpoint::open(&note, &other.verifying_key()),
            Err(NoteError::WrongKey(checkpoint().agent_id))
        );
        assert_eq!(
            Checkpoint::open(&note, &key().verifying_key()),
            Err(NoteError::BadSignature)
        );
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for note in [
            "",
            "\n",
            "smoltbot/x/y\n1\nAA==\n\n",
            "a\n\n\u{2014} b AAAA\n",
        ] {
            assert!(matches!(
                Checkpoint::open(note, &key().verifying_key()),
                Err(NoteError::Malformed(_))
            ));
        }
    }
}
