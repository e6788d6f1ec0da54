//! What `smoltbot db status` shows.

use aap::Timestamp;
use serde::Serialize;
use tokio_postgres::{Client, Transaction};
use trace_store::StoreError;

use super::catalog::Catalog;
use super::error::store_error;
use super::files::{MIGRATIONS, VERSION};

/// The roles that the migrations make.
const ROLES: [&str; 4] = ["smoltbot_owner", "ingest", "anon", "service_role"];

/// How a database stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The server's version, as it tells it.
    pub server: String,
    /// The database's name.
    pub database: String,
    /// The role that looked.
    pub user: String,
    /// Whether it is a read replica.
    pub replica: bool,
    /// The schema that this program knows.
    pub known: i32,
    /// The schema that is there; none when it was never migrated.
    pub found: Option<i32>,
    /// Files that `migrate` would apply.
    pub pending: Vec<&'static str>,
    /// The roles that the schema needs.
    pub roles: Vec<RoleRow>,
    /// What only members of `smoltbot_owner` see; none for others, and where nothing was migrated.
    pub owned: Option<Owned>,
}

/// A role of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// Whether the cluster has it.
    pub present: bool,
    /// Whether the role that looked can act as it.
    pub member: bool,
}

/// What is stored, in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Owned {
    /// How long traces are kept, as Postgres writes it; none is for good.
    pub retention: Option<String>,
    /// Traces from before this were dropped and are refused.
    pub retained_from: Option<Timestamp>,
    /// The oldest trace.
    pub oldest: Option<Timestamp>,
    /// The newest trace.
    pub newest: Option<Timestamp>,
    /// Rows in the partition of times for which no month was made.
    pub elsewhere: i64,
    /// Rows of counters that were not added up yet.
    pub unfolded: i64,
    /// The partitions, oldest first.
    pub partitions: Vec<Partition>,
}

/// A partition of `traces`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// About how many rows it has; none before the server has counted (ANALYZE, autovacuum).
    pub rows: Option<i64>,
    /// What it takes on disk with its indexes, in bytes.
    pub bytes: i64,
}

/// Looks at a database and changes nothing.
///
/// # Errors
/// When the server does not answer.
pub async fn status(client: &mut Client) -> Result<Status, StoreError> {
    let fail = |error| store_error("looking at the database", &error);
    let transaction = client
        .build_transaction()
        .read_only(true)
        .start()
        .await
        .map_err(fail)?;
    let catalog = Catalog::look(&transaction).await?;
    let server = transaction
        .query_one("SELECT current_setting('server_version')", &[])
        .await
        .map_err(fail)?;
    let mut found = None;
    if catalog.tells_version {
        let row = transaction
            .query_one("SELECT public.schema_version()", &[])
            .await
            .map_err(fail)?;
        found = Some(row.get(0));
    }
    let done = usize::try_from(found.unwrap_or(0)).unwrap_or(0);
    let roles = roles(&transaction).await?;
    // A newer schema may have other tables; what it holds is for its own version to tell.
    let known = found.is_some_and(|found| found <= VERSION);
    let owned = if known && catalog.is_owner {
        Some(owned(&transaction).await?)
    } else {
        None
    };
    transaction.rollback().await.map_err(fail)?;
    Ok(Status {
        server: server.get(0),
        database: catalog.database,
        user: catalog.user,
        replica: catalog.in_recovery,
        known: VERSION,
        found,
        pending: MIGRATIONS
            .iter()
            .skip(done)
            .map(|migration| migration.name)
            .collect(),
        roles,
        owned,
    })
}

async fn roles(transaction: &Transaction<'_>) -> Result<Vec<RoleRow>, StoreError> {
    let rows = transaction
        .query(
            "SELECT w.name, r.oid IS NOT NULL, coalesce(pg_has_role(current_user, r.oid, 'MEMBER'), false)
             FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n) LEFT JOIN pg_roles r ON r.rolname = w.name
             ORDER BY w.n",
            &[&ROLES.as_slice()],
        )
        .await
        .map_err(|error| store_error("looking at the roles", &error))?;
    Ok(rows
        .iter()
        .map(|row| RoleRow {
            name: row.get(0),
            present: row.get(1),
            member: row.get(2),
        })
        .collect())
}

const FIGURES: &str = "
    SELECT s.retention::text, (extract(epoch FROM s.retained_from) * 1000)::bigint,
        (SELECT (extract(epoch FROM min(at)) * 1000)::bigint FROM public.traces),
        (SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM public.traces),
        (SELECT count(*) FROM public.traces_elsewhere),
        (SELECT count(*) FROM public.tallies WHERE NOT folded)
    FROM private.settings s";

const PARTITIONS: &str = "
    SELECT c.relname::text, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, pg_total_relation_size(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.traces'::regclass
    ORDER BY c.relname";

async fn owned(transaction: &Transaction<'_>) -> Result<Owned, StoreError> {
    let fail = |error| store_error("looking at what is stored", &error);
    let be = "SET LOCAL ROLE smoltbot_owner";
    transaction.batch_execute(be).await.map_err(fail)?;
    let figures = transaction.query_one(FIGURES, &[]).await.map_err(fail)?;
    let partitions = transaction.query(PARTITIONS, &[]).await.map_err(fail)?;
    let time = |index: usize| {
        let ms: Option<i64> = figures.get(index);
        ms.map(Timestamp::from_millis)
    };
    Ok(Owned {
        retention: figures.get(0),
        retained_from: time(1),
        oldest: time(2),
        newest: time(3),
        elsewhere: figures.get(4),
        unfolded: figures.get(5),
        partitions: partitions
            .iter()
            .map(|row| Partition {
                name: row.get(0),
                rows: row.get(1),
                bytes: row.get(2),
            })
            .collect(),
    })
}
