//! A point at which an answer waits for its test.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds an answer until it is opened. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everything that waits or will wait go on.
    pub fn open(&self) {
        self.0.close();
    }

    pub(crate) async fn pass(&self) {
        // Nobody ever adds a permit: it ends when the gate is opened.
        let _ = self.0.acquire().await;
    }
}
