//! From Postgres' errors to the port's, in words that say what to do. No SQL and no login stands in them.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use trace_store::StoreError;

/// What an error means for the call that met it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another transaction was in the way; the same call may go through at once.
    InTheWay(StoreError),
    /// The connection is gone; whether the transaction was committed is not known.
    Lost(StoreError),
    /// The database cannot hold what it was given.
    Data(String),
    /// Asking again does not help.
    Final(StoreError),
}

impl Fault {
    pub(crate) fn of(error: &Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return if error.is_closed() || is_io(error) {
                Self::Lost(lost())
            } else {
                // A value of another type than the program expects: a schema that it does not know.
                Self::Final(StoreError::Failed(error.to_string()))
            };
        };
        let code = db.code();
        let told = || format!("{} (SQLSTATE {})", db.message(), code.code());
        let unavailable = |advice: &str| StoreError::Unavailable(format!("{}; {advice}", told()));
        match code {
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            // Another agent has taken an id in the same moment.
            | &SqlState::UNIQUE_VIOLATION => Self::InTheWay(unavailable("try again")),
            // It was waited for as long as a client may be kept waiting.
            &SqlState::LOCK_NOT_AVAILABLE => Self::Final(unavailable(
                "another transaction holds on to what this one needs; try again in a moment",
            )),
            &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW => Self::Lost(unavailable(
                "the database stops or starts; try again in a moment",
            )),
            &SqlState::QUERY_CANCELED => Self::Final(unavailable(
                "the question takes longer than the database works on one; narrow it by agent or time",
            )),
            &SqlState::DISK_FULL => Self::Final(unavailable(
                "free some space on the database's disk; nothing that was acknowledged is lost",
            )),
            &SqlState::TOO_MANY_CONNECTIONS => Self::Final(unavailable(
                "the database has no connection left; make the pools smaller or its max_connections larger",
            )),
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::Final(unavailable(
                "this database takes no writes; name the primary",
            )),
            &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_FUNCTION
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::INVALID_SCHEMA_NAME
            | &SqlState::INSUFFICIENT_PRIVILEGE => Self::Final(StoreError::Failed(format!(
                "{}; the database does not hold the schema that this program knows: run `smoltbot db migrate`",
                told()
            ))),
            &SqlState::CHECK_VIOLATION | &SqlState::NOT_NULL_VIOLATION => Self::Data(told()),
            code if matches!(code.code().get(..2), Some("22" | "54")) => Self::Data(told()),
            code if matches!(code.code().get(..2), Some("08" | "53" | "57" | "58")) => {
                Self::Lost(unavailable("try again in a moment"))
            }
            _ => Self::Final(StoreError::Failed(told())),
        }
    }

    /// Whether the connection can be used again.
    pub(crate) fn breaks(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    /// For the caller, when there is nothing more to try.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::InTheWay(error) | Self::Lost(error) | Self::Final(error) => error,
            Self::Data(told) => StoreError::Failed(told),
        }
    }
}

fn is_io(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<std::io::Error>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// What is said when a connection is gone, or could not be made.
pub fn lost() -> StoreError {
    StoreError::Unavailable("the connection to the database broke; try again".to_owned())
}
