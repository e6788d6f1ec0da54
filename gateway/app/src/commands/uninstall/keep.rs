//! What in smoltbot's home is somebody's, and is not thrown away unasked.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use agent_hooks::Record;
use serde_json::{Map, Value};
use smoltbot_config::Config;
use trace_plugin::Identity;
use trace_plugin::dialect::PROOF_PREFIX;
use trace_plugin::spool::{Spool, Use};
use trace_store::{Filter, TraceReader as _};
use trace_store_sqlite::SqliteStore;

use crate::database::Database;
use crate::{agent, http, output};

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many traces are looked at in one go.
const PAGE: u32 = 500;
/// The keys of config.json that smoltbot writes itself.
const OWN_KEYS: [&str; 3] = ["agentId", "createdAt", "version"];

/// Why the home must stay; nothing when all in it is `init`'s.
pub(super) fn reasons(config: &Config, record: &Record) -> Vec<String> {
    let home = &config.home;
    if record.home_made.is_empty() {
        return vec!["it was there before `smoltbot init`".to_owned()];
    }
    let mut reasons = Vec::new();
    reasons.extend(spool(config));
    reasons.extend(traces(config));
    if has_files(&home.conscience_dir()) {
        reasons.push(format!(
            "your own policies are in {}",
            home.conscience_dir().display()
        ));
    }
    reasons.extend(conversations(config));
    if has_files(&home.workspace_dir()) {
        reasons.push(format!(
            "the workspace {} is not empty",
            home.workspace_dir().display()
        ));
    }
    if home.operator_file().exists() {
        reasons.push("smoltbot.toml is yours".to_owned());
    }
    let said = fs::read_to_string(home.config_file()).unwrap_or_default();
    let said: Map<String, Value> = serde_json::from_str(&said).unwrap_or_default();
    if let Some(key) = said.keys().find(|key| !OWN_KEYS.contains(&key.as_str())) {
        reasons.push(format!(
            "config.json says `{key}`, which smoltbot did not write"
        ));
    }
    let backups = fs::read_dir(home.backups_dir())
        .into_iter()
        .flatten()
        .flatten();
    // What agents' files held before is there, too, until they are as they were.
    let earlier = |name: OsString| name.to_string_lossy().starts_with("identity-");
    if backups.map(|entry| entry.file_name()).any(earlier) {
        reasons.push(format!(
            "an earlier identity is in {}",
            home.backups_dir().display()
        ));
    }
    reasons
}

/// What the edge does not have yet.
fn spool(config: &Config) -> Option<String> {
    let path = config.home.spool_file();
    if !path.exists() {
        return None;
    }
    let depth = Identity::load(&config.home.key_file())
        .map_err(|error| error.to_string())
        .and_then(|identity| {
            Spool::open(&path, identity.agent_id(), PATIENCE, Use::OneShot)
                .and_then(|spool| spool.depth())
                .map_err(|error| error.to_string())
        });
    match depth {
        Ok(depth) if depth.waiting > 0 => {
            let waiting = output::count(depth.waiting, "trace has", "traces have");
            Some(format!("{waiting} not been shipped yet"))
        }
        Ok(depth) if depth.quarantined > 0 => {
            let apart = output::count(depth.quarantined, "trace is", "traces are");
            Some(format!("{apart} in quarantine"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("what waits in the spool is not known: {error}")),
    }
}

/// Traces in the edge's database here that are no proofs.
fn traces(config: &Config) -> Option<String> {
    let path = match Database::of(config, None) {
        Ok(Database::Sqlite(path)) => path,
        // It is elsewhere, and stays.
        Ok(Database::Postgres(_)) => return None,
        Err(error) => return Some(error.to_string()),
    };
    if !path.starts_with(config.home.path()) || !path.exists() {
        return None;
    }
    let found = http::block_on(async {
        let store = SqliteStore::open(&path)?;
        let mut position = 0;
        loop {
            let rows = store
                .received_after(position, &Filter::default(), PAGE)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(false);
            };
            position = last.position;
            let is_proof = |session: &Option<String>| {
                session
                    .as_deref()
                    .is_some_and(|id| id.starts_with(PROOF_PREFIX))
            };
            if rows.iter().any(|row| !is_proof(&row.session_id)) {
                return Ok(true);
            }
        }
    });
    match found {
        Ok(true) => Some(format!("{} holds traces of your agents", path.display())),
        Ok(false) => None,
        Err(error) => Some(format!(
            "what {} holds is not known: {error:#}",
            path.display()
        )),
    }
}

/// What was said in the chat, if that is kept here.
fn conversations(config: &Config) -> Option<String> {
    let path = agent::conversations(config);
    if !path.starts_with(config.home.path()) || !path.exists() {
        return None;
    }
    let found = http::block_on(async {
        let sessions = gateway::sessions::Sessions::open(&path)?;
        Ok(sessions.list(1).await?)
    });
    match found {
        Ok(found) if found.is_empty() => None,
        Ok(_) => Some(format!("{} holds your conversations", path.display())),
        Err(error) => Some(format!(
            "what {} holds is not known: {error:#}",
            path.display()
        )),
    }
}

/// Whether there is a file in `directory`, or below it.
fn has_files(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| !entry.path().is_dir() || has_files(&entry.path()))
}
