//! `cargo xtask …`: set-up, tests, lints and benches, the things that people type.
//!
//! **In scope.** Putting commands together, saying what each one does and how to run a failed one again, and the numbers
//! at the end.
//!
//! **Out of scope.** What is tested or measured: tests live beside the code they prove, browser tests in `e2e/browser`.

mod bench;
mod browser;
mod command;
mod counts;
mod dist;
mod edge;
mod fuzz;
mod health;
mod lint;
mod npm;
mod oracle;
mod peers;
mod programs;
mod python;
mod run;
mod setup;
mod telemetry;
mod test;
mod tree;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Set-up, tests, lints and benches of smoltbot.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what the tests need beyond Rust: AAP's reference verifiers, schemathesis, and a browser with its driver.
    ///
    /// Everything but the browser goes into `$SMOLTBOT_TOOLS`, by default `~/.cache/smoltbot/tools`. System packages are
    /// installed as root on Debian; elsewhere you are told which ones to install. Running it again does only what is missing.
    Setup,
    /// Run `setup`, then every test: unit, integration, AAP's verifiers, documentation, the edge over HTTP, browser.
    Test {
        /// Also run the tests that install other people's agents and gateways.
        #[arg(long)]
        peers: bool,
        /// Run only the HTTP suite, against this host of the edge; can be repeated.
        #[arg(long, value_name = "HOST")]
        edge: Vec<edge::Kind>,
        /// Walk only through the pages, of this host of the edge; can be repeated.
        #[arg(long, value_name = "HOST")]
        site: Vec<edge::Kind>,
        /// Run only tests whose name contains this.
        filter: Option<String>,
    },
    /// Take pictures of every page, light and dark, as a phone and as a desktop show it, into `target/screenshots`.
    Screenshots {
        /// Also make the pictures of the README, in `docs`.
        #[arg(long)]
        docs: bool,
    },
    /// Check formatting, clippy and documentation, each warning being an error.
    Lint,
    /// Measure the release build; prints a table and writes `target/bench/NAME.json`.
    Bench {
        /// What to measure.
        #[arg(default_value = "all", value_parser = bench::names())]
        name: String,
        /// Measure what is shipped instead: builds it as `dist` does.
        #[arg(long)]
        dist: bool,
    },
    /// Build the binary that is shipped, `target/dist/smoltbot`, with the functions that a start runs through side by side.
    Dist,
    /// Break the way from hook to edge, seed after seed, and look what became of every call; exit code 1 when one is missing.
    Oracle {
        /// For the oracle: `--minutes N`, `--seed S`, `--fault NAME`, `--rounds N`, `--postgres`, `--list`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Feed strangers' bytes to the gateway's parsers; exit code 1 when one breaks.
    ///
    /// Needs a nightly compiler and a C++ one, and installs cargo-fuzz beside the other tools. The first build takes minutes.
    Fuzz {
        /// Which parser, a file of `gateway/core/fuzz/fuzz_targets`; each of them, one after another, when none is named.
        target: Option<String>,
        /// How long each is fed.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Build, run and deploy the edge as a Cloudflare Worker.
    Worker {
        #[command(subcommand)]
        task: worker::Task,
    },
}

fn main() -> Result<ExitCode> {
    let ok = match Cli::parse().task {
        Task::Setup => setup::all().map(|()| true)?,
        Task::Test {
            peers,
            edge,
            site,
            filter,
        } => test::all(peers, &edge, &site, filter.as_deref())?,
        Task::Screenshots { docs } => browser::screenshots(docs).map(|()| true)?,
        Task::Lint => lint::all(),
        Task::Bench { name, dist } => bench::all(&name, dist)?,
        Task::Dist => dist::build().map(|_| true)?,
        Task::Oracle { arguments } => oracle::run(&arguments)?,
        Task::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds)?,
        Task::Worker { task } => worker::run(&task).map(|()| true)?,
    };
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
