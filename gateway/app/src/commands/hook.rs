//! `smoltbot hook AGENT`: the way of agents that start a command for every tool call.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aap::card::AlignmentCard;
use anyhow::Context as _;
use conscience::Conscience;
use redact::Level;
use smoltbot_config::Config;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::{Dialect, Reply};
use trace_plugin::hook::{self, MAX_HOOK_BYTES};
use trace_plugin::spool::{Spool, Use};
use trace_plugin::{Identity, client, clock};

use crate::agent::{self, Agent};
use crate::output;
use crate::policies::Policies;

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
        let known: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        output::complain(&anyhow::anyhow!(
            "`{agent}` is not an agent that smoltbot understands; it understands {}",
            known.join(" and ")
        ));
        return ExitCode::FAILURE;
    };
    let reply = answer(dialect, &input);
    // The agent may not listen; then there is nobody to complain to.
    let _ = io::stderr().lock().write_all(reply.stderr.as_bytes());
    let _ = io::stdout().lock().write_all(reply.stdout.as_bytes());
    let _ = io::stdout().lock().flush();
    ExitCode::from(reply.exit_code)
}

fn answer(dialect: Dialect, input: &[u8]) -> Reply {
    let config = match agent::config() {
        Ok(config) => config,
        Err(error) => return judged_only(dialect, input, Arc::new(Conscience::builtin()), &error),
    };
    if !config.enabled {
        return hook::pass(input);
    }
    let budget = Duration::from_millis(config.conscience.budget_ms);
    if let Ok(socket) = config.home.socket(&config.sidecar)
        && let Some(reply) = client::ask(&socket, dialect, input, budget)
    {
        return reply;
    }
    match desk(config.clone(), budget) {
        Ok(mut desk) => hook::run(&mut desk, dialect, input),
        Err(error) => judged_only(dialect, input, Policies::new(&config, None), &error),
    }
}

/// Without a sidecar this process judges and records itself; the next sidecar ships.
fn desk(config: Config, budget: Duration) -> anyhow::Result<Desk> {
    let agent = Agent::load_or_make(config)?;
    let spool = Spool::open(
        &agent.config.home.spool_file(),
        agent.identity.agent_id(),
        budget,
        Use::OneShot,
    )
    .context("the spool cannot be opened")?;
    Ok(Desk::new(Arc::new(agent.judge(Vec::new())), spool))
}

/// Nothing can be recorded, the agent is judged all the same, under a card that enforces.
fn judged_only(
    dialect: Dialect,
    input: &[u8],
    policies: impl trace_plugin::Policies + 'static,
    why: &anyhow::Error,
) -> Reply {
    let nobody = Identity::nobody();
    let card = AlignmentCard::default_for(nobody.agent_id(), clock::now(), "");
    let judge = Arc::new(agent::judge(policies, Level::None, card, Vec::new()));
    let why = why
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    hook::run(&mut Desk::judging_only(judge, why), dialect, input)
}
