//! Answers: whole pages, pages that say what went wrong, and the headers that every one of them carries.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use trace_store::StoreError;

use crate::text::plain;

/// Nothing but our own style, script, images and live events; no inline code of either kind.
pub(crate) const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for what other sites may put into a frame: no script, no form, and anybody around it.
const EMBEDDED_CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors *";

/// Marks an answer as one that other sites may put into a frame.
#[derive(Clone, Copy)]
struct Embeddable;

/// Lets other sites put `answer` into a frame.
pub(crate) fn embeddable(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Embeddable);
    answer
}

/// What every answer that is no frame carries.
pub(crate) const HEADERS: [(&str, &str); 4] = [
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
];

/// Seconds after which a page is worth trying again when the store does not answer.
const RETRY_AFTER_S: u32 = 5;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// The address or a filter says something that cannot be.
    #[error("{0}")]
    Bad(String),
    /// Well formed, but not here.
    #[error("{0}")]
    Missing(String),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template failed; a defect.
    #[error(transparent)]
    Render(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    title: &'a str,
    said: String,
    hints: &'a [&'a str],
    status: u16,
}

const ID_HINTS: &[&str] = &[
    "Ids of agents and traces are UUIDs, such as 0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a: 36 characters with hyphens.",
    "Paste a whole id into the search box; it finds agents and traces.",
    "Filters stand behind the “?” of an address: take the one that is wrong out, or start again without them.",
];
const MISSING_HINTS: &[&str] = &[
    "A new agent shows up with its first tool call, usually within a few seconds.",
    "Traces can be erased; what remains of them is their place in the agent's chain.",
    "Check that the id is complete, or search for it.",
];
const STORE_HINTS: &[&str] = &[
    "Nothing is lost: agents keep their traces until they are stored.",
    "Try again in a few seconds.",
];

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, hints) = match &self {
            Self::Bad(_) => (
                StatusCode::BAD_REQUEST,
                "That address is not right",
                ID_HINTS,
            ),
            Self::Missing(_) => (StatusCode::NOT_FOUND, "Not found", MISSING_HINTS),
            Self::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The store does not answer",
                STORE_HINTS,
            ),
            Self::Render(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "This page could not be made",
                STORE_HINTS,
            ),
        };
        let said = match &self {
            Self::Bad(said) | Self::Missing(said) => plain(said, 400),
            // What a driver says is for the operator's log, not for the public.
            Self::Store(_) => "The traces cannot be read right now.".to_owned(),
            Self::Render(_) => "A defect in the dashboard.".to_owned(),
        };
        let problem = Problem {
            title,
            said,
            hints,
            status: status.as_u16(),
        };
        let mut answer = match problem.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, title).into_response(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        answer
    }
}

/// A rendered page, fresh at every visit.
pub(crate) fn page(template: &impl Template) -> Result<Response, PageError> {
    let html = template.render()?;
    Ok(([(header::CACHE_CONTROL, "no-cache")], Html(html)).into_response())
}

/// Puts the security headers on an answer; a layer over every route, so that none can forget them.
pub(crate) async fn secure(mut answer: Response) -> Response {
    let framed = answer.extensions().get::<Embeddable>().is_some();
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if framed {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(EMBEDDED_CSP),
        );
        headers.remove(header::X_FRAME_OPTIONS);
    }
    answer
}
