//! One named statement, its retries, and what they are counted under.

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use trace_store::StoreError;

use crate::connections::{Connections, Lease, Role};
use crate::error::Fault;
use crate::values::Typed;

/// How often a transaction is tried again when another one was in its way: a serialization failure or a deadlock. A lock
/// that did not come free in time is the client's to wait for: an edge that waits on holds up others meanwhile.
pub const RETRIES: u32 = 3;
/// How often a transaction is tried again on another connection when its own broke. All of ours can be repeated: a question
/// changes nothing, and what a batch or card brought before is known the second time.
pub const LOST_RETRIES: u32 = 2;

/// Every transaction there is; each is one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their names say it.
pub enum Transaction {
    Append,
    AppendHeldBack,
    PutCard,
    Page,
    Traces,
    Documents,
    ReceivedAfter,
    LastPosition,
    Trace,
    Agent,
    Agents,
    Card,
    Cards,
    CardVersions,
    CardVersion,
    CardsNamed,
    Sessions,
    SessionAgents,
    Streams,
    Equivocations,
    Stats,
    Active,
    Facets,
    Longest,
    SessionCalls,
    Links,
    Ready,
}

impl Transaction {
    /// For logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Append | Self::AppendHeldBack => "append",
            Self::PutCard => "put_card",
            Self::Page => "page",
            Self::Traces => "traces",
            Self::Documents => "documents",
            Self::ReceivedAfter => "received_after",
            Self::LastPosition => "last_position",
            Self::Trace => "trace",
            Self::Agent => "agent",
            Self::Agents => "agents",
            Self::Card => "card",
            Self::Cards => "cards",
            Self::CardVersions => "card_versions",
            Self::CardVersion => "card_version",
            Self::CardsNamed => "cards_named",
            Self::Sessions => "sessions",
            Self::SessionAgents => "session_agents",
            Self::Streams => "streams",
            Self::Equivocations => "equivocations",
            Self::Stats => "stats",
            Self::Active => "most_active",
            Self::Facets => "facets",
            Self::Longest => "longest",
            Self::SessionCalls => "session_calls",
            Self::Links => "links",
            Self::Ready => "ready",
        }
    }

    /// Under whose rights it runs.
    pub const fn role(self) -> Role {
        match self {
            Self::Append | Self::AppendHeldBack | Self::PutCard => Role::Writer,
            _ => Role::Reader,
        }
    }

    /// Whether its text never changes, or is one of a few, so that preparing it pays.
    const fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::Append
                | Self::PutCard
                | Self::Page
                | Self::Trace
                | Self::Agent
                | Self::LastPosition
                | Self::Card
                | Self::Ready
        )
    }
}

/// Why there are no rows.
#[derive(Debug)]
pub enum Refused {
    /// The database cannot hold what it was given, and why.
    Data(String),
    /// Anything else.
    Store(StoreError),
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Data(told) => Self::Failed(told),
            Refused::Store(error) => error,
        }
    }
}

/// Runs one statement as `role`, again where that may help.
pub(crate) async fn rows_as<C: Connections>(
    connections: &C,
    role: Role,
    transaction: Transaction,
    sql: &str,
    params: &[Typed<'_>],
) -> Result<Vec<Row>, Refused> {
    let (mut in_the_way, mut lost) = (0, 0);
    loop {
        let lease = connections.lease(role).await.map_err(Refused::Store)?;
        let outcome = lease.drive(once(&lease, transaction, sql, params)).await;
        let fault = match outcome {
            Ok(rows) => {
                lease.give_back(false).await;
                return Ok(rows);
            }
            Err(error) => Fault::of(&error),
        };
        lease.give_back(fault.breaks()).await;
        let (tried, most) = match &fault {
            Fault::InTheWay(_) => (&mut in_the_way, RETRIES),
            Fault::Lost(_) => (&mut lost, LOST_RETRIES),
            Fault::Data(told) => return Err(Refused::Data(told.clone())),
            Fault::Final(_) => return Err(given_up(transaction, fault)),
        };
        if *tried == most {
            return Err(given_up(transaction, fault));
        }
        *tried += 1;
        metrics::counter!("smoltbot_store_retries_total", "transaction" => transaction.name())
            .increment(1);
        tracing::debug!(transaction = transaction.name(), ?fault, "tried again");
    }
}

/// The same under the role that the transaction has.
pub(crate) async fn rows<C: Connections>(
    connections: &C,
    transaction: Transaction,
    sql: &str,
    params: &[Typed<'_>],
) -> Result<Vec<Row>, Refused> {
    rows_as(connections, transaction.role(), transaction, sql, params).await
}

fn given_up(transaction: Transaction, fault: Fault) -> Refused {
    let error = fault.into_error();
    tracing::warn!(transaction = transaction.name(), %error, "the database did not answer");
    Refused::Store(error)
}

async fn once<L: Lease>(
    lease: &L,
    transaction: Transaction,
    sql: &str,
    params: &[Typed<'_>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    // Only pools keep prepared statements; without them the code that prepares is not compiled either.
    if cfg!(feature = "pool") && transaction.is_fixed() {
        let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
        if let Some(statement) = lease.prepared(sql, &types).await? {
            let values: Vec<&(dyn ToSql + Sync)> = params.iter().map(|(value, _)| *value).collect();
            return lease.client().query(&statement, &values).await;
        }
    }
    lease.client().query_typed(sql, params).await
}
