//! Answers that are the same everywhere: errors, headers, health.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Room;

/// Nothing but the page's own files; no inline script or style, no framing, no forms. `blob:` is for pictures that the person has
/// chosen and not sent yet: the page's own script alone can make such an address, and it leads to nothing outside of the page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /health`: alive, and how many sockets of `/ws` have shown the token; to who shows it also what runs, and for how long.
pub(super) async fn health(State(room): State<Arc<Room>>, headers: HeaderMap) -> Response {
    let clients = room.sockets.clients();
    // Who watches it often shows nothing, and is not made to wait for digests.
    let shows = headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE);
    if !(shows && room.door.admits(&Method::GET, &headers)) {
        return Json(json!({"status": "ok", "ws_clients": clients})).into_response();
    }
    Json(json!({
        "status": "ok",
        "ws_clients": clients,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": room.sockets.uptime_ms(),
        "runs": room.agent.runs_under_way(),
    }))
    .into_response()
}

/// Any other path.
pub(super) async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// A path that is there, but not for this method.
pub(super) async fn wrong_method(method: Method) -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not for this path; the header Allow tells what is"),
    )
}

/// Why a body could not be read of which `most` bytes are taken.
pub(super) fn unread(rejected: &BytesRejection, most: usize) -> String {
    if rejected.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return format!("the body is too large: at most {most} bytes are taken");
    }
    rejected.body_text()
}

/// An error as RFC 9457 has it.
pub(crate) fn problem(status: StatusCode, detail: impl AsRef<str>) -> Response {
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail.as_ref(),
    });
    (
        status,
        [(CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

/// Headers of every answer, refusals included.
pub(super) async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
