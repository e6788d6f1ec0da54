//! Styles, scripts and the mark, embedded and named by their content, so that browsers may keep them forever.

use std::sync::LazyLock;

use aap::chain::Digest;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Every file, by the name that templates call it by: the one list of them.
const FILES: [(&str, &str, &str); 17] = [
    (
        "dashboard.css",
        CSS,
        include_str!("../assets/dashboard.css"),
    ),
    ("dashboard.js", JS, include_str!("../assets/dashboard.js")),
    (
        "mark.svg",
        "image/svg+xml",
        include_str!("../assets/mark.svg"),
    ),
    ("home.css", CSS, include_str!("../assets/home.css")),
    ("agent.css", CSS, include_str!("../assets/agent.css")),
    ("trace.css", CSS, include_str!("../assets/trace.css")),
    ("about.css", CSS, include_str!("../assets/about.css")),
    ("embed.css", CSS, include_str!("../assets/embed.css")),
    ("explore.css", CSS, include_str!("../assets/explore.css")),
    ("refusals.css", CSS, include_str!("../assets/refusals.css")),
    ("session.css", CSS, include_str!("../assets/session.css")),
    ("session.js", JS, include_str!("../assets/session.js")),
    ("chart.css", CSS, include_str!("../assets/chart.css")),
    ("chart.js", JS, include_str!("../assets/chart.js")),
    ("uplot.css", CSS, include_str!("../assets/vendor/uplot.css")),
    ("uplot.js", JS, include_str!("../assets/vendor/uplot.js")),
    (
        "uplot-license.txt",
        "text/plain; charset=utf-8",
        include_str!("../assets/vendor/uplot.LICENSE"),
    ),
];

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// As templates call it.
    file: &'static str,
    /// Its name below `/assets/`: stem, the first digits of its SHA-256, extension.
    pub name: String,
    /// Its media type.
    pub mime: &'static str,
    /// What is in it.
    pub body: &'static str,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let named = |(file, mime, body): (&'static str, &'static str, &'static str)| {
        let digest = Digest::of(body.as_bytes()).to_string();
        let (stem, extension) = file.split_once('.').unwrap_or((file, ""));
        Asset {
            file,
            name: format!("{stem}.{}.{extension}", &digest[..12]),
            mime,
            body,
        }
    };
    FILES.into_iter().map(named).collect()
});

/// All embedded files, for hosts that serve them by other means than [`crate::router`].
pub fn all() -> &'static [Asset] {
    &ASSETS
}

/// The path of a file of the list; one that is not in it leads nowhere.
pub(crate) fn path(file: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.file == file);
    format!("/assets/{}", found.map_or(file, |asset| &asset.name))
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

/// `GET /assets/{name}`. An older name is not served: its content is gone.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_over_is_unchanged() {
        let told = include_str!("../assets/vendor/README.md");
        for file in ["uplot.js", "uplot.css"] {
            let asset = ASSETS.iter().find(|asset| asset.file == file).unwrap();
            let digest = Digest::of(asset.body.as_bytes()).to_string();
            let line = told.lines().find(|line| line.contains(&format!("`{file}`")));
            assert!(line.unwrap().contains(&digest), "{file} is {digest}");
        }
    }

    #[test]
    fn no_two_files_share_a_name() {
        for (index, asset) in ASSETS.iter().enumerate() {
            assert!(ASSETS[..index].iter().all(|other| other.name != asset.name));
        }
    }
}
