//! `GET /about`: in plain words what is shown here, what is not, and how to check it without trusting anybody here.

use askama::Template;
use axum::response::Response;

use crate::answer::{PageError, page};
use crate::origin::Origin;

#[derive(Template)]
#[template(path = "about.html")]
struct About {
    origin: String,
}

/// Answers `GET /about`.
pub(crate) async fn show(origin: Origin) -> Result<Response, PageError> {
    page(&About {
        origin: origin.at(""),
    })
}
