//! Ids: agents prove themselves, traces carry their time, streams are random.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::timestamp::Timestamp;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes these sixteen bytes as they are.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Reads the hyphenated form only, in either case: one id, one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let uuid: Uuid = text.parse()?;
                if text.len() == uuid::fmt::Hyphenated::LENGTH {
                    Ok(Self(uuid))
                } else {
                    // Asking for the missing hyphens yields the library's own error.
                    Uuid::parse_str("not hyphenated").map(Self)
                }
            }
        }
    };
}

uuid_newtype!(
    /// Who acts. Ours are version 8 and derived from a public key, see [`AgentId::of_key`]; other clients' are any UUID.
    AgentId
);
uuid_newtype!(
    /// One trace. Ours are version 7 and carry their time; other clients' are any UUID.
    TraceId
);
uuid_newtype!(
    /// One chain of traces: a spool has one, and gets a new one when it was restored from a backup.
    StreamId
);

impl AgentId {
    /// The id that `key` proves: a `UUIDv8` (RFC 9562, section 5.8) whose 122 free bits are the first 122 bits of
    /// SHA-256 over the 32 bytes of the public key.
    pub fn of_key(key: &VerifyingKey) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let mut bits = [0_u8; 16];
        bits.copy_from_slice(&digest[..16]);
        // The free bits are 48 + 12 + 62: make room for version and variant by shifting what follows each of them.
        let all = u128::from_be_bytes(bits) >> 6; // 122 bits
        let a = (all >> 74) << 80; // first 48
        let b = ((all >> 62) & 0xfff) << 64; // next 12
        let c = all & ((1 << 62) - 1); // last 62
        let id = a | (0x8 << 76) | b | (0b10 << 62) | c;
        Self(Uuid::from_u128(id))
    }

    /// Whether this id must be proven by a key: version 8.
    pub fn is_self_certifying(self) -> bool {
        self.0.get_version_num() == 8
    }

    /// The id of an agent that is known by a name alone: the same name, the same id. As UUIDs of version 5 are, with SHA-256 in
    /// place of SHA-1; it proves nothing.
    pub fn of_name(name: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(name)[..16]);
        Self(uuid::Builder::from_sha1_bytes(bytes).into_uuid())
    }
}

impl TraceId {
    /// The id of what happened `at` and has this name wherever it is told: told twice, it has one id. A `UUIDv7`, whose random
    /// bits are the name's digest; times before 1970 are told as 1970's.
    pub fn derived(at: Timestamp, name: &str) -> Self {
        let mut random = [0; 10];
        random.copy_from_slice(&Sha256::digest(name)[..10]);
        let millis = u64::try_from(at.millis()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn agent_id_is_a_version_8_uuid_of_the_key() {
        let key = SigningKey::from_bytes(&[1; 32]).verifying_key();
        let id = AgentId::of_key(&key);
        assert_eq!(id.uuid().get_version_num(), 8);
        assert_eq!(id.uuid().get_variant(), uuid::Variant::RFC4122);
        assert!(id.is_self_certifying());
        let digest = Sha256::digest(key.as_bytes());
        assert_eq!(
            id.uuid().as_bytes()[..6],
            digest[..6],
            "the first 48 bits are the digest's"
        );
        let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert_ne!(id, AgentId::of_key(&other));
    }

    #[test]
    fn names_give_the_same_ids_each_time() {
        let agent = AgentId::of_name("shop/checkout");
        assert_eq!(agent, AgentId::of_name("shop/checkout"));
        assert_ne!(agent, AgentId::of_name("shop/billing"));
        assert_eq!(agent.uuid().get_version_num(), 5);
        assert!(!agent.is_self_certifying());
        let at = Timestamp::parse("2026-11-21T02:10:00.123Z").unwrap();
        let trace = TraceId::derived(at, "a call");
        assert_eq!(trace, TraceId::derived(at, "a call"));
        assert_ne!(trace, TraceId::derived(at, "another call"));
        assert_eq!(trace.uuid().get_version_num(), 7);
        let (seconds, nanos) = trace.uuid().get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_795_227_000, 123_000_000));
        let before = TraceId::derived(Timestamp::from_millis(-1), "old");
        assert_eq!(before, TraceId::derived(Timestamp::from_millis(0), "old"));
    }

    #[test]
    fn only_the_hyphenated_form_is_read() {
        let text = "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a";
        assert_eq!(text.parse::<TraceId>().unwrap().to_string(), text);
        assert!(text.replace('-', "").parse::<TraceId>().is_err());
        assert!(format!("{{{text}}}").parse::<TraceId>().is_err());
        assert!("".parse::<TraceId>().is_err());
    }
}
