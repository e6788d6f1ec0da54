//! `POST /webhooks/{source}`: something happened elsewhere. It is taken in at once, and the agent looks at it afterwards.
//!
//! What is sent is material for the agent and chooses nothing: neither session nor model nor tools.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

pub(super) mod proof;
mod seen;

use super::Room;
use super::answer::{problem, unread};
use crate::agent::Ask;
use crate::clock::now_ms;
use crate::limits::{BODY_TIMEOUT, MAX_WEBHOOK_BYTES};
use crate::serve::ServeError;
use crate::webhook::{Webhook, WebhookAuth};
use proof::Refused;
use seen::Seen;

/// The channel of these messages.
const CHANNEL: &str = "webhook";
/// Whom the agent acts for: nobody who could be asked or trusted.
const ROLE: &str = "guest";

/// The sources, and what they sent lately.
pub(super) struct Webhooks {
    sources: HashMap<String, WebhookAuth>,
    seen: Seen,
}

impl Webhooks {
    pub(super) fn new(webhooks: &[Webhook]) -> Result<Self, ServeError> {
        let mut sources = HashMap::new();
        for webhook in webhooks {
            webhook.check()?;
            sources.insert(webhook.name.clone(), webhook.auth.clone());
        }
        Ok(Self {
            sources,
            seen: Seen::default(),
        })
    }
}

/// Takes a webhook in.
pub(super) async fn receive(
    State(room): State<Arc<Room>>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    let Some(auth) = room.webhooks.sources.get(&source) else {
        return problem(
            StatusCode::NOT_FOUND,
            "there is no such source of webhooks; the operator lists them in smoltbot.toml",
        );
    };
    let headers = request.headers().clone();
    let body = match timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejected)) => return problem(rejected.status(), unread(&rejected, BODY_LIMIT)),
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    let proof = match proof::check(auth, &headers, &body, now_ms() / 1000) {
        Ok(proof) => proof,
        Err(refused) => {
            let status = match refused {
                Refused::Late(_) => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNAUTHORIZED,
            };
            return problem(status, refused.to_string());
        }
    };
    let Ok(payload) = serde_json::from_slice::<Value>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "the body must be JSON");
    };
    let ask = Ask {
        user: Some(source.clone()),
        role: ROLE.to_owned(),
        context: Some(source.clone()),
        ..Ask::new(
            format!("{CHANNEL}:{source}"),
            CHANNEL,
            format!("[webhook:{source}] {payload}"),
        )
    };
    let start = || room.agent.start(ask).map(|run| run.id().to_owned());
    // Senders repeat what they think was lost; it runs once.
    let taken = match proof {
        Some(proof) => room.webhooks.seen.once((source, proof), start),
        None => start().map(|receipt| (receipt, false)),
    };
    match taken {
        Ok((receipt, is_repeated)) => accepted(&receipt, is_repeated),
        Err(busy) => problem(StatusCode::SERVICE_UNAVAILABLE, busy.to_string()),
    }
}

fn accepted(receipt: &str, is_repeated: bool) -> Response {
    let body = json!({"ok": true, "receipt_id": receipt, "repeated": is_repeated});
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// The largest body that is read.
pub(super) const BODY_LIMIT: usize = MAX_WEBHOOK_BYTES;
