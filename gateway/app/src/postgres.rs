//! The edge on Postgres: opening the store, and its upkeep while it runs.

use std::time::Duration;

use aap::Timestamp;
use anyhow::{Context as _, anyhow, bail};
use smoltbot_config::Secret;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use trace_plugin::clock;
use trace_store::StoreError;
use trace_store_postgres::schema;
use trace_store_postgres::{Options, Pool, PostgresStore, Role, Server};

use crate::output;

/// Partitions that are there before their month begins.
pub(crate) const MONTHS_AHEAD: u8 = 2;
/// How often counters are added up.
const FOLD_EVERY: Duration = Duration::from_mins(1);
/// How often partitions are made and the retention is applied.
const UPKEEP_EVERY: Duration = Duration::from_hours(24);

/// Opens the database: migrates one that is empty, when the login may; refuses a schema that is not ours. A read replica
/// needs no upkeep: it is shown, and whoever sends traces there is told to come back.
pub(crate) async fn open(
    url: &Secret<String>,
) -> anyhow::Result<(PostgresStore<Pool>, Option<Upkeep>)> {
    let server = Server::parse(url.expose())?;
    let mut client = server.connect().await?;
    if schema::version(&client).await?.is_none() {
        if let Err(obstacle) = schema::may_migrate(&client).await? {
            bail!("{server} was never migrated, and this login cannot do it: {obstacle}");
        }
        let done = schema::migrate(&mut client)
            .await
            .with_context(|| format!("{server} was never migrated"))?;
        if !done.applied.is_empty() {
            output::line(&format!(
                "database   migrated {server} to schema {}",
                schema::VERSION
            ))?;
        }
    }
    schema::check(&client)
        .await
        .map_err(|error| anyhow!("{server}: {error}"))?;
    let replica = schema::is_replica(&client).await?;
    drop(client);
    let upkeep = if replica {
        output::line(&format!(
            "database   {server} is a read replica: this edge shows what is there and takes nothing in"
        ))?;
        None
    } else {
        let mut upkeep = Upkeep {
            server,
            due: Instant::now(),
        };
        upkeep
            .tend(clock::now())
            .await
            .context("the first upkeep of the database failed")?;
        Some(upkeep)
    };
    let store = PostgresStore::new(Pool::connect(url.expose(), Options::default())?);
    Ok((store, upkeep))
}

/// What keeps the database in shape while the edge runs.
pub(crate) struct Upkeep {
    server: Server,
    /// When partitions and retention are looked at again.
    due: Instant,
}

impl Upkeep {
    /// Works until it is told to stop. What fails is logged and tried again a minute later: the edge serves meanwhile.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut minutes = interval(FOLD_EVERY);
        minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is now, and all was done at the start.
        minutes.tick().await;
        loop {
            tokio::select! {
                _ = minutes.tick() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                done = self.tend(clock::now()) => if let Err(error) = done {
                    tracing::warn!(%error, "the database's upkeep failed; it is tried again in a minute");
                },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Adds up counters; once a day makes partitions, and drops what is older than the retention.
    async fn tend(&mut self, now: Timestamp) -> Result<(), StoreError> {
        // A connection a minute costs less than one that is held, and is never a broken one.
        let client = self.server.connect().await?;
        client
            .batch_execute(Role::Writer.take_on())
            .await
            .map_err(|error| {
                StoreError::Failed(format!(
                    "this login cannot act as `ingest`: {}; make it a member (GRANT ingest, anon TO …)",
                    error.as_db_error().map_or(error.to_string(), |answer| answer.message().to_owned())
                ))
            })?;
        if Instant::now() >= self.due {
            let did = schema::upkeep(&client, now, MONTHS_AHEAD).await?;
            if did.made + did.dropped > 0 {
                tracing::info!(made = did.made, dropped = did.dropped, "partitions");
            }
            self.due = Instant::now() + UPKEEP_EVERY;
        }
        schema::fold(&client, now).await.map(drop)
    }
}
