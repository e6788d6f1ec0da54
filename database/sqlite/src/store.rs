//! The store itself: it hands questions to the readers and work to the writer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use aap::card::SignedCard;
use aap::{AgentId, StreamId, Timestamp, TraceId, ValidBatch};
use tokio::sync::{mpsc, oneshot};
use trace_store::{
    ActiveAgent, AgentRow, Appended, CardRow, CardTaken, CardVersion, Cursor, Equivocation, Facets,
    Filter, LinkRow, Longest, Page, PageRequest, Receipt, SessionRow, SlimCall, Stats, StoreError,
    StreamRow, TraceDetail, TraceReader, TraceRow, TraceWriter,
};

use crate::error::{closed, store_error};
use crate::readers::{Fault, Readers};
use crate::writer::{QUEUE, Work, Writer};
use crate::{active, agents, cards, list, open, slim, stats};

/// How a file is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Bytes that the file may grow to, in whole pages of 4 KiB; without end when not given. What does not fit is refused
    /// as [`StoreError::Unavailable`].
    pub max_bytes: Option<u64>,
}

/// Traces in one SQLite file. Clones share it; the last one to go waits for the writer and closes the file.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// None once the store is being dropped.
    queue: Option<mpsc::Sender<Work>>,
    readers: Readers,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the file, makes it where there is none, and brings an older schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Schema`] for a newer schema, which stays untouched; [`StoreError::Unavailable`] when the file cannot be
    /// opened or written; [`StoreError::Failed`] when it is damaged or another program's. Each names the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Options::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: &Path, options: Options) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent().filter(|parent| *parent != Path::new(""))
            && !parent.is_dir()
        {
            return Err(StoreError::Unavailable(format!(
                "{} cannot be made: {} is no directory; make it first",
                path.display(),
                parent.display()
            )));
        }
        let connection = open::writer(path)?;
        if let Some(bytes) = options.max_bytes {
            let pages = i64::try_from(bytes / 4096).unwrap_or(i64::MAX);
            connection
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
                .map_err(|error| store_error(path, &error))?;
        }
        // Readers must find the file even when the process goes to another directory.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (queue, work) = mpsc::channel(QUEUE);
        let writer = Writer {
            connection,
            path: path.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("trace-writer".to_owned())
            .spawn(move || writer.run(work))
            .map_err(|error| {
                StoreError::Unavailable(format!("no thread to write with: {error}"))
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                readers: Readers::new(path.clone()),
                path,
                queue: Some(queue),
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Finishes what was handed in before, folds the log into the file and closes it. All clones are closed with it: later
    /// calls are answered with [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.inner.readers.close().await;
        if let Some(queue) = &self.inner.queue {
            // An error means that it is closed already.
            let _ = queue.send(Work::Close).await;
        }
        if let Some(thread) = self.inner.take_thread() {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn work<T>(
        &self,
        work: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Work,
    ) -> Result<T, StoreError> {
        let gone = || closed(&self.inner.path);
        let (reply, answer) = oneshot::channel();
        let queue = self.inner.queue.as_ref().ok_or_else(gone)?;
        queue.send(work(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.readers.ask(question).await
    }
}

impl Inner {
    fn take_thread(&self) -> Option<JoinHandle<()>> {
        // A handle is there or not, whatever happened to a holder of the lock.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.take_thread() {
            // The writer does not panic: it catches what does.
            let _ = thread.join();
        }
    }
}

impl TraceWriter for SqliteStore {
    /// The network is not kept: whoever can read the file can read all of it.
    async fn append(
        &self,
        batch: ValidBatch,
        receipt: impl Into<Receipt> + Send,
    ) -> Result<Vec<Appended>, StoreError> {
        let now = receipt.into().at;
        if batch.traces().is_empty() {
            return Ok(Vec::new());
        }
        self.work(|reply| Work::Append(Box::new(batch), now, reply))
            .await
    }

    async fn put_card(&self, card: SignedCard, now: Timestamp) -> Result<CardTaken, StoreError> {
        let heads = self.work(|reply| Work::Card(Box::new(card), now, reply));
        heads.await.map(CardTaken::stored)
    }
}

impl TraceReader for SqliteStore {
    async fn traces(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceRow>, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| list::traces(tx, &filter, page)).await
    }

    async fn documents(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<TraceDetail>, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| list::documents(tx, &filter, page)).await
    }

    async fn received_after(
        &self,
        position: i64,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<TraceRow>, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| list::received_after(tx, position, &filter, limit))
            .await
    }

    async fn last_position(&self) -> Result<i64, StoreError> {
        self.ask(|tx| Ok(list::last_position(tx)?)).await
    }

    async fn trace(&self, id: TraceId) -> Result<Option<TraceDetail>, StoreError> {
        self.ask(move |tx| Ok(list::trace(tx, id)?)).await
    }

    async fn agent(&self, id: AgentId) -> Result<Option<AgentRow>, StoreError> {
        self.ask(move |tx| Ok(agents::agent(tx, id)?)).await
    }

    async fn agents(&self, limit: u32) -> Result<Vec<AgentRow>, StoreError> {
        self.ask(move |tx| Ok(agents::agents(tx, limit)?)).await
    }

    async fn card(&self, agent: AgentId) -> Result<Option<CardRow>, StoreError> {
        self.ask(move |tx| Ok(cards::card(tx, agent, None)?)).await
    }

    async fn card_versions(
        &self,
        agent: AgentId,
        limit: u32,
    ) -> Result<Vec<CardVersion>, StoreError> {
        self.ask(move |tx| Ok(cards::versions(tx, agent, limit)?))
            .await
    }

    async fn card_version(
        &self,
        agent: AgentId,
        card_id: &str,
    ) -> Result<Option<CardRow>, StoreError> {
        let card_id = card_id.to_owned();
        self.ask(move |tx| Ok(cards::card(tx, agent, Some(&card_id))?))
            .await
    }

    async fn cards_named(&self, card_id: &str, limit: u32) -> Result<Vec<CardRow>, StoreError> {
        let card_id = card_id.to_owned();
        self.ask(move |tx| Ok(cards::named(tx, &card_id, limit)?))
            .await
    }

    async fn sessions(&self, agent: AgentId, limit: u32) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(move |tx| Ok(agents::sessions(tx, agent, limit)?))
            .await
    }

    async fn streams(&self, agent: AgentId) -> Result<Vec<StreamRow>, StoreError> {
        self.ask(move |tx| Ok(agents::streams(tx, agent)?)).await
    }

    async fn equivocations(&self, agent: AgentId) -> Result<Vec<Equivocation>, StoreError> {
        self.ask(move |tx| Ok(agents::equivocations(tx, agent)?))
            .await
    }

    async fn stats(
        &self,
        filter: &Filter,
        bucket_ms: i64,
        now: Timestamp,
    ) -> Result<Stats, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| stats::stats(tx, &filter, bucket_ms, now))
            .await
    }

    async fn most_active(
        &self,
        filter: &Filter,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ActiveAgent>, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| active::most_active(tx, &filter, limit, now))
            .await
    }

    async fn facets(&self, filter: &Filter, now: Timestamp) -> Result<Facets, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| slim::facets(tx, &filter, now)).await
    }

    async fn longest(&self, filter: &Filter, limit: u32) -> Result<Longest, StoreError> {
        let filter = filter.clone();
        self.ask(move |tx| slim::longest(tx, &filter, limit)).await
    }

    async fn session_calls(
        &self,
        agent: AgentId,
        session: &str,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<Page<SlimCall>, StoreError> {
        let session = session.to_owned();
        self.ask(move |tx| slim::session_calls(tx, agent, &session, after, limit))
            .await
    }

    async fn links(
        &self,
        agent: AgentId,
        stream: StreamId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<LinkRow>, StoreError> {
        self.ask(move |tx| Ok(slim::links(tx, agent, stream, after_seq, limit)?))
            .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let writing = self
            .inner
            .queue
            .as_ref()
            .is_some_and(|queue| !queue.is_closed());
        if !writing {
            return Err(closed(&self.inner.path));
        }
        self.ask(|tx| Ok(tx.query_row("SELECT 1", [], |_| Ok(()))?))
            .await
    }
}
