//! What OpenClaw's clients are told without asking: who comes and goes, how the gateway is, and runs that begin.

use std::sync::Arc;

use futures_util::future::select_all;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{AGENT, Client};
use crate::agent::Run;
use crate::clock::now_ms;
use crate::http::Room;
use crate::limits::NEWS_PAUSE;
use crate::protocol::out::Gone;

/// How the gateway is. It serves, or nobody would be answered; what may be wrong stands beside that.
pub(in crate::protocol) fn health(room: &Room) -> Value {
    let servers = room.agent.toolbox().servers();
    // One that is started for the first time is neither.
    let servers = servers
        .iter()
        .map(|(name, ok)| json!({"name": name, "ok": ok}));
    json!({"ok": true, "ts": now_ms(), "durationMs": 0, "channels": {}, "channelOrder": [], "channelLabels": {},
        "defaultAgentId": AGENT, "agents": [{"agentId": AGENT, "isDefault": true}],
        "providers": room.sockets.health().providers(&room.agent), "mcpServers": servers.collect::<Vec<_>>()})
}

/// The version of that; it grows when something of it changes.
pub(in crate::protocol) fn health_version(room: &Room) -> u64 {
    counters(room).iter().map(|counter| *counter.borrow()).sum()
}

fn counters(room: &Room) -> [watch::Receiver<u64>; 2] {
    [room.sockets.health().version(), room.agent.toolbox().news()]
}

/// Counters that together are a version, of which a client is told at most once in [`NEWS_PAUSE`].
struct Paced<const N: usize> {
    counters: [watch::Receiver<u64>; N],
    told: u64,
    due: Instant,
}

impl<const N: usize> Paced<N> {
    /// For a client that was told version `told`.
    fn new(counters: [watch::Receiver<u64>; N], told: u64) -> Self {
        Self {
            counters,
            told,
            due: Instant::now(),
        }
    }

    fn version(&self) -> u64 {
        self.counters.iter().map(|counter| *counter.borrow()).sum()
    }

    /// Waits for a later version than was told, and until it may be told. May be dropped and called again without missing any.
    async fn grown(&mut self) {
        while self.version() <= self.told {
            let changed = self.counters.iter_mut().map(|one| Box::pin(one.changed()));
            if select_all(changed).await.0.is_err() {
                // Nobody counts any more.
                std::future::pending::<()>().await;
            }
        }
        sleep_until(self.due).await;
        self.told = self.version();
        self.due = Instant::now() + NEWS_PAUSE;
    }
}

/// What a connection was told in its `hello-ok`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) presence: u64,
    pub(super) health: u64,
}

impl Client {
    /// Tells what happens, as long as there is somebody to tell.
    pub(super) async fn listen(self, known: Known) {
        tokio::select! {
            () = self.0.out.gone() => {}
            // Whoever is gone hears nothing.
            _ = self.tell(known) => {}
        }
    }

    async fn tell(&self, known: Known) -> Result<(), Gone> {
        let room = &self.0.room;
        let mut begun = room.agent.listen();
        // What began before this is told of by who subscribes later.
        let mut presence = Paced::new([room.sockets.presence().version()], known.presence);
        let mut health = Paced::new(counters(room), known.health);
        loop {
            tokio::select! {
                run = begun.recv() => match run {
                    Ok(run) => self.begun(&run).await?,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "gateway: a WebSocket missed runs that began");
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = presence.grown() => {
                    let (payload, version) = room.sockets.presence().event();
                    presence.told = version;
                    self.0.out.news("presence", payload, [version, health.version()]).await?;
                }
                () = health.grown() => {
                    let payload: Arc<str> = self::health(room).to_string().into();
                    self.0.out.news("health", payload, [presence.version(), health.told]).await?;
                }
            }
        }
    }

    /// A run has begun, whoever began it.
    async fn begun(&self, run: &Arc<Run>) -> Result<(), Gone> {
        let changes = {
            let mut watched = self.watched();
            let whole = watched.sessions.contains(run.session());
            if whole || watched.changes {
                self.tell_of(&mut watched, run, whole);
            }
            watched.changes
        };
        if changes {
            let told = json!({"sessionKey": run.session(), "reason": "send", "ts": now_ms()});
            self.0.out.event("sessions.changed", told).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::array;
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn news_come_at_once_and_then_at_most_once_a_pause() {
        let senders = [watch::Sender::new(1_u64), watch::Sender::new(1)];
        let count = |which: usize| senders[which].send_modify(|count| *count += 1);
        let counters = array::from_fn(|at| senders[at].subscribe());
        let mut paced: Paced<2> = Paced::new(counters, 2);
        let since = Instant::now();
        {
            let mut waiting = pin!(paced.grown());
            let mut context = Context::from_waker(Waker::noop());
            assert!(
                waiting.as_mut().poll(&mut context).is_pending(),
                "all of it was told"
            );
            count(1);
            // Dropped without being asked again: nothing is missed by that.
        }
        paced.grown().await;
        assert_eq!(
            (since.elapsed(), paced.told),
            (std::time::Duration::ZERO, 3)
        );
        for which in [0, 1, 0] {
            count(which);
        }
        paced.grown().await;
        assert_eq!((since.elapsed(), paced.told), (NEWS_PAUSE, 6));
    }
}
