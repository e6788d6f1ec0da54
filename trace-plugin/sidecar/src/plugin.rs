//! Recording for a Rust gateway in the same process: [`TracePlugin`] is the hook of its `aap::Gate`.
//!
//! The caller pays for the verdict, and for a refusal's commit. Everything else (masking, committing, pairing) is done by
//! one [`Recorder`] thread, which also takes in the events of foreign agents.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aap::gate::{Hook, Judging, Recording};
use aap::{Decision, Judged, Outcome, Timestamp, ToolCall, TraceId};
use tokio::sync::{Notify, oneshot};

use crate::budget::Budget;
use crate::clock;
use crate::desk::{Desk, Finished, Judge};
use crate::dialect::{Dialect, Reply};
use crate::memory::Memory;
use crate::spool::{DEFAULT_MAX_BYTES, Spool, SpoolError, Use};

mod queue;
mod work;

use queue::Queue;
use work::{Message, Notices, Overrun, Work};

/// Calls that may wait for the recorder. At 1 KB each this is 8 MB; beyond it calls are counted as lost.
const QUEUE: usize = 8192;
/// Calls whose verdict came late that are remembered at a time.
const MAX_LATE: usize = 1024;
/// How long the spool may be held by another process before a write is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The thread that records, and the way to it.
#[derive(Debug)]
pub struct Recorder {
    queue: Queue<Message>,
    finished: Queue<Box<Finished>>,
    asleep: Arc<AtomicBool>,
    lost: Arc<Overrun>,
    recorded: Arc<Notices>,
    judge: Arc<RwLock<Arc<Judge>>>,
    memory: Memory,
    heard: Arc<Mutex<Instant>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Opens the spool at `path` and starts the thread.
    ///
    /// # Errors
    /// [`SpoolError`] when the spool cannot be opened.
    pub fn start(judge: Arc<Judge>, path: PathBuf) -> Result<Arc<Self>, SpoolError> {
        Self::start_bounded(judge, path, DEFAULT_MAX_BYTES)
    }

    /// As [`Self::start`], with a spool that may take `max_bytes` on the disk. A damaged spool is moved aside, and what can be
    /// read of it is taken over.
    ///
    /// # Errors
    /// [`SpoolError`] when the spool cannot be opened.
    pub fn start_bounded(
        judge: Arc<Judge>,
        path: PathBuf,
        max_bytes: u64,
    ) -> Result<Arc<Self>, SpoolError> {
        let agent_id = judge.card().agent_id;
        let spool = Spool::open_repairing(&path, agent_id, PATIENCE, Use::Resident)?;
        let spool = spool.bounded(max_bytes);
        let memory = Memory::of(spool.all_secrets_read()?);
        let mut desk = Desk::new(Arc::clone(&judge), spool);
        let judge = Arc::new(RwLock::new(judge));
        desk.close_questions()?;
        desk.tell_losses()?;
        let (queue, messages) = Queue::of(QUEUE);
        let (finished, calls) = Queue::of(QUEUE);
        let asleep = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(Overrun::default());
        let recorded = Arc::new(Notices::default());
        let heard = Arc::new(Mutex::new(Instant::now()));
        let work = Work {
            desk,
            judge: Arc::clone(&judge),
            calls,
            asleep: Arc::clone(&asleep),
            attentive_until: Instant::now(),
            lost: Arc::clone(&lost),
            recorded: Arc::clone(&recorded),
            sweep_at: None,
            heard: Arc::clone(&heard),
        };
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || work.run(&messages))
            .map_err(|error| SpoolError::NoThread {
                path,
                source: error,
            })?;
        Ok(Arc::new(Self {
            queue,
            finished,
            asleep,
            lost,
            recorded,
            judge,
            memory,
            heard,
            thread: Mutex::new(Some(thread)),
        }))
    }

    /// Told from now on each time that something was recorded, so that it can be shipped: one notice for each who asks for it.
    pub fn recorded(&self) -> Arc<Notify> {
        self.recorded.listen()
    }

    /// The judge of calls from now on.
    pub fn judge(&self) -> Arc<Judge> {
        Arc::clone(&self.judge.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has another judge judge from now on, whose card is then in force. Returns when it does, or when the recorder has stopped.
    pub async fn replace_judge(&self, judge: Judge) {
        let (reply, replaced) = oneshot::channel();
        let message = Message::Judge(Box::new(judge), reply);
        if let Err(error) = self.queue.try_send(message) {
            tracing::warn!(%error, "the judge could not be replaced");
            return;
        }
        let _ = replaced.await;
    }

    /// Hands a foreign agent's hook input over, and waits for the answer. None when the recorder has stopped, and when it comes
    /// to it only after `until`: then nobody waits any more, and it is neither judged nor recorded.
    pub async fn hook(
        &self,
        dialect: Dialect,
        input: Vec<u8>,
        until: Option<Timestamp>,
    ) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Message::Hook(dialect, input, until, reply))
            .ok()?;
        answer.await.ok()
    }

    /// Tells that another process may have recorded something: it is shipped, and calls that it has opened are looked after.
    pub fn look(&self) {
        // A full queue is work enough; what it leads to looks as well.
        let _ = self.queue.try_send(Message::Look);
    }

    /// For how long nothing has been asked of this recorder.
    pub fn quiet_for(&self) -> Duration {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    /// Whether nothing waits: no link for the edge, no call for its end, no person's answer. Also true once it has stopped.
    pub async fn is_idle(&self) -> bool {
        let (reply, idle) = oneshot::channel();
        if self.queue.try_send(Message::IsIdle(reply)).is_err() {
            return false;
        }
        idle.await.unwrap_or(true)
    }

    /// Records everything that was handed over, and stops.
    pub fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .map(|mut thread| thread.take())
            .unwrap_or_default();
        if let Some(thread) = thread {
            // A send fails only when the thread is gone already.
            let _ = self.queue.send(Message::Stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The hook of an `aap::Gate`.
#[derive(Debug, Clone)]
pub struct TracePlugin {
    recorder: Arc<Recorder>,
    budget: Duration,
    /// Calls whose verdict came late, until their trace says so.
    late: Arc<Mutex<HashSet<TraceId>>>,
}

impl TracePlugin {
    /// Records through `recorder`; a verdict may take `budget`, and a refusal's commit as long again.
    pub fn new(recorder: Arc<Recorder>, budget: Duration) -> Self {
        Self {
            recorder,
            budget,
            late: Arc::default(),
        }
    }

    fn judge(&self, call: &ToolCall) -> Judged {
        let budget = Budget::new(Instant::now(), self.budget);
        // Held until the call has its time, see `Work::replace_judge`.
        let shared = &self.recorder.judge;
        let judge = shared.read().unwrap_or_else(PoisonError::into_inner);
        let judgement = judge.judge(call, self.recorder.memory.secrets_read(call));
        let mut verdict = judgement.verdict;
        let late = budget.exceeded();
        if let Some(late) = late {
            let mode = judge.card().autonomy_mode;
            verdict = late.instead_of(&verdict, mode).unwrap_or(verdict);
        }
        verdict.decision = judge.applied(&verdict);
        if verdict.decision == Decision::Allow {
            self.learn(call, judgement.secrets);
        }
        let trace_id = clock::trace_id(clock::now());
        if late.is_some() {
            let mut marked = self.late.lock().unwrap_or_else(PoisonError::into_inner);
            // Of calls that nobody ever finishes, not all are remembered.
            if marked.len() >= MAX_LATE {
                marked.clear();
            }
            marked.insert(trace_id);
        }
        Judged {
            trace_id,
            verdict,
            approval: None,
        }
    }

    /// Whether the verdict on this call came late; told once.
    fn was_late(&self, id: TraceId) -> bool {
        let mut marked = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        !marked.is_empty() && marked.remove(&id)
    }

    /// Remembers what a call that runs reads that is secret, before the next one is judged.
    fn learn(&self, call: &ToolCall, secrets: Vec<String>) {
        if secrets.is_empty() {
            return;
        }
        self.recorder.memory.remember(call, &secrets);
        let learned = Message::Learned(Box::new(call.clone()), secrets);
        if self.recorder.queue.try_send(learned).is_err() {
            tracing::error!("what a session has read will be forgotten when this process ends");
        }
    }

    /// Has what is known of `call` committed, and waits for that no longer than the budget.
    async fn commit(
        &self,
        call: &ToolCall,
        judged: &Judged,
        message: impl FnOnce(Box<Finished>, oneshot::Sender<()>) -> Message,
    ) {
        let refused = judged.verdict.decision == Decision::Deny;
        let finished = Finished {
            call: ToolCall {
                over_budget: call.over_budget || (refused && self.was_late(judged.trace_id)),
                ..call.clone()
            },
            judged: judged.clone(),
            at: time_of(judged.trace_id),
            outcome: None,
        };
        let (reply, committed) = oneshot::channel();
        let message = message(Box::new(finished), reply);
        if self.recorder.queue.try_send(message).is_err() {
            self.recorder
                .lost
                .add(judged.verdict.decision != Decision::Allow);
        } else if tokio::time::timeout(self.budget, committed).await.is_err() {
            tracing::warn!("a commit takes longer than the hook's budget; the verdict stands");
        }
    }
}

impl Hook for TracePlugin {
    fn before<'a>(&'a self, call: &'a ToolCall) -> Judging<'a> {
        let judged = self.judge(call);
        if judged.verdict.decision == Decision::Allow {
            return Box::pin(std::future::ready(judged));
        }
        Box::pin(async move {
            self.commit(call, &judged, Message::Refused).await;
            judged
        })
    }

    fn consider<'a>(&'a self, call: &'a ToolCall) -> Judging<'a> {
        let judged = self.judge(call);
        if judged.verdict.decision == Decision::Allow {
            return Box::pin(std::future::ready(judged));
        }
        Box::pin(async move {
            if judged.verdict.decision == Decision::Ask {
                self.commit(call, &judged, Message::Asking).await;
            } else {
                self.commit(call, &judged, Message::Refused).await;
            }
            judged
        })
    }

    fn approved<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Recording<'a> {
        let recorder = &self.recorder;
        let read = recorder.memory.secrets_read(call);
        self.learn(call, recorder.judge().judge(call, read).secrets);
        Box::pin(self.commit(call, judged, Message::Asking))
    }

    fn declined<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Recording<'a> {
        Box::pin(self.commit(call, judged, Message::Refused))
    }

    fn after(&self, mut call: ToolCall, judged: Judged, outcome: Outcome) {
        call.over_budget |= self.was_late(judged.trace_id);
        let at = time_of(judged.trace_id);
        let finished = Finished {
            call,
            judged,
            at,
            outcome: Some(outcome),
        };
        if self.recorder.finished.try_send(Box::new(finished)).is_err() {
            self.recorder.lost.add(false);
        } else if self.recorder.asleep.swap(false, Ordering::SeqCst) {
            // A full queue means that the recorder is awake.
            let _ = self.recorder.queue.try_send(Message::Wake);
        }
    }
}

/// The time that a version 7 id carries: its first 48 bits, milliseconds.
fn time_of(id: TraceId) -> Timestamp {
    let bits = id.uuid().as_u128() >> 80;
    Timestamp::from_millis(i64::try_from(bits).unwrap_or(0))
}
