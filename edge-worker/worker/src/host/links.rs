//! Either kind of connection behind one type: the router and every question are compiled once, not once for each kind.

use tokio_postgres::Client;
use trace_store::StoreError;
use trace_store_postgres::{Connections, Lease, Role};

use super::held::{Held, Turn};
use super::once::{Once, OneUse};

/// Where connections come from.
pub(super) enum Links {
    /// They are kept, in a Durable Object.
    Held(Held),
    /// One for each statement, in a request.
    Once(Once),
}

impl Links {
    /// Whether they end with the request.
    pub(super) fn are_for_one_request(&self) -> bool {
        matches!(self, Self::Once(_))
    }
}

/// A connection in use.
pub(super) enum Link {
    /// One that is kept.
    Held(Turn),
    /// One that is not.
    Once(Box<OneUse>),
}

impl Connections for Links {
    type Lease = Link;

    async fn lease(&self, role: Role) -> Result<Link, StoreError> {
        match self {
            Self::Held(held) => held.lease(role).await.map(Link::Held),
            Self::Once(once) => once.lease(role).await.map(Box::new).map(Link::Once),
        }
    }

    fn appended(&self) {
        if let Self::Held(held) = self {
            held.appended();
        }
    }
}

impl Lease for Link {
    fn client(&self) -> &Client {
        match self {
            Self::Held(turn) => turn.client(),
            Self::Once(once) => once.client(),
        }
    }

    async fn drive<F>(&self, work: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        match self {
            Self::Held(turn) => turn.drive(work).await,
            Self::Once(once) => once.drive(work).await,
        }
    }

    async fn give_back(self, broken: bool) {
        match self {
            Self::Held(turn) => turn.give_back(broken).await,
            Self::Once(once) => once.give_back().await,
        }
    }
}
