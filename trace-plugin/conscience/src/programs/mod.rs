//! What single programs do to files, secrets, hosts, services and databases, told from their arguments.

mod admin;
pub(crate) mod args;
mod brokers;
pub(crate) mod carried;
mod cloud;
mod data;
mod database;
mod files;
mod find;
pub(crate) mod forms;
mod git;
mod git_settings;
mod giving;
mod net;
mod request;
mod service;
mod stores;
mod system;
mod transfer;
mod tree;
mod windows;

pub(crate) use args::Call;

use crate::{
    effect::{Effect, EffectKind},
    own,
    shell::{Shell, flow::Flow},
};

/// Reads one command; answers what it prints.
pub(crate) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    // `wrangler@latest`: a package runner's way to name a version.
    let (name, _) = call
        .name
        .split_once('@')
        .filter(|(name, _)| !name.is_empty())
        .unwrap_or((call.name, ""));
    let call = &Call { name, ..*call };
    own::read(shell, call);
    carried::read(shell, call);
    let mut flow = files::read(shell, call)
        .or_else(|| data::read(shell, call))
        .or_else(|| net::read(shell, call))
        .or_else(|| system::read(shell, call))
        .or_else(|| service::read(shell, call))
        .or_else(|| database::read(shell, call))
        .or_else(|| windows::read(shell, call))
        .unwrap_or_else(|| other(shell, call));
    own::mark(call, &mut flow);
    forms::fetched::mark(call, &mut flow);
    flow
}

/// A program nobody told us about: its output may hold what it was given, but not the variables in its arguments.
fn other(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    if let Some(what) = tree::destroys_unknown(call) {
        shell.emit(
            Effect::new(EffectKind::DestroyService, what)
                .manner("tool")
                .program(call.name),
        );
    }
    shell.guess(call);
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    flow.taint.secrets.retain(|name| !name.starts_with('$'));
    flow
}
