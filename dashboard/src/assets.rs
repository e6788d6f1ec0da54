//! Style, script and mark, embedded and named by their content, so that browsers may keep them forever.

use std::sync::LazyLock;

use aap::chain::Digest;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// One embedded file.
struct Asset {
    name: String,
    mime: &'static str,
    body: &'static str,
}

impl Asset {
    fn new(extension: &'static str, mime: &'static str, body: &'static str) -> Self {
        let digest = Digest::of(body.as_bytes()).to_string();
        Self {
            name: format!("dashboard.{}.{extension}", &digest[..12]),
            mime,
            body,
        }
    }
}

static CSS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "css",
        "text/css; charset=utf-8",
        include_str!("../assets/dashboard.css"),
    )
});
static JS: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/dashboard.js"),
    )
});
static MARK: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("svg", "image/svg+xml", include_str!("../assets/mark.svg")));

/// The stylesheet's path.
pub(crate) fn css() -> String {
    format!("/assets/{}", CSS.name)
}

/// The script's path.
pub(crate) fn js() -> String {
    format!("/assets/{}", JS.name)
}

/// The icon's path.
pub(crate) fn mark() -> String {
    format!("/assets/{}", MARK.name)
}

/// `GET /assets/{name}`. An older name is not served: its content is gone.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let found = [&CSS, &JS, &MARK]
        .into_iter()
        .find(|asset| asset.name == name);
    match found {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.mime),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.body,
        )
            .into_response(),
        None => (StatusCode::NOT_FOUND, "no such asset\n").into_response(),
    }
}
