//! How the gateway is, beyond being there: providers of models that fail, and MCP servers that do not run.
//!
//! It is told by who finds out: nothing is probed and nothing runs by the clock. A provider that failed is well again when it answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::sockets::Sockets;
use crate::agent::Agent;
use crate::model::{Asked, ErrorKind, Observer, Outcome};

/// What is known of providers.
pub(super) struct Health {
    /// Those that failed last, and how.
    failing: Mutex<BTreeMap<String, ErrorKind>>,
    /// Counts up when one begins to fail, fails in another way, or is well again.
    version: watch::Sender<u64>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            failing: Mutex::default(),
            version: watch::Sender::new(1),
        }
    }
}

impl Health {
    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, ErrorKind>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which version is the latest of what is known of providers.
    pub(super) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn failed(&self, provider: &str, kind: ErrorKind) {
        // Whoever asked named a model that is not there, which is nothing against the provider.
        if kind == ErrorKind::UnknownModel {
            return;
        }
        if self.failing().insert(provider.to_owned(), kind) != Some(kind) {
            self.version.send_modify(|version| *version += 1);
        }
    }

    fn answered(&self, provider: &str) {
        if self.failing().remove(provider).is_some() {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// The providers of `agent`'s models, each with how it failed last if it did not answer since.
    pub(super) fn providers(&self, agent: &Agent) -> Vec<Value> {
        let mut names: Vec<String> = Vec::new();
        for model in agent.models() {
            let name = model.split('/').next().unwrap_or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        let failing = self.failing();
        let row = |name: &String| match failing.get(name) {
            Some(kind) => json!({"name": name, "ok": false, "failure": kind.name()}),
            None => json!({"name": name, "ok": true}),
        };
        names.iter().map(row).collect()
    }
}

/// Hears how models are asked, and passes it on.
pub(crate) struct Listening {
    sockets: Sockets,
    next: Arc<dyn Observer>,
}

impl Listening {
    /// For the health that `sockets` tell of; `next` hears all of it, too.
    pub(crate) fn new(sockets: Sockets, next: Arc<dyn Observer>) -> Self {
        Self { sockets, next }
    }
}

impl Observer for Listening {
    fn asked(&self, asked: &Asked<'_>) {
        if matches!(asked.outcome, Outcome::Answered(_)) {
            self.sockets.health().answered(asked.provider);
        }
        self.next.asked(asked);
    }

    fn again(&self, provider: &str, kind: ErrorKind) {
        self.next.again(provider, kind);
    }

    fn cools(&self, provider: &str, kind: ErrorKind) {
        self.sockets.health().failed(provider, kind);
        self.next.cools(provider, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_counts() {
        let health = Health::default();
        let version = health.version();
        let now = || *version.borrow();
        for (act, expected) in [
            (Some(ErrorKind::RateLimit), 2),
            (Some(ErrorKind::RateLimit), 2),
            (Some(ErrorKind::Auth), 3),
            (Some(ErrorKind::UnknownModel), 3),
            (None, 4),
            (None, 4),
        ] {
            match act {
                Some(kind) => health.failed("a", kind),
                None => health.answered("a"),
            }
            assert_eq!(now(), expected, "{act:?}");
        }
    }
}
