//! What the server's catalog tells to everybody: enough to know whether a migration can work before it is tried.

use tokio_postgres::GenericClient;
use trace_store::StoreError;

use super::error::store_error;

/// The oldest server that the migrations are written for: views with `security_invoker` came with it.
pub const OLDEST_SERVER: i32 = 15;

/// One look at the catalog, by whatever role.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an answer of the catalog"
)]
pub(crate) struct Catalog {
    /// The server's first number.
    pub(crate) server: i32,
    /// A read replica, or a server that still recovers.
    pub(crate) in_recovery: bool,
    /// Who asks.
    pub(crate) user: String,
    /// The database's name.
    pub(crate) database: String,
    /// Whether `private.migrations` is there.
    pub(crate) has_ledger: bool,
    /// Whether `public.schema_version()` is there.
    pub(crate) tells_version: bool,
    /// Whether the asking role can act as `smoltbot_owner`.
    pub(crate) is_owner: bool,
    /// Whether it could make roles and give rights on this database.
    pub(crate) can_found: bool,
    /// Tables of other people under names that the migrations need.
    pub(crate) in_the_way: Vec<String>,
}

const LOOK: &str = "
    SELECT current_setting('server_version_num')::int / 10000 AS server,
        pg_is_in_recovery() AS in_recovery, current_user::text AS user, current_database()::text AS database,
        EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'private' AND c.relname = 'migrations') AS has_ledger,
        EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname = 'public' AND p.proname = 'schema_version' AND p.pronargs = 0) AS tells_version,
        coalesce((SELECT pg_has_role(current_user, r.oid, 'MEMBER') FROM pg_roles r
            WHERE r.rolname = 'smoltbot_owner'), false) AS is_owner,
        (SELECT me.rolsuper OR (me.rolcreaterole AND pg_has_role(current_user, d.datdba, 'USAGE'))
            FROM pg_roles me, pg_database d
            WHERE me.rolname = current_user AND d.datname = current_database()) AS can_found,
        ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_roles r ON r.oid = c.relowner
            WHERE n.nspname = 'public' AND r.rolname <> 'smoltbot_owner' AND c.relname = ANY ($1::text[])
            ORDER BY 1) AS in_the_way";

/// What the migrations make in the schema `public`.
const TABLES: [&str; 12] = [
    "agent_keys",
    "agents",
    "alignment_cards",
    "checkpoints",
    "conflicts",
    "equivocations",
    "refusals",
    "sessions",
    "streams",
    "tallies",
    "trace_ids",
    "traces",
];

impl Catalog {
    pub(crate) async fn look(client: &impl GenericClient) -> Result<Self, StoreError> {
        let row = client
            .query_one(LOOK, &[&TABLES.as_slice()])
            .await
            .map_err(|error| store_error("looking at the catalog", &error))?;
        Ok(Self {
            server: row.get("server"),
            in_recovery: row.get("in_recovery"),
            user: row.get("user"),
            database: row.get("database"),
            has_ledger: row.get("has_ledger"),
            tells_version: row.get("tells_version"),
            is_owner: row.get("is_owner"),
            can_found: row.get("can_found"),
            in_the_way: row.get("in_the_way"),
        })
    }

    /// Why this role cannot migrate this database; none when it may be tried.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let Self { user, database, .. } = self;
        if self.server < OLDEST_SERVER {
            return Some(format!(
                "this is Postgres {}; version {OLDEST_SERVER} or newer is needed",
                self.server
            ));
        }
        if self.in_recovery {
            return Some(
                "this is a read replica (or a server that still recovers): migrate the primary, and the replica follows"
                    .into(),
            );
        }
        if self.has_ledger && !self.is_owner && !self.can_found {
            return Some(format!(
                "the role `{user}` cannot act as `smoltbot_owner`: log in as a superuser or as the role that migrated \
                 before, or let an administrator run: GRANT smoltbot_owner TO \"{user}\""
            ));
        }
        if !self.has_ledger && !self.can_found {
            return Some(format!(
                "the role `{user}` cannot make roles and give rights on the database `{database}`: log in as a superuser, \
                 or as the owner of the database with CREATEROLE (on Supabase that is `postgres`)"
            ));
        }
        if !self.has_ledger && !self.in_the_way.is_empty() {
            return Some(format!(
                "the schema public of `{database}` holds {} of another program: give smoltbot a database of its own",
                self.in_the_way.join(", ")
            ));
        }
        None
    }
}
