//! `GET /api/sessions`: the conversations, the last one first. `GET`, `DELETE /api/sessions/{key}`: what was said in one, and
//! `GET /api/sessions/{key}/pictures/{message}/{number}` a picture of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use serde_json::json;

use super::Room;
use super::answer::problem;
use crate::limits::{DEFAULT_LISTED, MAX_LISTED};
use crate::sessions::SessionsError;

/// How much of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<u32>,
    /// Only messages before the one with this id.
    before: Option<i64>,
}

impl Page {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LISTED).clamp(1, MAX_LISTED)
    }
}

/// The conversations.
pub(super) async fn list(State(room): State<Arc<Room>>, Query(page): Query<Page>) -> Response {
    match room.agent.sessions().list(page.limit()).await {
        Ok(sessions) => Json(json!({ "sessions": sessions })).into_response(),
        Err(error) => failed(&error),
    }
}

/// The last messages of one, oldest first.
pub(super) async fn said(
    State(room): State<Arc<Room>>,
    Path(key): Path<String>,
    Query(page): Query<Page>,
) -> Response {
    let sessions = room.agent.sessions();
    let found = match sessions.get(&key).await {
        Ok(Some(session)) => sessions
            .history(&key, page.before, page.limit())
            .await
            .map(|messages| json!({ "session": session, "messages": messages })),
        Ok(None) => return unknown(),
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => Json(found).into_response(),
        Err(error) => failed(&error),
    }
}

/// A picture that was sent in one.
pub(super) async fn picture(
    State(room): State<Arc<Room>>,
    Path((key, message, number)): Path<(String, i64, usize)>,
) -> Response {
    match room.agent.sessions().picture(&key, message, number).await {
        Ok(Some((media_type, data))) => match BASE64_STANDARD.decode(data) {
            Ok(bytes) => ([(CONTENT_TYPE, media_type)], bytes).into_response(),
            Err(_) => no_picture(),
        },
        Ok(None) => no_picture(),
        Err(error) => failed(&error),
    }
}

fn no_picture() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "there is no such picture; GET /api/sessions/KEY tells which messages have some",
    )
}

/// Forgets one.
pub(super) async fn delete(State(room): State<Arc<Room>>, Path(key): Path<String>) -> Response {
    match room.agent.sessions().delete(&key).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => unknown(),
        Err(error) => failed(&error),
    }
}

fn unknown() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "there is no such conversation; GET /api/sessions lists them",
    )
}

fn failed(error: &SessionsError) -> Response {
    tracing::error!(%error, "gateway: conversations cannot be read");
    problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
