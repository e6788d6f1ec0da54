//! The tasks on a Postgres.

use anyhow::{Context as _, anyhow};
use serde_json::json;
use smoltbot_config::Secret;
use tokio_postgres::Client;
use trace_plugin::clock;
use trace_store_postgres::Server;
use trace_store_postgres::schema::{self, Erase, Owned, Status};

use super::{erased, json, row, size};
use crate::cli::{DbTask, Retention};
use crate::output;
use crate::postgres::MONTHS_AHEAD;

pub(super) async fn run(url: &Secret<String>, task: DbTask) -> anyhow::Result<()> {
    let server = Server::parse(url.expose())?;
    let mut client = server.connect().await?;
    match task {
        DbTask::Migrate { json } => migrate(&server, &mut client, json).await,
        DbTask::Status { json } => {
            let status = schema::status(&mut client).await?;
            show(&server, &status, json)
        }
        DbTask::Partition {
            ahead,
            retention,
            json,
        } => {
            check(&server, &client).await?;
            partition(&mut client, ahead, retention, json).await
        }
        DbTask::Erase {
            trace,
            session,
            agent,
            json,
        } => {
            check(&server, &client).await?;
            let (what, words) = match (trace, session, agent) {
                (Some(trace), ..) => (Erase::Trace(trace), format!("trace {trace}")),
                (_, Some((agent, session)), _) => {
                    let words = format!("session {session} of agent {agent}");
                    (Erase::Session(agent, session), words)
                }
                (.., Some(agent)) => (Erase::Agent(agent), format!("agent {agent}")),
                _ => return Err(anyhow!("name a trace, a session or an agent")),
            };
            let traces = schema::erase(&mut client, &what, clock::now()).await?;
            if json {
                return super::json(&json!({ "erased": traces }));
            }
            output::line(&erased(traces, &words))
        }
    }
}

/// Says which database it is that has another schema.
async fn check(server: &Server, client: &Client) -> anyhow::Result<()> {
    let checked = schema::check(client).await;
    checked.map_err(|error| anyhow!("{server}: {error}"))
}

async fn migrate(server: &Server, client: &mut Client, as_json: bool) -> anyhow::Result<()> {
    let done = schema::migrate(client)
        .await
        .with_context(|| format!("{server} was not migrated"))?;
    let partitions = schema::partition(client, clock::now(), MONTHS_AHEAD).await?;
    if as_json {
        return json(&json!({
            "schema": schema::VERSION,
            "applied": done.applied,
            "positions_raised": done.positions_raised,
            "partitions_made": partitions.made,
            "partitions_dropped": partitions.dropped,
        }));
    }
    for name in &done.applied {
        row("applied", name)?;
    }
    if done.positions_raised > 0 {
        let words = "a dump was restored here: new traces are numbered above what it brought";
        row("positions", words)?;
    }
    told(partitions)?;
    let state = if done.applied.is_empty() {
        "was up to date already"
    } else {
        "is up to date"
    };
    row("schema", &format!("{}; {server} {state}", schema::VERSION))
}

fn told(did: schema::Upkeep) -> anyhow::Result<()> {
    for (count, verb) in [(did.made, "made"), (did.dropped, "dropped")] {
        if count > 0 {
            let months = output::count(count, "month", "months");
            row("partitions", &format!("{verb} {months}"))?;
        }
    }
    Ok(())
}

async fn partition(
    client: &mut Client,
    ahead: u8,
    retention: Option<Retention>,
    as_json: bool,
) -> anyhow::Result<()> {
    match retention {
        Some(Retention::Days(days)) => schema::set_retention(client, Some(days)).await?,
        Some(Retention::Off) => schema::set_retention(client, None).await?,
        None => {}
    }
    let did = schema::partition(client, clock::now(), ahead).await?;
    if as_json {
        return json(&json!({ "partitions_made": did.made, "partitions_dropped": did.dropped }));
    }
    match retention {
        Some(Retention::Days(days)) => row(
            "retention",
            &format!("{}, in whole months", output::count(days, "day", "days")),
        )?,
        Some(Retention::Off) => row("retention", "off; traces are kept for good")?,
        None => {}
    }
    told(did)?;
    if did == schema::Upkeep::default() {
        row("partitions", "nothing to make and nothing to drop")?;
    }
    Ok(())
}

fn show(server: &Server, status: &Status, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let mut answer = serde_json::to_value(status)?;
        answer["store"] = "postgres".into();
        return json(&answer);
    }
    let kind = if status.replica {
        ", a read replica"
    } else {
        ""
    };
    row(
        "database",
        &format!("{server}, Postgres {}{kind}", status.server),
    )?;
    row("role", &status.user)?;
    let schema = match status.found {
        None => "none; run `smoltbot db migrate`".to_owned(),
        Some(found) if found > status.known => format!(
            "{found}, newer than this smoltbot, which knows {}: start a newer one",
            status.known
        ),
        Some(found) if found < status.known => {
            format!("{found} of {}; run `smoltbot db migrate`", status.known)
        }
        Some(found) => format!("{found}, up to date"),
    };
    row("schema", &schema)?;
    for name in &status.pending {
        row("pending", name)?;
    }
    for role in &status.roles {
        let words = match (role.present, role.member) {
            (false, _) => "missing",
            (true, false) => "there; this login is no member",
            (true, true) => "there",
        };
        row(&role.name, words)?;
    }
    match &status.owned {
        Some(owned) => figures(owned),
        None if status.found == Some(status.known) => {
            row("figures", "only for members of smoltbot_owner")
        }
        None => Ok(()),
    }
}

fn figures(owned: &Owned) -> anyhow::Result<()> {
    let retention = match (&owned.retention, owned.retained_from) {
        (None, None) => "off; traces are kept for good".to_owned(),
        (None, Some(from)) => format!("off; from before {from} everything was dropped earlier"),
        (Some(kept), None) => kept.clone(),
        (Some(kept), Some(from)) => format!("{kept}; everything from before {from} was dropped"),
    };
    row("retention", &retention)?;
    let span = match (owned.oldest, owned.newest) {
        (Some(oldest), Some(newest)) => format!("from {oldest} to {newest}"),
        _ => "none yet".to_owned(),
    };
    row("traces", &span)?;
    row(
        "elsewhere",
        &format!(
            "{} outside of the months below",
            output::count(owned.elsewhere, "trace", "traces")
        ),
    )?;
    row(
        "counters",
        &format!(
            "{} to be added up",
            output::count(owned.unfolded, "row", "rows")
        ),
    )?;
    for partition in &owned.partitions {
        let rows = match partition.rows {
            Some(rows) => format!("about {}", output::count(rows, "row", "rows")),
            None => "not counted yet".to_owned(),
        };
        let size = size(partition.bytes);
        output::line(&format!("  {:<20}{rows:>24}  {size:>10}", partition.name))?;
    }
    Ok(())
}
