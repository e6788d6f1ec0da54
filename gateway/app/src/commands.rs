//! One module a command.

mod card;
pub(crate) mod check;
mod conscience;
mod db;
mod doctor;
mod down;
mod export;
pub(crate) mod hook;
mod import;
mod init;
mod logs;
mod mcp_proxy;
mod quarantine;
mod redact;
mod reset;
mod roles;
mod service;
mod status;
mod token;
mod uninstall;
mod verify;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs a command.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(asked) => init::run(&asked),
        Command::Uninstall(asked) => uninstall::run(&asked),
        Command::Doctor(asked) => doctor::run(asked.json),
        Command::Up {
            database,
            detach: true,
            ..
        } => down::up(database.database_url),
        Command::Up {
            database, behind, ..
        } => roles::up(database.database_url, &behind),
        Command::Down(asked) => down::run(asked.json),
        Command::Service { task } => service::run(task),
        Command::Gateway => roles::gateway(),
        Command::Sidecar {
            idle_exit,
            behind,
            woken,
        } => roles::sidecar(idle_exit, &behind, woken),
        Command::Edge { database } => roles::edge(database.database_url),
        Command::Db { database, task } => db::run(database.database_url, task),
        Command::Hook { agent } => Ok(hook::run(&agent)),
        Command::Card { task } => card::run(task),
        Command::McpProxy(asked) => mcp_proxy::run(&asked),
        Command::Check(check) => check::run(check),
        Command::Conscience { task } => conscience::run(task),
        Command::Token { task } => token::run(task),
        Command::Status { json } => status::run(json),
        Command::Quarantine { task } => quarantine::run(task),
        Command::Logs(logs) => logs::run(&logs),
        Command::Export(export) => export::run(&export),
        Command::Import(asked) => import::run(&asked),
        Command::Verify { file, json } => verify::run(&file, json),
        Command::Redact(asked) => redact::run(&asked),
        Command::Reset { force } => reset::run(force),
    }
}
