//! The window on the newest rows that all live streams of a process share.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aap::{ActionType, AgentId};
use axum::body::Bytes;
use tokio::sync::watch;
use trace_store::{Filter, TraceRow};

use super::{MAX_LIVE_PER_NETWORK, MAX_LIVE_STREAMS};
use crate::limiter::Network;
use crate::shape::live_event;

/// Events in the window: about 600 bytes each, so 1.2 MB, and only while somebody watches.
const WINDOW: usize = 2048;
/// Rows that one refill takes.
const REFILL_ROWS: u32 = 500;
/// Bytes after which a piece of a stream is sent.
const PIECE_BYTES: usize = 64 * 1024;

/// The live streams of one process.
#[derive(Debug)]
pub struct Live {
    window: Mutex<Window>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Window {
    closed: bool,
    /// Raised by every append.
    wanted: u64,
    /// What `wanted` was before the refill that is in the window began.
    have: u64,
    refilling: bool,
    /// Every event after `start` up to `end` is in `events`.
    start: i64,
    end: i64,
    events: VecDeque<Event>,
    readers: usize,
    by_network: HashMap<Network, usize>,
}

#[derive(Debug)]
struct Event {
    position: i64,
    agent_id: AgentId,
    action_type: ActionType,
    text: String,
}

/// One event as it goes over the wire.
pub(super) fn event_text(row: &TraceRow) -> String {
    // One line: JSON escapes line breaks.
    format!(
        "id: {}\nevent: trace\ndata: {}\n\n",
        row.position,
        live_event(row)
    )
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Nobody watches yet.
    pub fn new() -> Self {
        Self {
            window: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Ends all streams, for good: the process shuts down.
    pub fn close(&self) {
        self.window().closed = true;
        self.signal();
    }

    /// Something was appended; the host calls it for what came in past this router.
    pub fn wake(&self) {
        let watched = {
            let mut window = self.window();
            window.wanted += 1;
            window.readers > 0
        };
        if watched {
            self.signal();
        }
    }

    fn signal(&self) {
        self.changes
            .send_modify(|change| *change = change.wrapping_add(1));
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Every change is whole before anything that could panic.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one stream, if there is one; `newest` is the store's last position.
    pub(super) fn sit_down(self: &Arc<Self>, network: Network, newest: i64) -> Option<Seat> {
        let mut window = self.window();
        let here = window.by_network.get(&network).copied().unwrap_or_default();
        if window.readers >= MAX_LIVE_STREAMS || here >= MAX_LIVE_PER_NETWORK {
            return None;
        }
        if window.readers == 0 {
            // While nobody watched, nothing was refilled.
            window.events = VecDeque::with_capacity(64);
            (window.start, window.end) = (newest, newest);
            window.have = window.wanted.wrapping_sub(1);
        }
        window.readers += 1;
        *window.by_network.entry(network).or_default() += 1;
        metrics::gauge!("smoltbot_edge_live_readers").increment(1);
        Some(Seat {
            live: Arc::clone(self),
            network,
        })
    }
}

/// One stream's place; leaves when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    live: Arc<Live>,
    network: Network,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut window = self.live.window();
        window.readers -= 1;
        if let Some(here) = window.by_network.get_mut(&self.network) {
            *here -= 1;
            if *here == 0 {
                window.by_network.remove(&self.network);
            }
        }
        if window.readers == 0 {
            window.events = VecDeque::new();
        }
        metrics::gauge!("smoltbot_edge_live_readers").decrement(1);
    }
}

/// What a reader does next.
pub(super) enum Next {
    /// It ends.
    Closed,
    /// It sends this (nothing, where the filter leaves nothing) and is at `position`.
    Events { text: Bytes, position: i64 },
    /// Its place is before the window: it asks the store.
    Behind { window_end: i64 },
    /// It refills the window for all.
    Refill(Refill),
    /// Nothing is new.
    Wait,
}

impl Seat {
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.live.changes.subscribe()
    }

    /// Has the store asked once more, though nothing was appended in this process.
    pub(super) fn look_again(&self) {
        self.live.window().wanted += 1;
    }

    pub(super) fn next(&self, position: i64, filter: &Filter) -> Next {
        let mut window = self.live.window();
        if window.closed {
            Next::Closed
        } else if position < window.start {
            Next::Behind {
                window_end: window.end,
            }
        } else if position < window.end {
            window.after(position, filter)
        } else if window.have != window.wanted && !window.refilling {
            window.refilling = true;
            let (after, seen) = (window.end, window.wanted);
            drop(window);
            Next::Refill(Refill {
                live: Arc::clone(&self.live),
                after,
                seen,
            })
        } else {
            Next::Wait
        }
    }
}

impl Window {
    fn after(&self, position: i64, filter: &Filter) -> Next {
        let first = self
            .events
            .partition_point(|event| event.position <= position);
        let mut text = String::new();
        for event in self.events.range(first..) {
            let agent = filter.agent_id.is_none_or(|agent| agent == event.agent_id);
            if agent
                && filter
                    .action_type
                    .is_none_or(|kind| kind == event.action_type)
            {
                text.push_str(&event.text);
            }
            if text.len() > PIECE_BYTES {
                return Next::Events {
                    text: text.into(),
                    position: event.position,
                };
            }
        }
        Next::Events {
            text: text.into(),
            position: self.end,
        }
    }
}

/// The right and duty to refill the window; given up when dropped, so that another reader does it.
pub(super) struct Refill {
    live: Arc<Live>,
    after: i64,
    seen: u64,
}

impl Refill {
    pub(super) fn after(&self) -> i64 {
        self.after
    }

    #[expect(clippy::unused_self, reason = "reads as one port's question")]
    pub(super) fn rows(&self) -> u32 {
        REFILL_ROWS
    }

    pub(super) fn done(self, rows: &[TraceRow]) {
        // Written out before the lock is taken.
        let events: Vec<_> = rows
            .iter()
            .map(|row| Event {
                position: row.position,
                agent_id: row.agent_id,
                action_type: row.action_type,
                text: event_text(row),
            })
            .collect();
        let mut window = self.live.window();
        if window.end != self.after {
            // Everybody left and somebody came: the window was begun anew meanwhile.
            return;
        }
        if events.len() < REFILL_ROWS as usize {
            window.have = self.seen;
        }
        if let Some(last) = events.last() {
            window.end = last.position;
        }
        window.events.extend(events);
        let surplus = window.events.len().saturating_sub(WINDOW);
        let last_out = window.events.drain(..surplus).next_back();
        if let Some(last_out) = last_out {
            window.start = last_out.position;
        }
    }
}

impl Drop for Refill {
    fn drop(&mut self) {
        self.live.window().refilling = false;
        self.live.signal();
    }
}

#[cfg(test)]
mod tests;
