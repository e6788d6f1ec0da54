//! Bringing a database to [`VERSION`], and refusing one that is not there.

use std::fmt::Write as _;

use tokio_postgres::{Client, Transaction};
use trace_store::StoreError;

use super::catalog::Catalog;
use super::error::store_error;
use super::files::{MIGRATIONS, Migration, VERSION};

/// What two migrations at once wait for: "smoltbot" as a number.
const LOCK: i64 = 0x736d_6f6c_7462_6f74;

/// What a call of [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The files that were applied now, in their order; empty when all were before.
    pub applied: Vec<&'static str>,
    /// By how much new positions were lifted above stored ones; not 0 only after a dump was restored into a new cluster.
    pub positions_raised: i64,
}

/// The schema's version, as every role may know it; none when this database holds none of ours.
///
/// # Errors
/// When the server does not answer.
pub async fn version(client: &Client) -> Result<Option<i32>, StoreError> {
    let catalog = Catalog::look(client).await?;
    if !catalog.tells_version {
        return Ok(None);
    }
    let row = client
        .query_one("SELECT public.schema_version()", &[])
        .await
        .map_err(|error| store_error("reading the schema's version", &error))?;
    Ok(Some(row.get(0)))
}

/// Refuses a database whose schema is not [`VERSION`]: what a server asks before it reads or writes.
///
/// # Errors
/// [`StoreError::Schema`] says what to do; 0 is found where nothing was migrated.
pub async fn check(client: &Client) -> Result<(), StoreError> {
    let found = version(client).await?.unwrap_or(0);
    if found == VERSION {
        return Ok(());
    }
    Err(other_version(found))
}

fn other_version(found: i32) -> StoreError {
    StoreError::Schema {
        found: found.into(),
        known: VERSION.into(),
        advice: if found > VERSION {
            "A newer smoltbot migrated it: start that version here, too. Nothing was changed."
        } else if found == 0 {
            "It was never migrated: run `smoltbot db migrate`. Nothing was changed."
        } else {
            "Run `smoltbot db migrate` to bring it up to date. Nothing was changed."
        },
    }
}

/// Whether the role of `client` could run [`migrate`] here; if not, why.
///
/// # Errors
/// When the server does not answer.
pub async fn may_migrate(client: &Client) -> Result<Result<(), String>, StoreError> {
    let catalog = Catalog::look(client).await?;
    Ok(catalog.obstacle().map_or(Ok(()), Err))
}

/// Whether the server is a read replica, or still recovers: it takes no writes.
///
/// # Errors
/// When the server does not answer.
pub async fn is_replica(client: &Client) -> Result<bool, StoreError> {
    Ok(Catalog::look(client).await?.in_recovery)
}

/// Applies what is missing, all of it or nothing, in one transaction; two at once wait for each other. Does nothing to a
/// database that is up to date.
///
/// Positions of new traces are lifted above the stored ones where the cluster counts from lower, as after a restored dump.
///
/// # Errors
/// [`StoreError::Schema`] for a newer schema; [`StoreError::Failed`] when an applied migration is another than the embedded
/// one, when the role may not do this, or when something else stands in the way. Then nothing was changed.
pub async fn migrate(client: &mut Client) -> Result<Migrated, StoreError> {
    let catalog = Catalog::look(client).await?;
    if let Some(obstacle) = catalog.obstacle() {
        return Err(StoreError::Failed(obstacle));
    }
    let fail = |error| store_error("migrating", &error);
    let transaction = client.transaction().await.map_err(fail)?;
    // A managed service may cut statements off after minutes, and its notices are not for us.
    let begin = format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning;
         SELECT pg_advisory_xact_lock({LOCK})"
    );
    transaction.batch_execute(&begin).await.map_err(fail)?;
    let done = compare(&ledger(&transaction).await?)?;
    let pending = &MIGRATIONS[done..];
    for migration in pending {
        tracing::info!(migration = migration.name, "migrating the database");
        let doing = format!("applying {} (nothing was changed)", migration.name);
        transaction
            .batch_execute(migration.sql)
            .await
            .map_err(|error| store_error(&doing, &error))?;
    }
    record(&transaction, pending).await?;
    let row = transaction
        .query_one("SELECT public.raise_positions()", &[])
        .await
        .map_err(fail)?;
    let positions_raised = row.get(0);
    transaction.commit().await.map_err(fail)?;
    Ok(Migrated {
        applied: pending.iter().map(|migration| migration.name).collect(),
        positions_raised,
    })
}

/// What was applied: number, name and digest, in their order.
async fn ledger(transaction: &Transaction<'_>) -> Result<Vec<(i32, String, Vec<u8>)>, StoreError> {
    // Another process may have migrated while this one waited for the lock: look again.
    if !Catalog::look(transaction).await?.has_ledger {
        return Ok(Vec::new());
    }
    let fail = |error| store_error("reading which migrations were applied", &error);
    let be = |role: &'static str| transaction.batch_execute(role);
    be("SET LOCAL ROLE smoltbot_owner").await.map_err(fail)?;
    let rows = transaction
        .query(
            "SELECT version, name, sha256 FROM private.migrations ORDER BY version",
            &[],
        )
        .await
        .map_err(fail)?;
    be("RESET ROLE").await.map_err(fail)?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}

/// How many of ours were applied; an error when what was applied is not ours.
fn compare(ledger: &[(i32, String, Vec<u8>)]) -> Result<usize, StoreError> {
    let found = ledger.last().map_or(0, |(version, ..)| *version);
    if found > VERSION {
        return Err(other_version(found));
    }
    for (index, (version, name, sha256)) in ledger.iter().enumerate() {
        // Not above VERSION, so there is one at every index that is not out of order.
        let ours = MIGRATIONS.get(index);
        if ours.is_none_or(|ours| ours.version != *version) {
            return Err(StoreError::Failed(format!(
                "the list of applied migrations has a hole before number {version}; restore private.migrations from a backup"
            )));
        }
        if ours.is_some_and(|ours| ours.sha256() != sha256.as_slice()) {
            return Err(StoreError::Failed(format!(
                "migration {version} ({name}) was applied here with another content than this smoltbot has (SHA-256 {}): \
                 the database was made by another build; use that one, or start with an empty database. Nothing was changed",
                hex(sha256)
            )));
        }
    }
    Ok(ledger.len())
}

async fn record(transaction: &Transaction<'_>, pending: &[Migration]) -> Result<(), StoreError> {
    if pending.is_empty() {
        return Ok(());
    }
    let fail = |error| store_error("recording what was applied", &error);
    let be = |role: &'static str| transaction.batch_execute(role);
    be("SET LOCAL ROLE smoltbot_owner").await.map_err(fail)?;
    for migration in pending {
        transaction
            .execute(
                "INSERT INTO private.migrations (version, name, sha256) VALUES ($1, $2, $3)",
                &[
                    &migration.version,
                    &migration.name,
                    &migration.sha256().as_slice(),
                ],
            )
            .await
            .map_err(fail)?;
    }
    be("RESET ROLE").await.map_err(fail)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Into a text; nothing can fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
