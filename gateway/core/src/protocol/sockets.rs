//! The open sockets of a gateway: how many there are, and how they learn that it stops.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::fault::Dialect;
use super::health::Health;
use super::presence::Presence;
use crate::limits::{MAX_SOCKETS, MAX_STRANGERS};
use crate::metrics::Open;

/// How many there are.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// That have not shown the token yet.
    strangers: usize,
    /// That have, and speak the simple dialect.
    simple: usize,
    /// That have, and speak OpenClaw's.
    openclaw: usize,
    /// Runs that go on without anybody connected.
    runs: usize,
}

impl Count {
    fn clients(self) -> usize {
        self.simple + self.openclaw
    }

    fn of(&mut self, dialect: Dialect) -> &mut usize {
        match dialect {
            Dialect::Simple => &mut self.simple,
            Dialect::OpenClaw => &mut self.openclaw,
        }
    }
}

struct Shared {
    count: watch::Sender<Count>,
    stopping: CancellationToken,
    asked: super::openclaw::Asked,
    presence: Presence,
    health: Health,
    since: Instant,
}

/// All of them. Clones share them.
#[derive(Clone)]
pub(crate) struct Sockets(Arc<Shared>);

impl Default for Sockets {
    fn default() -> Self {
        Self(Arc::new(Shared {
            count: watch::Sender::new(Count::default()),
            stopping: CancellationToken::new(),
            asked: super::openclaw::Asked::default(),
            presence: Presence::default(),
            health: Health::default(),
            since: Instant::now(),
        }))
    }
}

impl Sockets {
    /// A place for one more, which has to say who it is.
    pub(super) fn seat(&self) -> Option<Seat> {
        if self.0.stopping.is_cancelled() {
            return None;
        }
        let got = self.0.count.send_if_modified(|count| {
            let free =
                count.strangers < MAX_STRANGERS && count.strangers + count.clients() < MAX_SOCKETS;
            count.strangers += usize::from(free);
            free
        });
        got.then(|| Seat {
            sockets: self.clone(),
            kind: Kind::Stranger,
        })
    }

    /// Holds the stop until a run that goes on by itself has ended.
    pub(super) fn hold_run(&self) -> Seat {
        self.0.count.send_modify(|count| count.runs += 1);
        Seat {
            sockets: self.clone(),
            kind: Kind::Run,
        }
    }

    /// How many have shown the token.
    pub(crate) fn clients(&self) -> usize {
        self.0.count.borrow().clients()
    }

    /// How many there are, by dialect.
    pub(crate) fn open(&self) -> Open {
        let count = *self.0.count.borrow();
        Open {
            strangers: count.strangers,
            simple: count.simple,
            openclaw: count.openclaw,
            runs: count.runs,
        }
    }

    /// Tells all of them that the gateway stops.
    pub(crate) fn stop(&self) {
        self.0.stopping.cancel();
    }

    /// Cancelled once the gateway stops.
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// Which runs were begun by which key.
    pub(super) fn asked(&self) -> &super::openclaw::Asked {
        &self.0.asked
    }

    /// Who is connected.
    pub(super) fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Which providers of models fail.
    pub(super) fn health(&self) -> &Health {
        &self.0.health
    }

    /// How long the gateway is there.
    pub(crate) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until all are closed, and nothing goes on that was begun by one.
    pub(crate) async fn closed(&self) {
        let none = |count: &Count| count.strangers + count.clients() + count.runs == 0;
        // The sender lives in this very struct.
        let _ = self.0.count.subscribe().wait_for(none).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stranger,
    Client(Dialect),
    Run,
}

/// The place of one, given back when it is dropped.
pub(super) struct Seat {
    sockets: Sockets,
    kind: Kind,
}

impl Seat {
    /// The stranger has shown the token, and speaks `dialect`.
    pub(super) fn known(&mut self, dialect: Dialect) {
        if self.kind == Kind::Stranger {
            self.kind = Kind::Client(dialect);
            self.sockets.0.count.send_modify(|count| {
                count.strangers -= 1;
                *count.of(dialect) += 1;
            });
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sockets.0.count.send_modify(|count| {
            let of = match self.kind {
                Kind::Stranger => &mut count.strangers,
                Kind::Client(dialect) => count.of(dialect),
                Kind::Run => &mut count.runs,
            };
            *of -= 1;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_have_a_limit_that_clients_do_not_fill() {
        let sockets = Sockets::default();
        let mut seats: Vec<_> = (0..MAX_STRANGERS)
            .map(|_| sockets.seat().unwrap())
            .collect();
        assert!(sockets.seat().is_none());
        seats[0].known(Dialect::OpenClaw);
        assert_eq!(sockets.clients(), 1);
        assert_eq!((sockets.open().simple, sockets.open().openclaw), (0, 1));
        seats.push(sockets.seat().unwrap());
        assert!(sockets.seat().is_none());
        seats.clear();
        assert_eq!(sockets.clients(), 0);
        sockets.stop();
        assert!(
            sockets.seat().is_none(),
            "a gateway that stops takes nobody"
        );
    }
}
