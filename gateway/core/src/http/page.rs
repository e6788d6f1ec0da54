//! The chat page, the page for who isn't in yet, and their two files.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Room;
use super::answer::problem;
use crate::limits::MAX_MESSAGE_BYTES;

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
                dashboard_url: room.chat.dashboard_url(),
                workspace: room.chat.toolbox().workspace().root(),
                max_message_bytes: MAX_MESSAGE_BYTES,
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

/// `GET /assets/chat.css`.
pub(super) async fn css() -> Response {
    asset(
        "text/css; charset=utf-8",
        include_str!("../../assets/chat.css"),
    )
}

/// `GET /assets/chat.js`.
pub(super) async fn js() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../../assets/chat.js"),
    )
}

/// `GET /assets/mark.svg`.
pub(super) async fn mark() -> Response {
    asset("image/svg+xml", include_str!("../../assets/mark.svg"))
}

/// Small and from this machine: asked for each time, so that an update is seen at once.
fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text).into_response()
}
