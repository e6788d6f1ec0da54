//! Where things are: the repository, the tools, the build.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
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
