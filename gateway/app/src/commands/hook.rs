//! `smoltbot hook AGENT`: the way of agents that start a command for every tool call.

use std::io::{self, Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aap::card::AlignmentCard;
use anyhow::Context as _;
use conscience::Conscience;
use redact::{Level, Redactor};
use smoltbot_config::Config;
use trace_plugin::budget::Budget;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::{Dialect, Reply};
use trace_plugin::hook::{self, MAX_HOOK_BYTES};
use trace_plugin::spool::{Spool, SpoolError, Use, Why};
use trace_plugin::{Identity, client, clock};

use crate::agent::{self, Agent};
use crate::background;
use crate::output;
use crate::policies::Policies;

/// How long the spool is waited for at least, also when all the time there was has gone into asking a sidecar.
const LEAST_PATIENCE: Duration = Duration::from_millis(10);

/// Reads standard input, answers, and leaves with the dialect's exit code. Never breaks the agent: whatever is wrong here,
/// it gets an answer.
pub(crate) fn run(agent: &str) -> ExitCode {
    // Read first, whatever comes of it: an agent that writes to a closed pipe might break.
    let mut input = Vec::new();
    // One byte more than the limit, so that too much is seen as such.
    if let Err(error) = io::stdin()
        .lock()
        .take(MAX_HOOK_BYTES as u64 + 1)
        .read_to_end(&mut input)
    {
        output::complain(&anyhow::Error::new(error).context("standard input cannot be read"));
    }
    let Some(dialect) = Dialect::parse(agent) else {
        let known = Dialect::ALL.map(Dialect::name).join(", ");
        output::complain(&anyhow::anyhow!(
            "`{agent}` is no agent that smoltbot understands, so this call was NOT judged. Call `smoltbot hook NAME` with one of \
             these names: {known}"
        ));
        return ExitCode::FAILURE;
    };
    // It leaves with what it answers, so nothing that was half changed is used again.
    let answered = catch_unwind(AssertUnwindSafe(|| answer(dialect, &input)));
    let (reply, alone) = answered.unwrap_or_else(|_| (hook::broken(dialect, &input), None));
    // The agent may not listen; then there is nobody to complain to.
    let _ = io::stderr().lock().write_all(reply.stderr.as_bytes());
    let _ = io::stdout().lock().write_all(reply.stdout.as_bytes());
    let _ = io::stdout().lock().flush();
    if let Some(config) = alone {
        background::on_demand(&config);
    }
    ExitCode::from(reply.exit_code)
}

/// The answer, and the configuration if there was no sidecar to give it.
pub(super) fn answer(dialect: Dialect, input: &[u8]) -> (Reply, Option<Config>) {
    let began = Instant::now();
    let config = match agent::config() {
        Ok(config) => config,
        Err(error) => {
            let builtin = Arc::new(Conscience::builtin());
            return (judged_only(dialect, input, builtin, &error, None), None);
        }
    };
    if !config.enabled {
        return (hook::pass(input), None);
    }
    let within = Duration::from_millis(config.conscience.budget_ms);
    // A sidecar that does not answer leaves this process time to judge by itself.
    if let Ok(socket) = config.home.socket(&config.sidecar)
        && let Some(reply) = client::ask(&socket, dialect, input, within / 2)
    {
        return (reply, None);
    }
    let left = within.saturating_sub(began.elapsed()).max(LEAST_PATIENCE);
    let reply = match desk(config.clone(), left) {
        Ok(desk) => hook::run(&mut desk.within(Budget::new(began, within)), dialect, input),
        Err(error) => {
            let why = error
                .downcast_ref::<SpoolError>()
                .map_or(Why::IoError, Why::from);
            let beside = Some((config.home.spool_file(), why));
            let policies = Policies::new(&config, None);
            judged_only(dialect, input, policies, &error, beside)
        }
    };
    (reply, Some(config))
}

/// Without a sidecar this process judges and records itself; the next sidecar ships.
fn desk(config: Config, patience: Duration) -> anyhow::Result<Desk> {
    let agent = Agent::load_or_make(config)?;
    let spool = Spool::open_repairing(
        &agent.config.home.spool_file(),
        agent.identity.agent_id(),
        patience,
        Use::OneShot,
    )
    .context("the spool cannot be opened")?
    .bounded(agent.config.spool.max_bytes);
    let judge = Arc::new(agent.judge(Vec::new()));
    // The process ends with its answer: giving the rules back to the allocator piece by piece is a system call for every few.
    std::mem::forget(Arc::clone(&judge));
    Ok(Desk::new(judge, spool))
}

/// Nothing can be recorded, the agent is judged all the same, under a card that enforces. `beside` is the spool's file, where it is
/// known, and why it cannot be written: the loss is noted there.
fn judged_only(
    dialect: Dialect,
    input: &[u8],
    policies: impl trace_plugin::Policies + 'static,
    why: &anyhow::Error,
    beside: Option<(PathBuf, Why)>,
) -> Reply {
    let nobody = Identity::nobody();
    let card = AlignmentCard::default_for(nobody.agent_id(), clock::now(), "");
    // Nothing is kept, so nothing is published.
    let redactor = |_: Option<&str>| Redactor::new(Level::None);
    let judge = Arc::new(agent::judge(policies, redactor, card, Vec::new()));
    let why = output::in_one(why);
    let mut desk = Desk::judging_only(judge, why);
    if let Some((spool, why)) = beside {
        desk = desk.beside(&spool, why);
    }
    hook::run(&mut desk, dialect, input)
}
