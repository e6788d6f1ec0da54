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
mod serve;
mod size;
mod toolchain;
mod tools;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::tree;

pub(crate) use build::build;
pub(crate) use dev::{Worker, migrate_by};
pub(crate) use processes::Group;
pub(crate) use serve::Served;

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
    /// Needs `CLOUDFLARE_API_TOKEN` and `CLOUDFLARE_ACCOUNT_ID` in the environment, unless `--dry-run`.
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
    /// A variable for the Worker, over what `wrangler.jsonc` says; can be repeated.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = dev::variable)]
    vars: Vec<String>,
    /// Run the bundle that the last `worker build` left.
    #[arg(long)]
    no_build: bool,
    /// Put these files over `wrangler.jsonc` and the bundle in `build/`, of which it runs a copy: for tests, which bring a
    /// configuration of their own or a module around the Worker's.
    #[arg(long, value_name = "DIRECTORY")]
    over: Option<PathBuf>,
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
///
/// # Errors
/// When a step fails; the message says which, and what to do.
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        task: Task,
    }

    fn parse(line: &str) -> Result<Task, String> {
        let words = std::iter::once("worker").chain(line.split(' '));
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(cli.task)
    }

    #[test]
    fn dev_takes_a_port_a_database_and_variables() {
        let line = "dev --port 0 --database-url postgres://u:p@h/d --var A=b --var C=d=e --no-build --over x";
        let Ok(Task::Dev(args)) = parse(line) else {
            panic!("{line}");
        };
        assert_eq!((args.port, args.no_build), (0, true));
        assert_eq!(args.database_url.as_deref(), Some("postgres://u:p@h/d"));
        assert_eq!(args.vars, ["A:b", "C:d=e"]);
        assert_eq!(args.over, Some("x".into()));
        let Ok(Task::Dev(args)) = parse("dev") else {
            panic!("dev alone");
        };
        assert_eq!(
            (args.port, args.database_url, args.no_build),
            (8787, None, false)
        );
    }

    #[test]
    fn wrong_arguments_are_named() {
        for (line, says) in [
            ("dev --port 70000", "70000"),
            ("dev --database-url sqlite:x", "postgres://USER"),
            ("dev --var A", "NAME=VALUE"),
            ("dev --var =b", "NAME=VALUE"),
            (
                "deploy --env prod",
                "[possible values: staging, production]",
            ),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn deploying_goes_to_staging_unless_told_otherwise() {
        let Ok(Task::Deploy(args)) = parse("deploy --dry-run") else {
            panic!("deploy");
        };
        assert_eq!((args.dry_run, args.env.as_str()), (true, "staging"));
    }
}
