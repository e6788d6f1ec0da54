//! The chat page, the page for who isn't in yet, and their files.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Room;
use super::answer::{not_found, problem};
use crate::limits::{
    MAX_ATTACHED_TEXT_BYTES, MAX_ATTACHMENTS, MAX_MESSAGE_BYTES, MAX_PICTURE_BYTES,
};
use crate::model::Thinking;

#[derive(Deserialize)]
pub(super) struct Asked {
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage<'a> {
    dashboard_url: &'a str,
    workspace: &'a str,
    max_message_bytes: usize,
    max_attachments: usize,
    max_picture_bytes: usize,
    max_text_bytes: usize,
    /// Whether there is a model to talk with.
    talks: bool,
    levels: [&'static str; Thinking::ALL.len()],
}

#[derive(Template)]
#[template(path = "locked.html")]
struct LockedPage {
    wrong_token: bool,
}

/// `GET /`: with a token it logs the browser in and takes the token out of the address bar.
pub(super) async fn page(
    State(room): State<Arc<Room>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    match asked.token {
        Some(token) if room.door.opens(&token) => (
            StatusCode::SEE_OTHER,
            [
                (LOCATION, "/".to_owned()),
                (SET_COOKIE, room.door.set_cookie()),
            ],
        )
            .into_response(),
        Some(_) => locked(true),
        None if room.door.knows(&headers) => render(
            StatusCode::OK,
            &ChatPage {
                dashboard_url: room.agent.dashboard_url(),
                workspace: room.agent.toolbox().workspace().root(),
                max_message_bytes: MAX_MESSAGE_BYTES,
                max_attachments: MAX_ATTACHMENTS,
                max_picture_bytes: MAX_PICTURE_BYTES,
                max_text_bytes: MAX_ATTACHED_TEXT_BYTES,
                talks: room.agent.talks(),
                levels: Thinking::ALL.map(Thinking::name),
            },
        ),
        None => locked(false),
    }
}

fn locked(wrong_token: bool) -> Response {
    render(StatusCode::UNAUTHORIZED, &LockedPage { wrong_token })
}

fn render(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "gateway: a page could not be rendered");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page could not be rendered",
            )
        }
    }
}

/// `GET /assets/{name}`: small and from this machine, so it is asked for each time and an update is seen at once.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let (kind, text) = match name.as_str() {
        "chat.css" => (
            "text/css; charset=utf-8",
            include_str!("../../assets/chat.css"),
        ),
        "attach.js" => (SCRIPT, include_str!("../../assets/attach.js")),
        "cards.js" => (SCRIPT, include_str!("../../assets/cards.js")),
        "chat.js" => (SCRIPT, include_str!("../../assets/chat.js")),
        "markdown.js" => (SCRIPT, include_str!("../../assets/markdown.js")),
        "sessions.js" => (SCRIPT, include_str!("../../assets/sessions.js")),
        "talk.js" => (SCRIPT, include_str!("../../assets/talk.js")),
        "turn.js" => (SCRIPT, include_str!("../../assets/turn.js")),
        "mark.svg" => ("image/svg+xml", include_str!("../../assets/mark.svg")),
        _ => return not_found().await,
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}
