//! `GET /api/approvals`: the open questions. `POST /api/approvals/{id}`: a person's answer to one.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::Room;
use super::answer::problem;
use crate::agent::Decision;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    decision: Decision,
}

/// The open questions, the oldest first.
pub(super) async fn list(State(room): State<Arc<Room>>) -> Response {
    Json(json!({ "approvals": room.agent.questions().all() })).into_response()
}

/// Answers a question. The call goes on, or is refused, where it was asked for.
pub(super) async fn answer(
    State(room): State<Arc<Room>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let said: Said = match serde_json::from_slice(&body) {
        Ok(said) => said,
        Err(error) => {
            let detail = format!(
                r#"the body is not what is expected: {error}; send {{"decision": "approve"}} or {{"decision": "deny"}}"#
            );
            return problem(StatusCode::BAD_REQUEST, detail);
        }
    };
    if room.agent.questions().answer(&id, said.decision) {
        return Json(json!({ "id": id, "decision": said.decision })).into_response();
    }
    problem(
        StatusCode::NOT_FOUND,
        "this question is not open: it was answered, its time was up, or whoever asked has gone away",
    )
}
