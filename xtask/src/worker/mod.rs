//! `cargo xtask worker …`: the edge as a Cloudflare Worker, bundled, run and deployed.
//!
//! **In scope.** The way from `edge-worker/worker/src` to a bundle that runs in workerd, a local run of it, and wrangler.
//!
//! **Out of scope.** What the Worker does: the crate `edge-worker`. Where it is deployed to: `wrangler.jsonc` beside it.

mod build;
mod config;
mod deploy;
mod dev;
mod processes;
mod size;
mod toolchain;
mod tools;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::tree;

/// What to do with the Worker.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Compile and bundle it into `edge-worker/worker/build`, and check its size.
    ///
    /// Compiles with rustup's target wasm32-unknown-unknown, which is added where it is missing and can be; else with
    /// Debian's packages `rustc-web`, `rust-web-src` and `lld`. Everything else comes from npm, pinned, into
    /// `$SMOLTBOT_TOOLS/worker`.
    Build,
    /// Build it, run it in workerd with Postgres, and print its URL once it is healthy.
    ///
    /// The URL is the only thing on standard output. Ctrl-C or SIGTERM stops everything that was started.
    Dev(DevArgs),
    /// Build it and hand it to `wrangler deploy`.
    ///
    /// Needs CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID in the environment, unless `--dry-run`.
    Deploy(DeployArgs),
}

/// How to run it here.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The port on loopback; 0 for any free one.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Keep traces in this Postgres instead of one that is started for this run and gone with it.
    #[arg(long, value_name = "URL", value_parser = dev::postgres_url)]
    database_url: Option<String>,
    /// Run the bundle that the last `worker build` left.
    #[arg(long)]
    no_build: bool,
}

/// Where to deploy it.
#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Do everything but upload it; needs neither network nor credentials.
    #[arg(long)]
    dry_run: bool,
    /// The environment of `wrangler.jsonc` to deploy.
    #[arg(long, value_name = "NAME", default_value = "staging", value_parser = ["staging", "production"])]
    env: String,
}

/// Does it.
pub(crate) fn run(task: &Task) -> Result<()> {
    match task {
        Task::Build => print!("{}", build::build()?),
        Task::Dev(args) => dev::run(args)?,
        Task::Deploy(args) => deploy::run(args)?,
    }
    Ok(())
}

/// The Worker's directory.
fn home() -> PathBuf {
    tree::root().join("edge-worker/worker")
}
