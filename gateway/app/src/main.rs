//! `smoltbot`: see what an AI agent did, what it refused and why.
//!
//! The one binary, and the only place where everything is put together: each command is a small module of
//! [`commands`], [`agent`] is who this machine's agent is, [`stack`] is the roles that run side by side.

mod agent;
mod cli;
mod commands;
mod http;
mod lock;
mod output;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // One-shot: no runtime, no log set-up, nothing that costs a millisecond.
    if let cli::Command::Hook { agent } = &cli.command {
        return commands::hook::run(agent);
    }
    output::start_log();
    match commands::run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
