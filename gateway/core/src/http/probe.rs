//! Strangers' bytes, as HTTP gets them: what must hold whatever they are.

use axum::http::{HeaderMap, HeaderValue};

use super::webhooks::proof;
use crate::webhook::WebhookAuth;

const SECRET: &str = "a-secret-that-nobody-has";
/// Headers that a proof is looked for in.
const HEADERS: [&str; 5] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-hub-signature-256",
    "authorization",
];

/// Reads bytes as a webhook, a line for each of its headers and the rest its body: it proves nothing, for nobody has the secret.
///
/// # Panics
/// What must hold does not.
pub fn webhook(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = bytes;
    for name in HEADERS {
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let (line, more) = rest.split_at(end);
        rest = more.get(1..).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_bytes(line)
            && !line.is_empty()
        {
            headers.insert(name, value);
        }
    }
    for auth in [
        WebhookAuth::HmacSha256(SECRET.to_owned()),
        WebhookAuth::Bearer(SECRET.to_owned()),
    ] {
        assert!(proof::check(&auth, &headers, rest, 1_700_000_000).is_err());
    }
}
