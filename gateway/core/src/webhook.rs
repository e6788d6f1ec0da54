//! Who may send webhooks, and how they prove it.

use std::fmt;

use crate::limits::MIN_WEBHOOK_SECRET_BYTES;
use crate::serve::ServeError;

/// A source of webhooks: `POST /webhooks/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in the path.
    pub name: String,
    /// How it proves who it is.
    pub auth: WebhookAuth,
}

/// A proof. Never prints its secret.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookAuth {
    /// An HMAC with SHA-256: as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`), or over the
    /// body alone as GitHub does (`X-Hub-Signature-256: sha256=…`).
    HmacSha256(String),
    /// `Authorization: Bearer …`.
    Bearer(String),
}

impl Webhook {
    /// Whether it can be told from somebody who guesses.
    ///
    /// # Errors
    /// [`ServeError::WebhookSecret`] when its secret is short.
    pub fn check(&self) -> Result<(), ServeError> {
        if self.auth.secret().len() < MIN_WEBHOOK_SECRET_BYTES {
            return Err(ServeError::WebhookSecret(self.name.clone()));
        }
        Ok(())
    }
}

impl WebhookAuth {
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::HmacSha256(secret) | Self::Bearer(secret) => secret,
        }
    }
}

impl fmt::Debug for WebhookAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HmacSha256(_) => "HmacSha256(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}
