//! What the sessions of our own process have read that is secret, where the caller of a gate can look it up at once.
//!
//! The spool keeps the same, for later processes (see [`crate::spool`]); foreign agents' sessions are looked up there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aap::ToolCall;
use conscience::Situation;

use crate::event::SessionKey;

/// How many sessions are remembered, those that have read something last: with all their secrets 33 MB at the very most.
const MAX_SESSIONS: usize = 4096;

#[derive(Debug, Default)]
struct Sessions {
    of: HashMap<SessionKey, (u64, Situation)>,
    /// Counts what was read, so that the oldest can be told.
    clock: u64,
}

/// The memory of a process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    sessions: Mutex<Sessions>,
}

impl Memory {
    /// As the spool tells it, newest last.
    pub(crate) fn of(rows: Vec<(SessionKey, String)>) -> Self {
        let memory = Self::default();
        for (session, secret) in rows {
            memory.add(session, vec![secret]);
        }
        memory
    }

    /// What the session of `call` has read.
    pub(crate) fn secrets_read(&self, call: &ToolCall) -> Vec<String> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.of.is_empty() {
            return Vec::new();
        }
        SessionKey::of(call)
            .and_then(|session| sessions.of.get(&session))
            .map_or_else(Vec::new, |(_, situation)| situation.secrets_read.clone())
    }

    /// Remembers what `call`, which runs, reads.
    pub(crate) fn remember(&self, call: &ToolCall, secrets: &[String]) {
        if let Some(session) = SessionKey::of(call) {
            self.add(session, secrets.to_vec());
        }
    }

    fn add(&self, session: SessionKey, secrets: Vec<String>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.clock += 1;
        let now = sessions.clock;
        let (last, situation) = sessions.of.entry(session).or_default();
        *last = now;
        situation.remember(secrets);
        if sessions.of.len() > MAX_SESSIONS {
            let oldest = sessions.of.iter().min_by_key(|(_, (last, _))| *last);
            if let Some(oldest) = oldest.map(|(session, _)| session.clone()) {
                sessions.of.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(session: &str) -> ToolCall {
        ToolCall {
            session_id: Some(session.to_owned()),
            ..ToolCall::new("smoltbot", "exec", json!({}))
        }
    }

    #[test]
    fn each_session_has_its_own_memory_and_the_oldest_is_forgotten() {
        let kept = (SessionKey::new("smoltbot", "kept"), "~/.netrc".to_owned());
        let memory = Memory::of(vec![kept]);
        memory.remember(&call("a"), &["~/.ssh/id_rsa".to_owned()]);
        memory.remember(&call("a"), &["/srv/.env".to_owned()]);
        assert_eq!(
            memory.secrets_read(&call("a")),
            ["~/.ssh/id_rsa", "/srv/.env"]
        );
        assert_eq!(memory.secrets_read(&call("kept")), ["~/.netrc"]);
        assert!(memory.secrets_read(&call("b")).is_empty());
        let mut nameless = call("");
        nameless.session_id = None;
        memory.remember(&nameless, &["~/.netrc".to_owned()]);
        assert!(
            memory.secrets_read(&nameless).is_empty(),
            "nothing is known of no session"
        );
        for n in 0..MAX_SESSIONS - 1 {
            memory.remember(&call(&n.to_string()), &["~/.netrc".to_owned()]);
        }
        assert!(memory.secrets_read(&call("kept")).is_empty());
        assert_eq!(memory.secrets_read(&call("a")).len(), 2);
    }
}
