//! The tasks on a SQLite file.

use std::path::Path;

use anyhow::bail;
use serde_json::json;
use trace_store_sqlite::{Erase, FileStatus, SCHEMA_VERSION};

use super::{erased, json, row, size};
use crate::cli::DbTask;
use crate::output;

pub(super) fn run(path: &Path, task: DbTask) -> anyhow::Result<()> {
    match task {
        DbTask::Migrate { json } => migrate(path, json),
        DbTask::Status { json } => show(path, json),
        DbTask::Partition { .. } => bail!(
            "{} is a SQLite file: it has no partitions and no retention; name a Postgres by --database-url or edge.database_url",
            path.display()
        ),
        DbTask::Erase {
            trace,
            session,
            agent,
            json,
        } => {
            let (what, words) = match (trace, session, agent) {
                (Some(trace), ..) => (Erase::Trace(trace), format!("trace {trace}")),
                (_, Some((agent, session)), _) => {
                    let words = format!("session {session} of agent {agent}");
                    (Erase::Session(agent, session), words)
                }
                (.., Some(agent)) => (Erase::Agent(agent), format!("agent {agent}")),
                _ => bail!("name a trace, a session or an agent"),
            };
            let traces = trace_store_sqlite::erase(path, &what)?;
            if json {
                return super::json(&json!({ "erased": traces }));
            }
            output::line(&erased(traces, &words))
        }
    }
}

fn migrate(path: &Path, as_json: bool) -> anyhow::Result<()> {
    let before = trace_store_sqlite::inspect(path)?.map_or(0, |status| status.found);
    trace_store_sqlite::migrate(path)?;
    if as_json {
        return json(&json!({ "schema": SCHEMA_VERSION, "applied": SCHEMA_VERSION - before }));
    }
    let state = if before == SCHEMA_VERSION {
        "was up to date already".to_owned()
    } else {
        format!("is up to date; it was at {before}")
    };
    row(
        "schema",
        &format!("{SCHEMA_VERSION}; {} {state}", path.display()),
    )
}

fn show(path: &Path, as_json: bool) -> anyhow::Result<()> {
    let status = trace_store_sqlite::inspect(path)?;
    let found = status.as_ref().map(|status| status.found);
    if as_json {
        return json(&json!({
            "store": "sqlite",
            "path": path.display().to_string(),
            "known": SCHEMA_VERSION,
            "found": found,
            "traces": status.as_ref().map(|status| status.traces),
            "oldest": status.as_ref().and_then(|status| status.oldest),
            "newest": status.as_ref().and_then(|status| status.newest),
            "bytes": status.as_ref().map(|status| status.bytes),
        }));
    }
    row("database", &format!("{}, SQLite", path.display()))?;
    let Some(status) = status else {
        return row(
            "schema",
            "none; the file is made by `smoltbot db migrate`, or when an edge starts",
        );
    };
    let FileStatus {
        found,
        traces,
        oldest,
        newest,
        bytes,
    } = status;
    let state = if found == SCHEMA_VERSION {
        format!("{found}, up to date")
    } else {
        format!("{found} of {SCHEMA_VERSION}; run `smoltbot db migrate`")
    };
    row("schema", &state)?;
    let span = match (oldest, newest) {
        (Some(oldest), Some(newest)) => format!("{traces} from {oldest} to {newest}"),
        _ => "none yet".to_owned(),
    };
    row("traces", &span)?;
    row("size", &size(bytes))
}
