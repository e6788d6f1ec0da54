//! The open shells of a gateway: few, each used by one call at a time, and ended when nobody has used them for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use tokio::task::AbortHandle;

use super::shell::Shell;
use crate::limits::{MAX_SHELLS, SHELL_IDLE};
use crate::tools::Failure;

/// Whose shell, and which of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The chat session.
    pub(super) chat: String,
    /// The name that the agent gave it.
    pub(super) name: String,
}

/// All open shells. They end with it.
#[derive(Default)]
pub(crate) struct Shells(Mutex<HashMap<Key, Arc<Slot>>>);

/// Where a shell waits for its next call.
#[derive(Default)]
pub(super) struct Slot(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    shell: Option<Shell>,
    busy: bool,
    since: Option<Instant>,
    idle: Option<AbortHandle>,
    closed: bool,
}

/// A slot in use by one call.
pub(super) struct Place {
    slot: Arc<Slot>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left is a shell or none, and either will do.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shells {
    /// Ends all shells; none is kept from now on.
    pub(crate) fn close(&self) {
        let slots: Vec<_> = locked(&self.0).drain().collect();
        for (_, slot) in slots {
            slot.close();
        }
    }

    /// Where the shell is now, if it is open and waits.
    pub(super) fn directory(&self, key: &Key) -> Option<String> {
        let slot = locked(&self.0).get(key).cloned()?;
        let waiting = locked(&slot.0);
        waiting.shell.as_ref()?.directory()
    }

    /// The slot of a shell; if there are too many, the one that was used longest ago gives way.
    pub(super) fn slot(&self, key: Key) -> Result<Arc<Slot>, Failure> {
        let mut slots = locked(&self.0);
        if let Some(slot) = slots.get(&key) {
            return Ok(Arc::clone(slot));
        }
        let mut ended = None;
        slots.retain(|_, slot| !slot.is_empty());
        if slots.len() >= MAX_SHELLS {
            let oldest = slots
                .iter()
                .filter_map(|(key, slot)| Some((slot.waits_since()?, key.clone())))
                .min_by_key(|(since, _)| *since);
            let Some((_, oldest)) = oldest else {
                return Err(Failure::new(format!(
                    "{MAX_SHELLS} shells are at work, and there are no more; wait until one has ended its line"
                )));
            };
            ended = slots.remove(&oldest);
        }
        let slot = Arc::new(Slot::default());
        slots.insert(key, Arc::clone(&slot));
        drop(slots);
        if let Some(slot) = ended {
            slot.close();
        }
        Ok(slot)
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        self.close();
    }
}

impl Slot {
    /// Takes the slot for one call.
    pub(super) fn place(self: &Arc<Self>, name: &str) -> Result<Place, Failure> {
        let mut waiting = locked(&self.0);
        if waiting.closed {
            return Err(Failure::new(format!(
                "the shell `{name}` was just ended; try again. Nothing was run"
            )));
        }
        if std::mem::replace(&mut waiting.busy, true) {
            return Err(Failure::new(format!(
                "the shell `{name}` still runs a line; wait for it, or name another with `session`. Nothing was run"
            )));
        }
        if let Some(idle) = waiting.idle.take() {
            idle.abort();
        }
        drop(waiting);
        Ok(Place {
            slot: Arc::clone(self),
        })
    }

    fn is_empty(&self) -> bool {
        let waiting = locked(&self.0);
        waiting.shell.is_none() && !waiting.busy
    }

    fn waits_since(&self) -> Option<Instant> {
        let waiting = locked(&self.0);
        (!waiting.busy).then_some(waiting.since).flatten()
    }

    fn close(&self) {
        let mut waiting = locked(&self.0);
        waiting.closed = true;
        if let Some(idle) = waiting.idle.take() {
            idle.abort();
        }
        let shell = waiting.shell.take();
        drop(waiting);
        drop(shell);
    }
}

impl Place {
    /// The shell that waits here.
    pub(super) fn take(&mut self) -> Option<Shell> {
        locked(&self.slot.0).shell.take()
    }

    /// Lets the shell wait for its next call.
    pub(super) fn give_back(&mut self, shell: Shell) {
        let mut waiting = locked(&self.slot.0);
        if waiting.closed {
            // Nobody will ask for it: it ends here.
            drop(waiting);
            return;
        }
        waiting.shell = Some(shell);
        waiting.since = Some(Instant::now());
        let slot: Weak<Slot> = Arc::downgrade(&self.slot);
        let idle = tokio::spawn(async move {
            tokio::time::sleep(SHELL_IDLE).await;
            if let Some(slot) = slot.upgrade() {
                let shell = {
                    let mut waiting = locked(&slot.0);
                    waiting.idle = None;
                    waiting.shell.take()
                };
                drop(shell);
            }
        });
        waiting.idle = Some(idle.abort_handle());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        locked(&self.slot.0).busy = false;
    }
}
