//! What reaches out of the chat, and into it: the section `http_fetch` and the sections `webhooks.NAME`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::faults::Faults;
use crate::named::Named;
use crate::secret::Secret;

/// The tool that fetches pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct HttpFetch {
    /// Places that it may reach although they are not on the public internet: hosts and addresses with or without a port, and
    /// networks; none. What each must look like is `gateway`'s business.
    pub allow: Vec<String>,
}

/// A source of webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Webhook {
    /// Its name in the path, `POST /webhooks/NAME`.
    #[serde(skip)]
    pub name: String,
    /// How it proves who it is; must be said.
    #[serde(deserialize_with = "auth")]
    pub auth: Option<WebhookAuth>,
    /// What only it and this gateway know; must be said.
    pub secret: Option<Secret<String>>,
}

/// How a source of webhooks proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAuth {
    /// `hmac-sha256`: it signs what it sends.
    HmacSha256,
    /// `bearer`: it shows the secret.
    Bearer,
}

impl Named for Webhook {
    const WHAT: &str = "sources of webhooks";
    const WHOSE: &str = "source's";

    fn named(self, name: String) -> Self {
        Self { name, ..self }
    }
}

fn auth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WebhookAuth>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "hmac-sha256" => Ok(Some(WebhookAuth::HmacSha256)),
        "bearer" => Ok(Some(WebhookAuth::Bearer)),
        other => Err(D::Error::custom(format_args!(
            "\"{other}\" is neither hmac-sha256 nor bearer"
        ))),
    }
}

/// Both keys are there.
pub(crate) fn check(webhooks: &[Webhook], faults: &mut Faults) {
    for webhook in webhooks {
        let missing = match webhook {
            Webhook { auth: None, .. } => "auth: write \"hmac-sha256\" or \"bearer\"",
            Webhook { secret: None, .. } => "secret; give it a long random text",
            _ => continue,
        };
        let path = format!("webhooks.{}", webhook.name);
        faults.add(&path, format!("has no {missing}"));
    }
}
