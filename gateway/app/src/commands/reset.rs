//! `smoltbot reset`: a new identity. The old one is moved away, not destroyed. Conversations are the user's and not the identity's:
//! they stay, and their links go on to lead to the old agent's traces.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use trace_plugin::clock;
use trace_plugin::spool::{Spool, Use};

use crate::agent::{self, Agent};
use crate::{lock, output};

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(force: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let home = agent.config.home.clone();
    let _lock = lock::take(&home.lock_file(), "reset", false)?;
    let old = agent.identity.agent_id();
    let waiting = Spool::open(&home.spool_file(), old, PATIENCE, Use::Resident)?
        .depth()?
        .waiting;
    if waiting > 0 && !force {
        bail!(
            "{} of {old} still to be shipped; run `smoltbot up` until nothing waits, or add --force to leave that in the backup",
            output::count(waiting, "trace", "traces")
        );
    }
    let stamp: String = clock::now()
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let backup = home.backups_dir().join(format!("identity-{stamp}"));
    fs::create_dir_all(&backup).with_context(|| format!("{} cannot be made", backup.display()))?;
    let spool = home.spool_file();
    let beside = |suffix: &str| spool.with_file_name(format!("spool.db{suffix}"));
    for path in [
        home.key_file(),
        home.card_file(),
        spool.clone(),
        beside("-wal"),
        beside("-shm"),
        beside(".lost"),
    ] {
        if !path.exists() {
            continue;
        }
        let name = path.file_name().context("a file has a name")?;
        fs::rename(&path, backup.join(name))
            .with_context(|| format!("{} cannot be moved", path.display()))?;
    }
    let new = Agent::load_or_make(agent::config()?)?;
    output::line(&format!("old agent  {old}, kept in {}", backup.display()))?;
    output::line(&format!("new agent  {}", new.identity.agent_id()))?;
    let conversations = agent::conversations(&new.config);
    if conversations.exists() {
        output::line(&format!("chats      stay in {}", conversations.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
