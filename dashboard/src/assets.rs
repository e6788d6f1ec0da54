//! Styles, scripts and the mark, named by their content, so that browsers may keep them forever.
//!
//! In a Worker they are no part of the module: the host serves what [`all`] lists, and here only their names are known.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
#[cfg(not(target_arch = "wasm32"))]
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};

use crate::answer;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// What caches may do with a file whose name tells its content.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// Every file, by the name that templates call it by, and its media type: the one list of them.
static ASSETS: [Asset; 17] = [
    Asset::new(
        "dashboard.css",
        CSS,
        include_str!("../assets/dashboard.css"),
    ),
    Asset::new("dashboard.js", JS, include_str!("../assets/dashboard.js")),
    Asset::new(
        "mark.svg",
        "image/svg+xml",
        include_str!("../assets/mark.svg"),
    ),
    Asset::new("home.css", CSS, include_str!("../assets/home.css")),
    Asset::new("agent.css", CSS, include_str!("../assets/agent.css")),
    Asset::new("trace.css", CSS, include_str!("../assets/trace.css")),
    Asset::new("about.css", CSS, include_str!("../assets/about.css")),
    Asset::new("embed.css", CSS, include_str!("../assets/embed.css")),
    Asset::new("explore.css", CSS, include_str!("../assets/explore.css")),
    Asset::new("refusals.css", CSS, include_str!("../assets/refusals.css")),
    Asset::new("session.css", CSS, include_str!("../assets/session.css")),
    Asset::new("session.js", JS, include_str!("../assets/session.js")),
    Asset::new("chart.css", CSS, include_str!("../assets/chart.css")),
    Asset::new("chart.js", JS, include_str!("../assets/chart.js")),
    Asset::new("uplot.css", CSS, include_str!("../assets/vendor/uplot.css")),
    Asset::new("uplot.js", JS, include_str!("../assets/vendor/uplot.js")),
    Asset::new(
        "uplot-license.txt",
        "text/plain; charset=utf-8",
        include_str!("../assets/vendor/uplot.LICENSE"),
    ),
];

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// As templates call it.
    file: &'static str,
    /// What its content hashes to.
    hash: u64,
    /// Its media type.
    pub mime: &'static str,
    /// What is in it.
    #[cfg(not(target_arch = "wasm32"))]
    pub body: &'static str,
}

impl Asset {
    /// Made when this is compiled, so that a content whose hash is all that is wanted does not get into the module.
    const fn new(file: &'static str, mime: &'static str, body: &'static str) -> Self {
        Self {
            file,
            hash: hash(body.as_bytes()),
            mime,
            #[cfg(not(target_arch = "wasm32"))]
            body,
        }
    }

    /// Its path: stem, 12 digits of its content's hash, extension.
    pub fn path(&self) -> String {
        let (stem, extension) = self.file.split_once('.').unwrap_or((self.file, ""));
        format!("/assets/{stem}.{:012x}.{extension}", self.hash >> 16)
    }

    /// The headers that it is served with.
    pub fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![("content-type", self.mime), ("cache-control", FOREVER)];
        headers.extend(answer::HEADERS);
        headers
    }
}

/// FNV-1a, which tells versions of a file apart, and protects nothing.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// All files, for hosts that serve them by other means than [`crate::router`].
pub fn all() -> &'static [Asset] {
    &ASSETS
}

/// The path of a file of the list; one that is not in it leads nowhere.
pub(crate) fn path(file: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.file == file);
    found.map_or_else(|| format!("/assets/{file}"), Asset::path)
}

/// The stylesheet's path.
pub(crate) fn css() -> String {
    path("dashboard.css")
}

/// The script's path.
pub(crate) fn js() -> String {
    path("dashboard.js")
}

/// The icon's path.
pub(crate) fn mark() -> String {
    path("mark.svg")
}

/// `GET /favicon.ico`, which browsers ask for where no page names an icon: beside a picture, a feed or JSON.
pub(crate) async fn favicon() -> Redirect {
    Redirect::permanent(&mark())
}

/// `GET /assets/{name}`. An older name is not served: its content is gone.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let called = |asset: &&Asset| asset.path().strip_prefix("/assets/") == Some(&name);
    match ASSETS.iter().find(called) {
        Some(asset) => {
            let headers = asset.headers().into_iter();
            let headers = headers.map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            (headers.collect::<HeaderMap>(), asset.body).into_response()
        }
        None => (StatusCode::NOT_FOUND, MISSING).into_response(),
    }
}

/// `GET /assets/{name}` of what the host has no file for.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn serve() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, MISSING)
}

const MISSING: &str = "no such asset\n";

#[cfg(test)]
mod tests {
    use aap::chain::Digest;

    use super::*;

    #[test]
    fn what_was_taken_over_is_unchanged() {
        let told = include_str!("../assets/vendor/README.md");
        for file in ["uplot.js", "uplot.css"] {
            let asset = ASSETS.iter().find(|asset| asset.file == file).unwrap();
            let digest = Digest::of(asset.body.as_bytes()).to_string();
            let line = told
                .lines()
                .find(|line| line.contains(&format!("`{file}`")));
            assert!(line.unwrap().contains(&digest), "{file} is {digest}");
        }
    }

    #[test]
    fn a_name_tells_the_content() {
        let of = |body| Asset::new("a.b.css", CSS, body).path();
        assert_eq!(of(""), "/assets/a.cbf29ce48422.b.css");
        assert_ne!(of("x"), of("y"));
    }

    #[test]
    fn no_two_files_share_a_name() {
        for (index, asset) in ASSETS.iter().enumerate() {
            assert!(
                ASSETS[..index]
                    .iter()
                    .all(|other| other.path() != asset.path())
            );
        }
    }
}
