//! `up`, and each role alone.

use std::process::ExitCode;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::agent::{self, Agent};
use crate::background;
use crate::cli::Behind;
use crate::database::Database;
use crate::listening;
use crate::output;
use crate::settings;
use crate::stack::{Stack, bind};

mod sidecar;

pub(crate) use sidecar::sidecar;

/// Files that a role may have open at once, where the system allows it: 16 384. A thousand is what most systems give unasked; a gateway
/// alone may have 4096 sockets of `/ws` and 2048 runs, each with a connection to a model.
const OPEN_FILES: u64 = 16 * 1024;

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // What waits is I/O; what computes is short. More threads only cost memory.
        .worker_threads(std::thread::available_parallelism().map_or(2, |cores| cores.get().min(4)))
        .enable_all()
        .build()
        .context("no threads for the runtime")?;
    may_open_many_files();
    runtime.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

/// Raises how many files may be open to what the system allows, at most to [`OPEN_FILES`].
fn may_open_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    if limit.current.is_none_or(|now| now >= wanted) {
        return;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "no more than {:?} files may be open at once", limit.current);
    }
}

/// Everything on this machine.
pub(crate) fn up(database_url: Option<String>, behind: &Behind) -> anyhow::Result<ExitCode> {
    background::leave_session(behind)?;
    let config = agent::config()?;
    // Before anything is made or printed: a start that cannot be leaves nothing behind.
    let wanted = settings::of_up(&config, database_url)?;
    let agent = Agent::load_or_make(config)?;
    agent::token(&agent.config)?;
    let _lock = background::take_home(&agent.config.home, "up", behind)?;
    agent::make_workspace(&agent.config)?;
    block_on(async move {
        let mut stack = Stack::new()?;
        // All addresses first: nothing starts if one is taken.
        let edge = bind(agent.config.edge.listen, "edge.listen").await?;
        let gateway = bind(agent.config.gateway.listen, "gateway.listen").await?;
        listening::tell_edge(&agent.config, edge.local_addr()?)?;
        listening::tell_gateway(&agent.config, gateway.local_addr()?)?;
        let base = agent::own_edge(edge.local_addr()?);
        let recorder = stack.start_recorder(&agent).await?;
        let (chat, receiver) = (wanted.gateway.chat, wanted.gateway.receiver);
        stack.start_gateway(&agent, &recorder, chat, gateway, &base, behind)?;
        let api_url = agent.config.api_url.clone().unwrap_or_else(|| base.clone());
        stack.start_shipper(&agent, &recorder, &api_url, receiver)?;
        stack
            .start_edge(&agent.config, wanted.database, edge)
            .await?;
        output::line(&format!("dashboard  {}", agent.page(&base)))?;
        background::ready(behind)?;
        drop(recorder);
        stack.run().await
    })
}

/// The gateway alone.
pub(crate) fn gateway() -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let wanted = settings::of_gateway(&config)?;
    let agent = Agent::load_or_make(config)?;
    agent::token(&agent.config)?;
    let behind = Behind::default();
    let _lock = background::take_home(&agent.config.home, "gateway", &behind)?;
    agent::make_workspace(&agent.config)?;
    block_on(async move {
        let mut stack = Stack::new()?;
        let listener = bind(agent.config.gateway.listen, "gateway.listen").await?;
        listening::tell_gateway(&agent.config, listener.local_addr()?)?;
        let api_url = agent::api_url(&agent.config);
        let recorder = stack.start_recorder(&agent).await?;
        let (chat, receiver) = (wanted.chat, wanted.receiver);
        stack.start_gateway(&agent, &recorder, chat, listener, &api_url, &behind)?;
        stack.start_shipper(&agent, &recorder, &api_url, receiver)?;
        drop(recorder);
        stack.run().await
    })
}

/// The edge alone. It needs no identity: it speaks for nobody.
pub(crate) fn edge(database_url: Option<String>) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let database = Database::of(&config, database_url)?;
    config
        .home
        .create()
        .with_context(|| format!("{} cannot be made", config.home.path().display()))?;
    block_on(async move {
        let mut stack = Stack::new()?;
        let listener = bind(config.edge.listen, "edge.listen").await?;
        listening::tell_edge(&config, listener.local_addr()?)?;
        let base = agent::own_edge(listener.local_addr()?);
        stack.start_edge(&config, database, listener).await?;
        output::line(&format!("dashboard  {base}"))?;
        stack.run().await
    })
}
