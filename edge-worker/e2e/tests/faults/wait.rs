//! Waiting for something to become true.

use std::time::{Duration, Instant};

/// How long anything here may take that has no time of its own: a slow machine under a whole test run.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// The same with a patience of its own.
pub(crate) async fn within<T>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begun.elapsed() < patience,
            "not within {patience:?}: {what}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Runs what blocks, while other tasks go on.
pub(crate) fn block<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}
