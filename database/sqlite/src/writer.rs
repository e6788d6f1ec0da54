//! The one thread that writes: it commits what waits together, and no error ends it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use aap::card::SignedCard;
use aap::wire::StreamHead;
use aap::{Timestamp, ValidBatch};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use trace_store::{Appended, StoreError};

use crate::error::store_error;
use crate::{append, cards};

/// Batches and cards that may wait; whoever comes then waits to be let in.
pub(crate) const QUEUE: usize = 16;
/// Traces of one commit, before the last batch that is let in: what a reader of the log waits for is bounded.
const GROUP_TRACES: usize = 2000;

/// Where the answer to a piece of work goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is asked for.
pub(crate) enum Work {
    Append(Box<ValidBatch>, Timestamp, Reply<Vec<Appended>>),
    Card(Box<SignedCard>, Timestamp, Reply<Vec<StreamHead>>),
    /// Nothing comes after this.
    Close,
}

enum Answer {
    Appended(Vec<Appended>),
    Heads(Vec<StreamHead>),
}

impl Work {
    fn weight(&self) -> usize {
        match self {
            Self::Append(batch, ..) => batch.traces().len(),
            Self::Card(..) | Self::Close => 1,
        }
    }

    fn run(&self, tx: &Connection) -> rusqlite::Result<Answer> {
        match self {
            Self::Append(batch, now, _) => append::append(tx, batch, *now).map(Answer::Appended),
            Self::Card(card, now, _) => cards::put(tx, card, *now).map(Answer::Heads),
            Self::Close => Ok(Answer::Heads(Vec::new())),
        }
    }

    /// Whoever asked may have gone away; what was committed stays committed.
    fn answer(self, answer: Result<Answer, StoreError>) {
        match (self, answer) {
            (Self::Append(.., reply), Ok(Answer::Appended(appended))) => {
                drop(reply.send(Ok(appended)));
            }
            (Self::Append(.., reply), Err(error)) => drop(reply.send(Err(error))),
            (Self::Card(.., reply), Ok(Answer::Heads(heads))) => drop(reply.send(Ok(heads))),
            (Self::Card(.., reply), Err(error)) => drop(reply.send(Err(error))),
            // `run` answers each kind with its own.
            _ => {}
        }
    }
}

/// Why a group was not committed.
struct Failure {
    error: StoreError,
    /// Another process holds the file: waiting once more for each of the group would help nobody.
    busy: bool,
}

/// Owns the connection that writes.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Writer {
    /// Works until it is told to close or nobody is left to ask; then folds the log into the file.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut open = true;
        while open {
            let Some(first) = queue.blocking_recv() else {
                break;
            };
            let mut weight = first.weight();
            let mut group = vec![first];
            while weight < GROUP_TRACES {
                let Ok(next) = queue.try_recv() else { break };
                weight += next.weight();
                group.push(next);
            }
            if let Some(end) = group.iter().position(|work| matches!(work, Work::Close)) {
                // What came after it is dropped, and told so by the loss of its reply.
                group.truncate(end);
                open = false;
            }
            self.group(group);
        }
        queue.close();
        self.close();
    }

    fn group(&mut self, group: Vec<Work>) {
        if group.is_empty() {
            return;
        }
        let started = Instant::now();
        match self.commit(&group) {
            Ok(answers) => {
                metrics::histogram!("smoltbot_store_commit_seconds").record(started.elapsed());
                for (work, answer) in group.into_iter().zip(answers) {
                    work.answer(Ok(answer));
                }
            }
            Err(failure) if group.len() > 1 && !failure.busy => {
                // One of them fails, or there is no room for all: each alone gets its own answer.
                for work in group {
                    self.group(vec![work]);
                }
            }
            Err(Failure { error, .. }) => {
                tracing::warn!(%error, "a batch was not stored");
                for work in group {
                    work.answer(Err(copy(&error)));
                }
            }
        }
    }

    /// All of `group` in one transaction, or nothing of it.
    fn commit(&mut self, group: &[Work]) -> Result<Vec<Answer>, Failure> {
        let path: &Path = &self.path;
        let connection = &mut self.connection;
        // A panic is a defect of one piece of work: it must not take the writer along. Unwinding rolls back.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answers = group
                .iter()
                .map(|work| work.run(&tx))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            tx.commit()?;
            Ok(answers)
        }));
        match outcome {
            Ok(answers) => answers.map_err(|error| Failure {
                error: store_error(path, &error),
                busy: error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy),
            }),
            Err(_) => Err(Failure {
                error: StoreError::Failed(format!(
                    "{}: writing panicked; nothing of this batch was stored",
                    path.display()
                )),
                busy: false,
            }),
        }
    }

    fn close(self) {
        let folded = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            // The log stays and is read at the next start; nothing is lost.
            tracing::debug!(%error, "the log was not folded into the file");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::debug!(%error, "the file was not closed");
        }
    }
}

fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        other => StoreError::Failed(other.to_string()),
    }
}
