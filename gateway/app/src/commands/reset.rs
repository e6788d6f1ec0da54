//! `smoltbot reset`: a new identity. The old one is moved away, not destroyed.

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
    let _lock = lock::take(&home.lock_file())?;
    let old = agent.identity.agent_id();
    let waiting = Spool::open(&home.spool_file(), old, PATIENCE, Use::Resident)?
        .depth()?
        .waiting;
    if waiting > 0 && !force {
        bail!(
            "{waiting} traces of {old} have not been shipped yet; run `smoltbot up` until they are, or add --force to leave them in the backup"
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
    Ok(ExitCode::SUCCESS)
}
