//! `worker-bindgen MODULE.wasm DIR`: writes `DIR/index.js` and `DIR/index_bg.wasm` for a Worker.
//!
//! **In scope.** The one call of wasm-bindgen's library that `cargo xtask worker build` needs. It is a crate of its own
//! so that only who builds the Worker compiles that library; it comes from the same lock file as `wasm-bindgen` itself,
//! so the two cannot be of different versions, which wasm-bindgen would refuse.
//!
//! **Out of scope.** Everything before and behind it: `xtask`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(module), Some(dir), None) = (args.next(), args.next(), args.next()) else {
        anyhow::bail!("usage: worker-bindgen MODULE.wasm DIR");
    };
    Bindgen::new()
        .input_path(&module)
        .out_name("index")
        .module(true)?
        .typescript(false)
        // After a panic the glue starts a fresh instance in the same isolate, and has to hear of aborts for that.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .generate(&dir)
        .with_context(|| format!("binding {}", module.display()))
}
