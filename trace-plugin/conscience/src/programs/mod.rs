//! What single programs do to files, secrets, hosts, services and databases, told from their arguments.

mod admin;
pub(crate) mod args;
pub(crate) mod carried;
mod data;
mod database;
mod files;
mod find;
mod git;
mod net;
mod service;
mod stores;
mod system;
mod transfer;
mod windows;

pub(crate) use args::Call;

use crate::shell::{Shell, flow::Flow};

/// Reads one command; answers what it prints.
pub(crate) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    carried::read(shell, call);
    files::read(shell, call)
        .or_else(|| data::read(shell, call))
        .or_else(|| net::read(shell, call))
        .or_else(|| system::read(shell, call))
        .or_else(|| service::read(shell, call))
        .or_else(|| database::read(shell, call))
        .or_else(|| windows::read(shell, call))
        .unwrap_or_else(|| other(shell, call))
}

/// A program nobody told us about: its output may hold what it was given, but not the variables in its arguments.
fn other(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    shell.guess(call);
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    flow.taint.secrets.retain(|name| !name.starts_with('$'));
    flow
}
