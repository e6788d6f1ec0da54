//! The traces of many calls, made by two threads.

use std::num::NonZero;
use std::sync::LazyLock;
use std::thread::{self, Builder};

use super::{Finished, Judge, MakingError};
use crate::spool::Prepared;

/// So many calls are worth a second thread: making one trace takes tens of microseconds, and so does starting a thread.
const WORTH_A_THREAD: usize = 32;

/// Whether there is a processor for a second thread.
static HAS_ANOTHER: LazyLock<bool> = LazyLock::new(|| {
    thread::available_parallelism().is_ok_and(|count| count > NonZero::<usize>::MIN)
});

impl Judge {
    /// The traces of calls of our own process, in the order of the calls. Few are made here, of many a thread makes one half.
    pub(in crate::desk) fn all_finished(
        &self,
        calls: &[Finished],
    ) -> Result<Vec<Prepared>, MakingError> {
        let make = |calls: &[Finished]| -> Result<Vec<_>, _> {
            calls.iter().map(|call| self.finished(call)).collect()
        };
        if calls.len() < WORTH_A_THREAD || !*HAS_ANOTHER {
            return make(calls);
        }
        let (first, second) = calls.split_at(calls.len() / 2);
        thread::scope(|scope| {
            let helper = Builder::new()
                .name("maker".to_owned())
                .spawn_scoped(scope, || make(second));
            let mut traces = make(first)?;
            let rest = match helper {
                Ok(helper) => helper
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // The system has no thread to give.
                Err(_) => make(second),
            };
            traces.extend(rest?);
            Ok(traces)
        })
    }
}
