//! Which run was begun by which `idempotencyKey`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::agent::{Agent, Run};
use crate::limits::{MAX_ENDED_RUNS, MAX_RUNS};

/// Keys and their runs, the oldest first. More than can be under way, so that only ended ones are forgotten.
#[derive(Default)]
pub(in crate::protocol) struct Asked(Mutex<VecDeque<(String, Arc<Run>)>>);

impl Asked {
    fn all(&self) -> MutexGuard<'_, VecDeque<(String, Arc<Run>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run that `key` began, or what `begin` begins now; true if it is new.
    pub(super) fn begin<E>(
        &self,
        key: &str,
        begin: impl FnOnce() -> Result<Arc<Run>, E>,
    ) -> Result<(Arc<Run>, bool), E> {
        let mut all = self.all();
        if let Some((_, run)) = all.iter().rev().find(|(known, _)| known == key) {
            return Ok((Arc::clone(run), false));
        }
        let run = begin()?;
        all.push_back((key.to_owned(), Arc::clone(&run)));
        if all.len() > MAX_RUNS + MAX_ENDED_RUNS {
            all.pop_front();
        }
        Ok((run, true))
    }

    /// The run that a client calls `id`.
    pub(super) fn find(&self, agent: &Agent, id: &str) -> Option<Arc<Run>> {
        let known = |all: &VecDeque<(String, Arc<Run>)>| {
            let found = all.iter().rev().find(|(key, _)| key == id);
            found.map(|(_, run)| Arc::clone(run))
        };
        known(&self.all()).or_else(|| agent.run(id))
    }

    /// What clients call `run`.
    pub(super) fn name(&self, run: &Run) -> String {
        let all = self.all();
        let found = all.iter().rev().find(|(_, known)| known.id() == run.id());
        found.map_or_else(|| run.id().to_owned(), |(key, _)| key.clone())
    }
}
