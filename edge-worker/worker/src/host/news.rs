//! What an agent's object has not been told yet: it hears of a batch with the next question that it is asked anyway, which
//! spares a request one call. An isolate that ends before forgets what it had to tell; then the object knows less, and a
//! batch that was there already is queued once more, where the store tells it for what it is.

use std::cell::RefCell;
use std::collections::HashMap;

use aap::AgentId;
use serde::{Deserialize, Serialize};

use crate::memory::Run;

/// News of one agent that may wait; more are told at once.
const MAX_WAITING: usize = 20;
/// Agents of which something may wait: 4 KiB each at most.
const MAX_AGENTS: usize = 1000;

/// A batch was stored, or queued.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct News {
    pub(super) run: Option<Run>,
    pub(super) stored: bool,
}

thread_local! {
    static WAITING: RefCell<HashMap<AgentId, Vec<News>>> = RefCell::default();
}

/// Has `news` wait; gives back what has to be told now, all of that agent's or nothing.
pub(super) fn add(agent: AgentId, news: News) -> Vec<News> {
    WAITING.with_borrow_mut(|waiting| {
        let full = waiting.len() >= MAX_AGENTS;
        let known = waiting.entry(agent).or_default();
        known.push(news);
        if known.len() < MAX_WAITING && !full {
            return Vec::new();
        }
        waiting.remove(&agent).unwrap_or_default()
    })
}

/// What has to be told of `agent`; whoever takes it tells it.
pub(super) fn take(agent: AgentId) -> Vec<News> {
    WAITING.with_borrow_mut(|waiting| waiting.remove(&agent).unwrap_or_default())
}
