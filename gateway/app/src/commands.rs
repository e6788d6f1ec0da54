//! One module a command.

mod card;
pub(crate) mod check;
mod conscience;
mod db;
mod export;
pub(crate) mod hook;
mod init;
mod logs;
mod reset;
mod roles;
mod status;
mod verify;

use std::process::ExitCode;

use crate::cli::Command;

/// Runs a command.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init { json, dry_run } => init::run(json, dry_run),
        Command::Up { database } => roles::up(database.database_url),
        Command::Gateway => roles::gateway(),
        Command::Sidecar => roles::sidecar(),
        Command::Edge { database } => roles::edge(database.database_url),
        Command::Db { database, task } => db::run(database.database_url, task),
        Command::Hook { agent } => Ok(hook::run(&agent)),
        Command::Card { task } => card::run(task),
        Command::Check(check) => check::run(check),
        Command::Conscience { task } => conscience::run(task),
        Command::Status { json } => status::run(json),
        Command::Logs(logs) => logs::run(&logs),
        Command::Export(export) => export::run(&export),
        Command::Verify { file, json } => verify::run(&file, json),
        Command::Reset { force } => reset::run(force),
    }
}
