//! Where connections come from. The store does not care who opens one, and who keeps it.

use std::future::Future;
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};
use trace_store::StoreError;

/// How long the database works on one question at most: a reader cannot hold it up.
pub const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Under which role a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `anon`: sees what is public, changes nothing.
    Reader,
    /// `ingest`: brings traces in, sees ids and digests.
    Writer,
}

impl Role {
    /// What makes a new connection act under this role, whoever logged in. The login has to be a member of the role. The
    /// writer waits at most three seconds for a lock; only the answer to a batch counts as an acknowledgement, so commits
    /// are flushed whatever the server's default is.
    pub fn take_on(self) -> &'static str {
        match self {
            // 5s is READ_TIMEOUT; the test below holds them together.
            Self::Reader => {
                "SET ROLE anon; SET statement_timeout = '5s'; SET default_transaction_read_only = on; SET jit = off"
            }
            Self::Writer => "SET ROLE ingest; SET lock_timeout = '3s'; SET synchronous_commit = on",
        }
    }

    /// For logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "anon",
            Self::Writer => "ingest",
        }
    }
}

/// Hands out connections that act under a role.
pub trait Connections: Send + Sync + 'static {
    /// A connection in use.
    type Lease: Lease;

    /// A connection that acts under `role`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none, soon rather than late.
    fn lease(&self, role: Role) -> impl Future<Output = Result<Self::Lease, StoreError>> + Send;

    /// Told after each batch whose traces are stored, now or before: whoever follows live events in other processes may be
    /// woken.
    fn appended(&self) {}
}

/// A connection in use; one statement at a time runs on it.
pub trait Lease: Send + Sync {
    /// The connection.
    fn client(&self) -> &Client;

    /// The statement prepared, where the connection outlives it and prepared ones may be kept. None runs it unprepared,
    /// which takes one round trip.
    fn prepared(
        &self,
        sql: &str,
        types: &[Type],
    ) -> impl Future<Output = Result<Option<Statement>, Error>> + Send {
        let _ = (sql, types);
        std::future::ready(Ok(None))
    }

    /// Runs `work`, which uses the client, together with whatever moves the connection meanwhile. A host whose connection is
    /// moved by a task of its own has nothing to add.
    fn drive<F>(&self, work: F) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
        F::Output: Send,
    {
        work
    }

    /// Gives the connection back; one that is `broken` must not be handed out again.
    fn give_back(self, broken: bool) -> impl Future<Output = ()> + Send
    where
        Self: Sized;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_that_is_told_is_the_one_that_is_set() {
        let set = format!("statement_timeout = '{}s'", READ_TIMEOUT.as_secs());
        assert!(Role::Reader.take_on().contains(&set));
    }
}
