//! The chain that fixes traces in their order, where they are born.
//!
//! What is digested is a small header and a salted commitment to the content, so that content can be erased later while
//! the chain, and the fact of a refusal, stand. All digests are SHA-256 over RFC 8785 canonical JSON with a first element
//! or a prefix that says what it is, so that one kind can never be taken for another.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::canon::NotCanonical;
use crate::id::{AgentId, StreamId, TraceId};
use crate::json::Json;
use crate::timestamp::Timestamp;
use crate::trace::ActionType;

/// Keys of `context.metadata` that hold the link itself and are no content.
pub const LINK_KEYS: [&str; 5] = ["stream", "seq", "prev", "salt", "commitment"];

/// A SHA-256 digest; 64 lower-case hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// What each byte is worth as a hexadecimal digit; 0xff for what is none.
const DIGITS: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0_u8;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

/// Not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl Digest {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes these 32 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0xf)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| NotADigest)?;
        let mut bytes = [0_u8; 32];
        let mut worst = 0;
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            worst |= high | low;
            *byte = high << 4 | low & 0xf;
        }
        if worst > 0xf {
            return Err(NotADigest);
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a link of the chain says, without its content. It also travels alone, in place of a trace that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Who acted.
    pub agent_id: AgentId,
    /// The chain.
    pub stream: StreamId,
    /// The place in it, from 1.
    pub seq: u64,
    /// The trace's id.
    pub trace_id: TraceId,
    /// When.
    pub timestamp: Timestamp,
    /// The tool.
    pub tool_name: String,
    /// Allow, deny or error: a refusal stays provable after its content is erased.
    pub action_type: ActionType,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The digest of the one before.
    pub prev: Digest,
    /// The salted commitment to the content.
    pub commitment: Digest,
}

impl Header {
    /// The digest that the next link names as its `prev`, and that a checkpoint signs.
    pub fn digest(&self) -> Digest {
        // A tuple of strings, integers and null: what serde_json writes for these is canonical already.
        let line = serde_json::to_vec(&(
            "smoltbot/link/v1",
            self.agent_id,
            self.stream,
            self.seq,
            self.trace_id,
            self.timestamp,
            &self.tool_name,
            self.action_type,
            &self.rule_id,
            self.prev,
            self.commitment,
        ));
        // Writing strings and integers into a Vec cannot fail.
        Digest::of(&line.unwrap_or_default())
    }
}

/// What the first link of a stream names as its `prev`.
pub fn genesis(agent: AgentId, stream: StreamId, succeeds: Option<StreamId>) -> Digest {
    let line = json!(["smoltbot/genesis/v1", agent, stream, succeeds]).to_string();
    Digest::of(line.as_bytes())
}

/// The salted commitment to `document`, an AP-Trace of which the [`LINK_KEYS`] of the metadata do not count.
///
/// # Errors
/// [`NotCanonical`] when the document holds what canonical JSON cannot.
pub fn commit(salt: &str, document: &Value) -> Result<Digest, NotCanonical> {
    commit_to(salt, &Json::from(document))
}

/// The same for a document that is JSON text.
///
/// # Errors
/// [`NotCanonical`] when the text is no JSON, or holds what canonical JSON cannot.
pub fn commit_text(salt: &str, document: &str) -> Result<Digest, NotCanonical> {
    let document: Json<'_> =
        serde_json::from_str(document).map_err(|error| NotCanonical(error.to_string()))?;
    commit_to(salt, &document)
}

/// The same for a document as it came in.
pub(crate) fn commit_to(salt: &str, document: &Json<'_>) -> Result<Digest, NotCanonical> {
    let content = document.to_canonical_content()?;
    let mut hasher = Sha256::new();
    hasher.update(b"smoltbot/content/v1\n");
    hasher.update(salt.as_bytes());
    hasher.update(b"\n");
    hasher.update(content);
    Ok(Digest(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            agent_id: AgentId::from_bytes([1; 16]),
            stream: StreamId::from_bytes([2; 16]),
            seq: 1,
            trace_id: TraceId::from_bytes([3; 16]),
            timestamp: Timestamp::from_millis(0),
            tool_name: "exec".to_owned(),
            action_type: ActionType::Deny,
            rule_id: None,
            prev: Digest::of(b""),
            commitment: Digest::of(b"x"),
        }
    }

    #[test]
    fn every_field_of_the_header_counts() {
        let one = header();
        let others = [
            Header {
                agent_id: AgentId::from_bytes([9; 16]),
                ..header()
            },
            Header {
                stream: StreamId::from_bytes([9; 16]),
                ..header()
            },
            Header { seq: 2, ..header() },
            Header {
                trace_id: TraceId::from_bytes([9; 16]),
                ..header()
            },
            Header {
                timestamp: Timestamp::from_millis(1),
                ..header()
            },
            Header {
                tool_name: "exec2".to_owned(),
                ..header()
            },
            Header {
                action_type: ActionType::Allow,
                ..header()
            },
            Header {
                rule_id: Some("r".to_owned()),
                ..header()
            },
            Header {
                prev: Digest::of(b"y"),
                ..header()
            },
            Header {
                commitment: Digest::of(b"y"),
                ..header()
            },
        ];
        for other in others {
            assert_ne!(one.digest(), other.digest(), "{other:?}");
        }
    }

    #[test]
    fn the_link_itself_is_no_content() {
        let mut bare = json!({"trace_id": "t", "context": {"metadata": {"result": 1}}});
        let linked = json!({"trace_id": "t", "context": {"metadata":
            {"result": 1, "seq": 7, "prev": "p", "stream": "s", "salt": "x", "commitment": "c"}}});
        assert_eq!(
            commit("salt", &bare).unwrap(),
            commit("salt", &linked).unwrap()
        );
        assert_ne!(
            commit("salt", &bare).unwrap(),
            commit("other", &bare).unwrap()
        );
        bare["context"]["metadata"]["result"] = json!(2);
        assert_ne!(
            commit("salt", &bare).unwrap(),
            commit("salt", &linked).unwrap()
        );
    }

    #[test]
    fn digests_are_read_in_one_spelling() {
        let digest = Digest::of(b"a");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
    }

    #[test]
    fn a_successor_starts_elsewhere() {
        let (agent, stream) = (AgentId::from_bytes([1; 16]), StreamId::from_bytes([2; 16]));
        assert_ne!(
            genesis(agent, stream, None),
            genesis(agent, stream, Some(StreamId::from_bytes([3; 16])))
        );
    }
}
