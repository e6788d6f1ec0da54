//! OpenClaw's dialect: the methods that its clients need to talk to one agent.
//!
//! A run that is begun here goes on when its connection goes; `agent.wait` and `chat.history` find it again. Its id is the
//! `idempotencyKey` that it was begun with, and the same key never begins another one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

mod asked;
mod follow;
mod lists;
mod runs;
mod sessions;

pub(super) use asked::Asked;

use super::fault::{Code, Fault};
use super::out::Out;
use super::params::Params;
use crate::clock::now_ms;
use crate::http::Room;

/// The one agent.
pub(super) const AGENT: &str = "main";
/// The session that `main` means.
pub(super) const MAIN: &str = "agent:main:main";
/// The channel of what is said by this dialect.
const CHANNEL: &str = "webchat";

/// What is served; nothing else is said to be.
pub(super) const METHODS: [&str; 22] = [
    "health",
    "status",
    "agent",
    "agent.wait",
    "agents.list",
    "chat.send",
    "chat.history",
    "chat.abort",
    "commands.list",
    "config.get",
    "models.list",
    "sessions.list",
    "sessions.subscribe",
    "sessions.unsubscribe",
    "sessions.messages.subscribe",
    "sessions.messages.unsubscribe",
    "sessions.describe",
    "sessions.resolve",
    "sessions.create",
    "sessions.patch",
    "sessions.reset",
    "sessions.delete",
];
/// Events that may come.
pub(super) const EVENTS: [&str; 7] = [
    "connect.challenge",
    "tick",
    "chat",
    "agent",
    "session.tool",
    "sessions.changed",
    "shutdown",
];
/// Families of OpenClaw's methods that this version does not have: they are told apart from what nobody has.
const ELSEWHERE: [&str; 21] = [
    "memory.",
    "cron.",
    "terminal.",
    "node.",
    "device.",
    "channels.",
    "skills.",
    "config.",
    "exec.",
    "agent.",
    "agents.",
    "artifacts.",
    "chat.",
    "logs.",
    "models.",
    "plugins.",
    "question.",
    "sessions.",
    "tools.",
    "update.",
    "usage.",
];

/// Whether the gateway is well.
pub(super) fn health() -> Value {
    json!({"ok": true, "ts": now_ms(), "durationMs": 0, "channels": {}, "channelOrder": [], "channelLabels": {},
        "defaultAgentId": AGENT, "agents": [{"agentId": AGENT, "isDefault": true}]})
}

/// What a connection watches.
#[derive(Default)]
struct Watched {
    /// Changes of any session, and tools of the runs that are followed.
    changes: bool,
    /// Whatever is said in these sessions.
    sessions: HashSet<String>,
    /// Runs that are being told, each with what is cancelled once all of it was.
    runs: HashMap<String, CancellationToken>,
}

struct Inner {
    room: Arc<Room>,
    out: Out,
    tool_events: bool,
    watched: Mutex<Watched>,
}

/// One connection.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

impl Client {
    pub(super) fn new(room: Arc<Room>, out: Out, tool_events: bool) -> Self {
        let client = Self(Arc::new(Inner {
            room,
            out,
            tool_events,
            watched: Mutex::default(),
        }));
        tokio::spawn(client.clone().listen());
        client
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        let watched = &self.0.watched;
        watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows what begins in the sessions that are watched, whoever begins it.
    async fn listen(self) {
        let mut begun = self.0.room.agent.listen();
        loop {
            let run = tokio::select! {
                () = self.0.out.gone() => return,
                run = begun.recv() => run,
            };
            match run {
                Ok(run) => {
                    let (changes, watched) = {
                        let watched = self.watched();
                        (watched.changes, watched.sessions.contains(run.session()))
                    };
                    if watched {
                        self.follow(&run);
                    }
                    if changes {
                        let told =
                            json!({"sessionKey": run.session(), "reason": "send", "ts": now_ms()});
                        let _ = self.0.out.event("sessions.changed", told).await;
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "gateway: a WebSocket missed runs that began");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Answers request `id`.
    pub(super) async fn answer(
        &self,
        id: &str,
        method: &str,
        params: Map<String, Value>,
    ) -> Result<Value, Fault> {
        let params = Params(params);
        match method {
            "health" => Ok(health()),
            "status" => self.status().await,
            "agent" => self.agent(id, &params).await,
            "agent.wait" => self.wait(&params).await,
            "chat.send" => self.send(&params).await,
            "chat.history" => self.history(&params).await,
            "chat.abort" => self.abort(&params),
            "agents.list" => Ok(lists::agents()),
            "models.list" => self.models().await,
            "commands.list" => Ok(lists::commands()),
            "config.get" => self.config().await,
            "sessions.list" => self.list(&params).await,
            "sessions.subscribe" | "sessions.unsubscribe" => {
                let changes = method == "sessions.subscribe";
                self.watched().changes = changes;
                Ok(json!({"subscribed": changes}))
            }
            "sessions.messages.subscribe" => self.watch(&params, true),
            "sessions.messages.unsubscribe" => self.watch(&params, false),
            "sessions.describe" => self.describe(&params).await,
            "sessions.resolve" => self.resolve(&params).await,
            "sessions.create" => self.create(&params).await,
            "sessions.patch" => self.patch(&params).await,
            "sessions.reset" => self.reset(&params).await,
            "sessions.delete" => self.delete(&params).await,
            other if ELSEWHERE.iter().any(|prefix| other.starts_with(prefix)) => Err(Fault::new(
                Code::Unavailable,
                format!("`{other}` is not available in this version of the gateway"),
            )),
            other => Err(Fault::new(
                Code::NoMethod,
                format!("unknown method: {other}"),
            )),
        }
    }
}

/// The session that a client means by `key`.
fn canonical(key: &str) -> String {
    if key == "main" { MAIN } else { key }.to_owned()
}
