//! Who is connected: OpenClaw's presence.
//!
//! Each connection that has shown the token is told of, whichever dialect it speaks, from its `connect` to its end; and the gateway
//! itself. OpenClaw leaves out command lines and programs that may be there for a moment only; here they are what is mostly connected.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::sockets::Sockets;
use crate::clock::{now_ms, unique};
use crate::limits::{MAX_PRESENCE, MAX_PRESENCE_CHARS};

/// What a client says of itself; nothing of it decides anything.
#[derive(Debug, Default)]
pub(super) struct Who {
    /// The name that people know it by.
    pub(super) host: String,
    pub(super) client_id: Option<String>,
    pub(super) version: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) family: Option<String>,
    pub(super) model: Option<String>,
    pub(super) mode: String,
    pub(super) device_id: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) scopes: Vec<&'static str>,
    /// Where it connects from, if not from this machine.
    pub(super) ip: Option<IpAddr>,
}

struct Entry {
    row: Map<String, Value>,
    since: i64,
}

#[derive(Default)]
struct State {
    /// By their order of coming.
    entries: BTreeMap<u64, Entry>,
    count: u64,
    /// The payload of the event that tells of a version, so that it is written once for everybody.
    written: Option<(u64, Arc<str>)>,
}

/// All who are there.
pub(super) struct Presence {
    state: Mutex<State>,
    /// Counts up with whoever comes or goes.
    version: watch::Sender<u64>,
    /// The gateway's own.
    instance: String,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            version: watch::Sender::new(1),
            instance: unique().to_string(),
        }
    }
}

impl Presence {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which version is the latest; it grows when somebody comes or goes.
    pub(super) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Everybody who is there, and the version that this is.
    pub(super) fn list(&self) -> (Vec<Value>, u64) {
        let state = self.state();
        (self.rows(&state), *self.version.borrow())
    }

    /// The payload of an event that tells of the latest version, and which that is.
    pub(super) fn event(&self) -> (Arc<str>, u64) {
        let mut state = self.state();
        let version = *self.version.borrow();
        if let Some((of, written)) = &state.written
            && *of == version
        {
            return (Arc::clone(written), version);
        }
        let payload = json!({"presence": self.rows(&state)}).to_string();
        let written: Arc<str> = payload.into();
        state.written = Some((version, Arc::clone(&written)));
        (written, version)
    }

    /// The gateway itself, then the clients, the latest first.
    fn rows(&self, state: &State) -> Vec<Value> {
        let now = now_ms();
        let clients = state
            .entries
            .values()
            .rev()
            .take(MAX_PRESENCE)
            .map(|entry| {
                let mut row = entry.row.clone();
                row.insert("ts".to_owned(), now.into());
                row.insert("onlineSince".to_owned(), entry.since.into());
                Value::Object(row)
            });
        std::iter::once(self.own(now)).chain(clients).collect()
    }

    fn own(&self, now: i64) -> Value {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        let version = env!("CARGO_PKG_VERSION");
        json!({"host": host, "version": version, "mode": "gateway", "reason": "self", "instanceId": self.instance,
            "platform": format!("{} {}", std::env::consts::OS, system.release().to_string_lossy()),
            "text": format!("Gateway: {host} · app {version} · mode gateway · reason self"), "ts": now})
    }

    fn come(&self, row: Map<String, Value>) -> u64 {
        let mut state = self.state();
        state.count += 1;
        let id = state.count;
        let since = now_ms();
        state.entries.insert(id, Entry { row, since });
        self.version.send_modify(|version| *version += 1);
        id
    }

    fn go(&self, id: u64) {
        let mut state = self.state();
        state.entries.remove(&id);
        self.version.send_modify(|version| *version += 1);
    }
}

/// Somebody who is there, until this is dropped.
pub(super) struct Here {
    sockets: Sockets,
    id: u64,
}

impl Here {
    /// `who` has come.
    pub(super) fn new(sockets: &Sockets, who: Who) -> Self {
        Self {
            id: sockets.presence().come(row(who)),
            sockets: sockets.clone(),
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.sockets.presence().go(self.id);
    }
}

/// What is told of somebody for as long as they are there.
fn row(who: Who) -> Map<String, Value> {
    let cut = |text: String| -> String { text.chars().take(MAX_PRESENCE_CHARS).collect() };
    let (host, mode) = (cut(who.host), cut(who.mode));
    let mut row = Map::new();
    row.insert(
        "text".to_owned(),
        format!("Node: {host} · mode {mode}").into(),
    );
    row.insert("host".to_owned(), host.into());
    row.insert("mode".to_owned(), mode.into());
    row.insert("reason".to_owned(), "connect".into());
    row.insert("roles".to_owned(), json!(["operator"]));
    row.insert("scopes".to_owned(), json!(who.scopes));
    for (name, value) in [
        ("clientId", who.client_id),
        ("version", who.version),
        ("platform", who.platform),
        ("deviceFamily", who.family),
        ("modelIdentifier", who.model),
        ("deviceId", who.device_id),
        ("instanceId", who.instance_id),
        ("ip", who.ip.map(|ip| ip.to_string())),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            row.insert(name.to_owned(), cut(value).into());
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn come(sockets: &Sockets, host: String) -> Here {
        let who = Who {
            host,
            mode: "test".to_owned(),
            ..Who::default()
        };
        Here::new(sockets, who)
    }

    #[test]
    fn whoever_is_there_is_told_of_and_each_change_counts() {
        let sockets = Sockets::default();
        let (first, before) = sockets.presence().list();
        assert_eq!((first.len(), before), (1, 1));
        assert_eq!(first[0]["mode"], "gateway");
        let ann = come(&sockets, "ann".to_owned());
        let bob = come(&sockets, "x".repeat(MAX_PRESENCE_CHARS + 1));
        let (both, version) = sockets.presence().list();
        assert_eq!(version, 3);
        assert_eq!(both[1]["host"].as_str().unwrap().len(), MAX_PRESENCE_CHARS);
        assert_eq!(both[2]["text"], "Node: ann · mode test");
        let (event, told) = sockets.presence().event();
        assert_eq!(told, 3);
        assert!(
            Arc::ptr_eq(&event, &sockets.presence().event().0),
            "written once"
        );
        drop((ann, bob));
        let (nobody, version) = sockets.presence().list();
        assert_eq!((nobody.len(), version), (1, 5));
        assert!(!sockets.presence().event().0.contains("ann"));
    }

    #[test]
    fn the_latest_are_told_of() {
        let sockets = Sockets::default();
        let all = 0..=MAX_PRESENCE;
        let here: Vec<_> = all.map(|at| come(&sockets, at.to_string())).collect();
        let (told, _) = sockets.presence().list();
        assert_eq!(told.len(), 1 + MAX_PRESENCE);
        assert_eq!(told[1]["host"], MAX_PRESENCE.to_string());
        assert_eq!(told[MAX_PRESENCE]["host"], "1");
        drop(here);
    }
}
