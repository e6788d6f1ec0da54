//! Where things are: the repository, the tools, the build.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result};

/// The repository's root: of the checkout that cargo runs this for, which need not be the one that it was compiled in where
/// two of them share a build directory.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // Tests that start this by its path hand their own crate's directory down.
        let by_cargo = std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == "xtask");
        let ran_for = std::env::var_os("CARGO_MANIFEST_DIR").filter(|_| by_cargo);
        let ran_for = ran_for.map(PathBuf::from);
        let xtask = ran_for.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        xtask.parent().unwrap_or(&xtask).to_owned()
    });
    &ROOT
}

/// Where `setup` puts what tests need: `$SMOLTBOT_TOOLS`, else `smoltbot/tools` in the user's cache directory.
///
/// The tests look in the same places.
pub(crate) fn tools() -> Result<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(tools) = var("SMOLTBOT_TOOLS") {
        return std::path::absolute(tools).context("SMOLTBOT_TOOLS is not a path");
    }
    let cache = match var("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(var("HOME").context("neither HOME nor SMOLTBOT_TOOLS is set")?)
            .join(".cache"),
    };
    Ok(cache.join("smoltbot").join("tools"))
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(target) => root().join(target),
        None => root().join("target"),
    }
}
