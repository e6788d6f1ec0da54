//! `smoltbot`: see what an AI agent did, what it refused and why.
//!
//! The one binary, and the only place where everything is put together: each command is a small module of
//! [`commands`], [`agent`] is who this machine's agent is, [`stack`] is the roles that run side by side.

mod agent;
mod background;
mod cards;
mod chat;
mod cli;
mod commands;
mod database;
#[cfg(target_os = "linux")]
mod doze;
mod http;
mod listening;
mod lock;
mod models;
mod output;
mod panics;
mod policies;
mod postgres;
mod progress;
mod publishing;
mod settings;
mod stack;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    panics::keep_to_themselves();
    // One-shot: no runtime, no log set-up, nothing that costs a millisecond. An agent waits for it at every call, so what
    // it types is recognized without setting up the parser of all commands; anything else than that is the parser's.
    if let Some(agent) = cli::plain_hook(std::env::args_os().skip(1)) {
        return commands::hook::run(&agent);
    }
    #[cfg(target_os = "linux")]
    if let Some(sidecar) = doze::asked(std::env::args_os().skip(1)) {
        return doze::run(sidecar);
    }
    let cli = cli::Cli::parse();
    if let cli::Command::Hook { agent } = &cli.command {
        return commands::hook::run(agent);
    }
    let log = cli
        .command
        .behind()
        .and_then(|behind| behind.background.as_deref());
    let started = if let Some(log) = log {
        background::start_log(log)
    } else {
        output::start_log();
        Ok(())
    };
    match started.and_then(|()| commands::run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
