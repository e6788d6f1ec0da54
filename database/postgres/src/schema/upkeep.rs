//! What has to be done from time to time, and erasing. The work itself is in the functions of `0005_upkeep.sql`.

use aap::{AgentId, Timestamp, TraceId};
use serde::Serialize;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, GenericClient};
use trace_store::StoreError;
use uuid::Uuid;

use super::error::store_error;
use crate::values::Typed;

/// Days that a retention may have at most: a hundred years.
pub const MAX_RETENTION_DAYS: u32 = 36_500;

/// Postgres' time from `$1`, milliseconds since the epoch.
const NOW: &str = "to_timestamp($1::bigint / 1000.0)";

/// What a call of [`upkeep`] or [`partition`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Partitions that were made ahead.
    pub made: i32,
    /// Partitions that were older than the retention and were dropped.
    pub dropped: i32,
}

/// What to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erase {
    /// One trace.
    Trace(TraceId),
    /// One conversation of an agent.
    Session(AgentId, String),
    /// Everything of an agent.
    Agent(AgentId),
}

/// Makes partitions up to `months_ahead` months after the one of `now`, drops what is older than the retention, and lifts
/// positions above what a restored dump brought. A member of `ingest` may call it; two at once wait for each other.
///
/// # Errors
/// When the server does not answer, or does not allow it.
pub async fn upkeep(
    client: &impl GenericClient,
    now: Timestamp,
    months_ahead: u8,
) -> Result<Upkeep, StoreError> {
    let sql = format!("SELECT public.make_partitions({NOW}, $2)");
    let params = [
        (&now.millis() as &(dyn ToSql + Sync), Type::INT8),
        (&i32::from(months_ahead), Type::INT4),
    ];
    let made = one(client, "making partitions", &sql, &params).await?;
    let sql = format!("SELECT public.apply_retention({NOW})");
    let params = [(&now.millis() as _, Type::INT8)];
    let dropped = one(client, "applying the retention", &sql, &params).await?;
    // A dump may have been restored while nobody migrated.
    client
        .query_typed_one("SELECT public.raise_positions()", &[])
        .await
        .map_err(|error| store_error("raising the positions", &error))?;
    Ok(Upkeep { made, dropped })
}

/// The one value of the one row that is answered; unprepared, as everything is that also runs in a Worker.
async fn one<T: for<'a> FromSql<'a>>(
    client: &impl GenericClient,
    doing: &str,
    sql: &str,
    params: &[Typed<'_>],
) -> Result<T, StoreError> {
    let fail = |error| store_error(doing, &error);
    let row = client.query_typed_one(sql, params).await.map_err(fail)?;
    row.try_get(0).map_err(fail)
}

/// Adds up the counters of spans that began before `before`; how many rows were taken in. A member of `ingest` may call it.
///
/// # Errors
/// When the server does not answer, or does not allow it.
pub async fn fold(client: &impl GenericClient, before: Timestamp) -> Result<i64, StoreError> {
    let sql = format!("SELECT public.fold_tallies({NOW})");
    let params = [(&before.millis() as _, Type::INT8)];
    one(client, "folding the counters", &sql, &params).await
}

/// [`upkeep`] by an administrator, in one transaction that waits as long as it takes: rows may have to move.
///
/// # Errors
/// When the server does not answer, or does not allow it; then nothing was changed.
pub async fn partition(
    client: &mut Client,
    now: Timestamp,
    months_ahead: u8,
) -> Result<Upkeep, StoreError> {
    let fail = |error| store_error("making partitions", &error);
    let transaction = client.transaction().await.map_err(fail)?;
    let begin = "SET LOCAL statement_timeout = 0; SET LOCAL ROLE smoltbot_owner";
    transaction.batch_execute(begin).await.map_err(fail)?;
    let did = upkeep(&transaction, now, months_ahead).await?;
    transaction.commit().await.map_err(fail)?;
    Ok(did)
}

/// Keeps traces for so many days from now on, or for good. Nothing is dropped before the next [`upkeep`], and whole months
/// only.
///
/// # Errors
/// For 0 days or more than a hundred years; when the server does not answer, or the role may not act as the owner.
pub async fn set_retention(client: &mut Client, days: Option<u32>) -> Result<(), StoreError> {
    if days.is_some_and(|days| !(1..=MAX_RETENTION_DAYS).contains(&days)) {
        return Err(StoreError::Failed(format!(
            "a retention has 1 to {MAX_RETENTION_DAYS} days"
        )));
    }
    let fail = |error| store_error("setting the retention", &error);
    let days = days.map(i64::from);
    let transaction = client.transaction().await.map_err(fail)?;
    let begin = "SET LOCAL ROLE smoltbot_owner";
    transaction.batch_execute(begin).await.map_err(fail)?;
    let sql = "UPDATE private.settings SET retention = make_interval(days => $1::bigint::int)";
    let rows = transaction.execute(sql, &[&days]).await.map_err(fail)?;
    if rows != 1 {
        return Err(StoreError::Failed(format!(
            "private.settings has {rows} rows instead of one; restore it from a backup"
        )));
    }
    transaction.commit().await.map_err(fail)
}

/// Erases content: document, reason, session. The header stays, and with it the fact, the verdict and the place in the
/// chain. How many traces had content.
///
/// # Errors
/// When the server does not answer, or the role may not act as `service_role`; then nothing was changed.
pub async fn erase(client: &mut Client, what: &Erase, now: Timestamp) -> Result<i64, StoreError> {
    let (trace, agent, session): (Option<Uuid>, Option<Uuid>, Option<&str>) = match what {
        Erase::Trace(trace) => (Some(trace.uuid()), None, None),
        Erase::Session(agent, session) => (None, Some(agent.uuid()), Some(session)),
        Erase::Agent(agent) => (None, Some(agent.uuid()), None),
    };
    let fail = |error| store_error("erasing", &error);
    let transaction = client.transaction().await.map_err(fail)?;
    let begin = "SET LOCAL statement_timeout = 0; SET LOCAL ROLE service_role";
    transaction.batch_execute(begin).await.map_err(fail)?;
    let sql = format!("SELECT public.erase($2, $3, $4, {NOW})");
    let row = transaction
        .query_one(&sql, &[&now.millis(), &trace, &agent, &session])
        .await
        .map_err(fail)?;
    transaction.commit().await.map_err(fail)?;
    Ok(row.get(0))
}
