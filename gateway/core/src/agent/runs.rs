//! The runs of an agent: those under way, and the last ones that ended.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::run::Run;
use crate::limits::{MAX_CONCURRENT_CALLS, MAX_ENDED_RUNS, MAX_RUNS};

/// Runs that a listener may be behind before it misses one.
const LISTENERS_LAG: usize = 256;

/// Too much is under way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Messages.
    #[error(
        "{MAX_RUNS} messages are being answered already; nothing was started, try again in a moment"
    )]
    Runs,
    /// Tool calls, and the message is one itself (`/run`).
    #[error(
        "{MAX_CONCURRENT_CALLS} tool calls run already; nothing was run, try again in a moment"
    )]
    Calls,
}

#[derive(Default)]
struct All {
    under_way: HashMap<String, Arc<Run>>,
    ended: VecDeque<Arc<Run>>,
}

/// All runs.
pub(super) struct Runs {
    all: Mutex<All>,
    begun: broadcast::Sender<Arc<Run>>,
    count: watch::Sender<usize>,
}

impl Runs {
    pub(super) fn new() -> Self {
        Self {
            all: Mutex::default(),
            begun: broadcast::channel(LISTENERS_LAG).0,
            count: watch::channel(0).0,
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a run that begins.
    pub(super) fn begin(&self, run: &Arc<Run>) -> Result<(), Busy> {
        {
            let mut all = self.all();
            if all.under_way.len() >= MAX_RUNS {
                return Err(Busy::Runs);
            }
            all.under_way.insert(run.id().to_owned(), Arc::clone(run));
            self.count.send_replace(all.under_way.len());
        }
        // Nobody has to listen.
        let _ = self.begun.send(Arc::clone(run));
        Ok(())
    }

    /// Puts a run that has its answer among the ended ones.
    pub(super) fn end(&self, run: &Arc<Run>) {
        let mut all = self.all();
        all.under_way.remove(run.id());
        self.count.send_replace(all.under_way.len());
        all.ended.push_back(Arc::clone(run));
        if all.ended.len() > MAX_ENDED_RUNS {
            all.ended.pop_front();
        }
    }

    /// The run of that id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Run>> {
        let all = self.all();
        let ended = || all.ended.iter().find(|run| run.id() == id);
        all.under_way.get(id).or_else(ended).cloned()
    }

    /// Those under way, the oldest first.
    pub(super) fn under_way(&self) -> Vec<Arc<Run>> {
        let mut runs: Vec<_> = self.all().under_way.values().cloned().collect();
        runs.sort_by(|a, b| a.id().cmp(b.id()));
        runs
    }

    /// How many are under way.
    pub(super) fn number(&self) -> usize {
        *self.count.borrow()
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Run>> {
        self.begun.subscribe()
    }

    /// Waits until none is under way.
    pub(super) async fn rest(&self) {
        // The sender lives in this very struct.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}
