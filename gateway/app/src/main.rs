//! `smoltbot`: see what an AI agent did, what it refused and why.
//!
//! The one binary, and the only place where everything is put together: each command is a small module of
//! [`commands`], [`agent`] is who this machine's agent is, [`stack`] is the roles that run side by side.

mod agent;
mod cards;
mod cli;
mod commands;
mod database;
mod http;
mod lock;
mod output;
mod policies;
mod postgres;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // One-shot: no runtime, no log set-up, nothing that costs a millisecond. An agent waits for it at every call, so what
    // it types is recognized without setting up the parser of all commands; anything else than that is the parser's.
    if let Some(agent) = cli::plain_hook(std::env::args_os().skip(1)) {
        return commands::hook::run(&agent);
    }
    let cli = cli::Cli::parse();
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
