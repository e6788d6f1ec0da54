//! A few connections that only read, opened when they are first needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction};
use tokio::sync::Semaphore;
use trace_store::StoreError;

use crate::error::{closed, store_error};
use crate::open;

/// Readers at work at once; others wait.
const READERS: usize = 4;

#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<Path>,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            permits: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
        }
    }

    /// Answers a question from one state of the store: all its queries see the same commits.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| closed(&self.path))?;
        let this = self.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = this.answer(question);
            drop(permit);
            answer
        });
        match answer.await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Failed(format!("reading broke off: {error}"))),
        }
    }

    fn answer<T>(
        &self,
        question: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let fail = |fault| match fault {
            Fault::Sqlite(error) => store_error(&self.path, &error),
            Fault::Asked(text) => StoreError::Failed(text),
        };
        let idle = self.lock().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path).map_err(|error| fail(error.into()))?,
        };
        let answer = connection
            .transaction()
            .map_err(Fault::from)
            .and_then(|tx| question(&tx))
            .map_err(fail)?;
        // A connection that failed is not kept.
        self.lock().push(connection);
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is whole whatever happened to a holder of the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody in any more and waits for those who are.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        if let Ok(permits) = self.permits.acquire_many(all).await {
            self.permits.close();
            drop(permits);
        }
        self.lock().clear();
    }
}

/// Why a question was not answered.
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    /// It asks for something that cannot be.
    Asked(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
