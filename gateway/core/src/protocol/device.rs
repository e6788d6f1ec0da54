//! A device's signature, as OpenClaw's clients make it: Ed25519 over what they claim, joined with `|`, under version 2 or 3.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::limits::DEVICE_CLOCK_SKEW;

/// `device` of `connect`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    id: String,
    public_key: String,
    signature: String,
    signed_at: i64,
    #[serde(default)]
    nonce: String,
}

/// What a device signs besides its own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims<'a> {
    pub(super) client_id: &'a str,
    pub(super) mode: &'a str,
    pub(super) role: &'a str,
    pub(super) scopes: &'a [String],
    pub(super) token: &'a str,
    pub(super) platform: &'a str,
    pub(super) family: &'a str,
}

/// Why a device is not who it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DeviceError {
    #[error(
        "the device's public key is not 32 bytes of Ed25519 in base64url, or its id is not the key's SHA-256 in hex"
    )]
    Id,
    #[error(
        "the device signed at another time than the gateway's clock has, by more than {} s",
        DEVICE_CLOCK_SKEW.as_secs()
    )]
    Stale,
    #[error("the device must sign the nonce of `connect.challenge`")]
    NoNonce,
    #[error("the device signed the nonce of another connection")]
    Nonce,
    #[error("the device's signature does not fit what it claims")]
    Signature,
}

impl DeviceError {
    /// `details.code` of the answer.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Id => "DEVICE_AUTH_DEVICE_ID_MISMATCH",
            Self::Stale => "DEVICE_AUTH_SIGNATURE_EXPIRED",
            Self::NoNonce => "DEVICE_AUTH_NONCE_REQUIRED",
            Self::Nonce => "DEVICE_AUTH_NONCE_MISMATCH",
            Self::Signature => "DEVICE_AUTH_SIGNATURE_INVALID",
        }
    }
}

impl Device {
    /// SHA-256 of its key, in hex.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has signed these claims, on this connection, now.
    pub(super) fn check(
        &self,
        claims: Claims<'_>,
        nonce: &str,
        now_ms: i64,
    ) -> Result<(), DeviceError> {
        let key: [u8; 32] = decode(&self.public_key)
            .and_then(|key| key.try_into().ok())
            .ok_or(DeviceError::Id)?;
        let id = format!("{:x}", Sha256::digest(key));
        if id != self.id {
            return Err(DeviceError::Id);
        }
        let skew = Duration::from_millis(now_ms.abs_diff(self.signed_at));
        if skew > DEVICE_CLOCK_SKEW {
            return Err(DeviceError::Stale);
        }
        if self.nonce.is_empty() {
            return Err(DeviceError::NoNonce);
        }
        if self.nonce != nonce {
            return Err(DeviceError::Nonce);
        }
        let key = VerifyingKey::from_bytes(&key).map_err(|_| DeviceError::Id)?;
        let signature = decode(&self.signature)
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(DeviceError::Signature)?;
        let signed = [self.third(claims), self.second(claims, "v2")]
            .iter()
            .any(|text| key.verify_strict(text.as_bytes(), &signature).is_ok());
        signed.then_some(()).ok_or(DeviceError::Signature)
    }

    fn second(&self, claims: Claims<'_>, version: &str) -> String {
        let Claims {
            client_id,
            mode,
            role,
            token,
            ..
        } = claims;
        let scopes = claims.scopes.join(",");
        let (id, at, nonce) = (&self.id, self.signed_at, &self.nonce);
        format!("{version}|{id}|{client_id}|{mode}|{role}|{scopes}|{at}|{token}|{nonce}")
    }

    fn third(&self, claims: Claims<'_>) -> String {
        let plain = |text: &str| text.trim().to_ascii_lowercase();
        format!(
            "{}|{}|{}",
            self.second(claims, "v3"),
            plain(claims.platform),
            plain(claims.family)
        )
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .or_else(|_| BASE64_STANDARD.decode(text))
        .ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn device(sign: impl FnOnce(&Device) -> String) -> Device {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let id = format!("{:x}", Sha256::digest(public));
        let mut device = Device {
            id,
            public_key: BASE64_URL_SAFE_NO_PAD.encode(public),
            signature: String::new(),
            signed_at: NOW,
            nonce: "n".to_owned(),
        };
        let text = sign(&device);
        device.signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes());
        device
    }

    fn claims(scopes: &[String]) -> Claims<'_> {
        Claims {
            client_id: "cli",
            mode: "cli",
            role: "operator",
            scopes,
            token: "t",
            platform: " Linux ",
            family: "",
        }
    }

    #[test]
    fn both_versions_of_what_is_signed_are_known() {
        let scopes = ["operator.read".to_owned(), "operator.write".to_owned()];
        for version in [2, 3] {
            let device = device(|device| {
                let id = &device.id;
                let text = format!(
                    "v{version}|{id}|cli|cli|operator|operator.read,operator.write|{NOW}|t|n"
                );
                if version == 3 {
                    format!("{text}|linux|")
                } else {
                    text
                }
            });
            assert_eq!(device.check(claims(&scopes), "n", NOW), Ok(()));
            let skew = i64::try_from(DEVICE_CLOCK_SKEW.as_millis()).unwrap();
            assert_eq!(device.check(claims(&scopes), "n", NOW - skew), Ok(()));
            assert_eq!(
                device.check(claims(&scopes), "n", NOW + skew + 1),
                Err(DeviceError::Stale)
            );
            assert_eq!(
                device.check(claims(&scopes), "other", NOW),
                Err(DeviceError::Nonce)
            );
            assert_eq!(
                device.check(claims(&[]), "n", NOW),
                Err(DeviceError::Signature),
                "claims that were not signed"
            );
        }
    }

    #[test]
    fn an_id_that_is_not_the_keys_is_refused() {
        let mut other = device(|device| device.second(claims(&[]), "v2"));
        assert_eq!(other.check(claims(&[]), "n", NOW), Ok(()));
        other.id = "00".repeat(32);
        assert_eq!(other.check(claims(&[]), "n", NOW), Err(DeviceError::Id));
        other.public_key = "short".to_owned();
        assert_eq!(other.check(claims(&[]), "n", NOW), Err(DeviceError::Id));
    }
}
