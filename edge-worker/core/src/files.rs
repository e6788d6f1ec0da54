//! What never changes while a host runs, for hosts that serve it as files: the pages' styles and scripts, and the API's
//! description. A Worker has none of it in its module.

use aap::paths;

use crate::openapi;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path of its URL.
    pub path: String,
    /// The headers of its answer; those of the API's description are the router's to say.
    pub headers: Vec<(&'static str, &'static str)>,
    /// What is in it.
    pub body: &'static str,
}

/// All of them.
pub fn files() -> Vec<File> {
    let assets = dashboard::assets::all().iter().map(|asset| File {
        path: asset.path(),
        headers: asset.headers(),
        body: asset.body,
    });
    let description = File {
        path: paths::OPENAPI.to_owned(),
        headers: Vec::new(),
        body: openapi::document(),
    };
    assets.chain([description]).collect()
}
