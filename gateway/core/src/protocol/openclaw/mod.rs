//! OpenClaw's dialect: the methods that its clients need to talk to one agent.
//!
//! A run that is begun here goes on when its connection goes; `agent.wait` and `chat.history` find it again. Its id is the
//! `idempotencyKey` that it was begun with, and the same key never begins another one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

mod asked;
mod attached;
mod follow;
mod lists;
mod news;
mod runs;
mod sessions;

pub(super) use asked::Asked;
use follow::Told;
use news::Known;
pub(super) use news::{health, health_version};

use super::fault::{Dialect, Fault};
use super::handshake::Accepted;
use super::missing::not_served;
use super::out::Out;
use super::params::Params;
use crate::http::Room;

/// The one agent.
pub(super) const AGENT: &str = "main";
/// The session that `main` means.
pub(super) const MAIN: &str = "agent:main:main";
/// The channel of what is said by this dialect.
const CHANNEL: &str = "webchat";

/// What is served; nothing else is said to be.
pub(super) const METHODS: [&str; 23] = [
    "health",
    "status",
    "system-presence",
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
pub(super) const EVENTS: [&str; 9] = [
    "connect.challenge",
    "tick",
    "chat",
    "agent",
    "session.tool",
    "sessions.changed",
    "presence",
    "health",
    "shutdown",
];

/// What a connection watches.
#[derive(Default)]
struct Watched {
    /// Changes of any session, and the tools of all of them.
    changes: bool,
    /// Whatever is said in these sessions.
    sessions: HashSet<String>,
    /// Runs that are being told.
    runs: HashMap<String, Told>,
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
    pub(super) fn new(room: Arc<Room>, out: Out, accepted: &Accepted) -> Self {
        let client = Self(Arc::new(Inner {
            room,
            out,
            tool_events: accepted.tool_events,
            watched: Mutex::default(),
        }));
        let known = Known {
            presence: accepted.presence,
            health: accepted.health,
        };
        tokio::spawn(client.clone().listen(known));
        client
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        let watched = &self.0.watched;
        watched.lock().unwrap_or_else(PoisonError::into_inner)
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
            "health" => Ok(health(&self.0.room)),
            "status" => self.status().await,
            "system-presence" => Ok(self.0.room.sockets.presence().list().0.into()),
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
            "sessions.subscribe" => Ok(self.watch_all(true)),
            "sessions.unsubscribe" => Ok(self.watch_all(false)),
            "sessions.messages.subscribe" => self.watch(&params, true),
            "sessions.messages.unsubscribe" => self.watch(&params, false),
            "sessions.describe" => self.describe(&params).await,
            "sessions.resolve" => self.resolve(&params).await,
            "sessions.create" => self.create(&params).await,
            "sessions.patch" => self.patch(&params).await,
            "sessions.reset" => self.reset(&params).await,
            "sessions.delete" => self.delete(&params).await,
            other => Err(not_served(other, Dialect::OpenClaw)),
        }
    }
}

/// The session that a client means by `key`.
fn canonical(key: &str) -> String {
    if key == "main" { MAIN } else { key }.to_owned()
}
