//! Recording for a Rust gateway in the same process: [`TracePlugin`] is the hook of its `aap::Gate`.
//!
//! The caller pays for the verdict, and for a refusal's commit. Everything else (masking, committing, pairing) is done by
//! one [`Recorder`] thread, which also takes in the events of foreign agents.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aap::gate::{Hook, Judging, Recording};
use aap::{Decision, Judged, Outcome, Timestamp, ToolCall, TraceId};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::desk::{Desk, Finished, Judge};
use crate::dialect::{Dialect, Reply};
use crate::hook;
use crate::memory::Memory;
use crate::spool::{Spool, SpoolError, Use};

/// Calls that may wait for the recorder. At 1 KB each this is 8 MB; beyond it calls are counted as lost.
const QUEUE: usize = 8192;
/// How long a finished call may wait for others to be committed with it.
const GROUP: Duration = Duration::from_millis(3);
/// Most calls of one commit.
const GROUP_CALLS: usize = 256;
/// How long after a finished call the recorder looks for the next one by itself. Meanwhile handing one over costs its
/// caller no system call; after that the first one has to wake the recorder.
const ATTENTIVE: Duration = Duration::from_millis(500);
/// How often calls without an end are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// How long the spool may be held by another process before a write is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is not put off.
enum Message {
    /// There are finished calls, and the recorder is asleep.
    Wake,
    Refused(Box<Finished>, oneshot::Sender<()>),
    /// A person is about to be asked about a call, or has just approved it.
    Asking(Box<Finished>, oneshot::Sender<()>),
    /// A call that runs reads this, which is secret.
    Learned(Box<ToolCall>, Vec<String>),
    Hook(Dialect, Vec<u8>, oneshot::Sender<Reply>),
    /// Another card is in force from now on.
    Judge(Box<Judge>, oneshot::Sender<()>),
    Stop,
}

/// The thread that records, and the way to it.
#[derive(Debug)]
pub struct Recorder {
    queue: Sender<Message>,
    finished: Sender<Box<Finished>>,
    asleep: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    recorded: Arc<Notify>,
    judge: Arc<RwLock<Arc<Judge>>>,
    memory: Memory,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Opens the spool at `path` and starts the thread.
    ///
    /// # Errors
    /// [`SpoolError`] when the spool cannot be opened.
    pub fn start(judge: Arc<Judge>, path: PathBuf) -> Result<Arc<Self>, SpoolError> {
        let spool = Spool::open(&path, judge.card().agent_id, PATIENCE, Use::Resident)?;
        let memory = Memory::of(spool.all_secrets_read()?);
        let mut desk = Desk::new(Arc::clone(&judge), spool);
        let judge = Arc::new(RwLock::new(judge));
        desk.close_questions()?;
        let (queue, messages) = bounded(QUEUE);
        let (finished, calls) = bounded(QUEUE);
        let asleep = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicU64::new(0));
        let recorded = Arc::new(Notify::new());
        let work = Work {
            desk,
            judge: Arc::clone(&judge),
            calls,
            asleep: Arc::clone(&asleep),
            attentive_until: Instant::now(),
            lost: Arc::clone(&lost),
            recorded: Arc::clone(&recorded),
            swept: Instant::now(),
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
            thread: std::sync::Mutex::new(Some(thread)),
        }))
    }

    /// Told each time that something was recorded, so that it can be shipped.
    pub fn recorded(&self) -> Arc<Notify> {
        Arc::clone(&self.recorded)
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

    /// Hands a foreign agent's hook input over, and waits for the answer. None when the recorder has stopped.
    pub async fn hook(&self, dialect: Dialect, input: Vec<u8>) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Message::Hook(dialect, input, reply))
            .ok()?;
        answer.await.ok()
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

struct Work {
    desk: Desk,
    judge: Arc<RwLock<Arc<Judge>>>,
    calls: Receiver<Box<Finished>>,
    asleep: Arc<AtomicBool>,
    attentive_until: Instant,
    lost: Arc<AtomicU64>,
    recorded: Arc<Notify>,
    swept: Instant,
}

impl Work {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = messages.recv_timeout(self.pause());
            self.asleep.store(false, Ordering::SeqCst);
            let mut group = self.drain();
            match message {
                Ok(Message::Refused(finished, reply)) => {
                    group.push(*finished);
                    self.commit(&mut group);
                    // Nobody waits when the caller was cancelled.
                    let _ = reply.send(());
                }
                Ok(Message::Hook(dialect, input, reply)) => {
                    let answer = hook::run(&mut self.desk, dialect, &input);
                    let _ = reply.send(answer);
                    self.recorded.notify_one();
                }
                Ok(Message::Asking(question, reply)) => {
                    if let Err(error) = self.desk.asking(&question) {
                        tracing::error!(%error, "a question to a person is put, and will be forgotten if this process ends before its answer");
                    }
                    let _ = reply.send(());
                }
                Ok(Message::Learned(call, secrets)) => {
                    if let Err(error) = self.desk.learned(&call, &secrets) {
                        tracing::error!(%error, "what a session has read will be forgotten when this process ends");
                    }
                }
                Ok(Message::Judge(judge, reply)) => {
                    self.replace_judge(*judge);
                    let _ = reply.send(());
                }
                Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    while !group.is_empty() {
                        self.commit(&mut group);
                        group = self.drain();
                    }
                    return;
                }
            }
            self.commit(&mut group);
            if self.swept.elapsed() >= SWEEP_EVERY {
                self.sweep();
            }
        }
    }

    /// Nobody judges meanwhile, and the time moves on by more than a millisecond: so a call's time tells which judge it had.
    fn replace_judge(&mut self, judge: Judge) {
        let mut shared = self.judge.write().unwrap_or_else(PoisonError::into_inner);
        let since = Timestamp::from_millis(clock::now().millis() + 1);
        std::thread::sleep(Duration::from_millis(2));
        let judge = Arc::new(judge.replacing(&shared, since));
        self.desk.replace_judge(Arc::clone(&judge));
        *shared = judge;
    }

    /// How long to wait for a message: a group's time while calls come, else until it is time to sweep.
    fn pause(&self) -> Duration {
        if Instant::now() < self.attentive_until {
            return GROUP;
        }
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever handed a call over before that was set has not woken us.
        if self.calls.is_empty() {
            SWEEP_EVERY
        } else {
            Duration::ZERO
        }
    }

    /// The calls that have gathered, at most as many as one commit takes.
    fn drain(&mut self) -> Vec<Finished> {
        let group: Vec<_> = self
            .calls
            .try_iter()
            .take(GROUP_CALLS)
            .map(|call| *call)
            .collect();
        if !group.is_empty() {
            self.attentive_until = Instant::now() + ATTENTIVE;
        }
        group
    }

    fn commit(&mut self, group: &mut Vec<Finished>) {
        if group.is_empty() {
            return;
        }
        match self.desk.finished(group) {
            Ok(()) => self.recorded.notify_one(),
            Err(error) => {
                tracing::error!(%error, calls = group.len(), "calls were judged but not recorded");
                self.lost.fetch_add(group.len() as u64, Ordering::Relaxed);
            }
        }
        group.clear();
    }

    fn sweep(&mut self) {
        self.swept = Instant::now();
        match self.desk.sweep(clock::now()) {
            Ok(0) => {}
            Ok(_) => self.recorded.notify_one(),
            Err(error) => tracing::warn!(%error, "could not look for calls without an end"),
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && self.desk.count_dropped(lost).is_err() {
            // To be written down when the spool can be written again.
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

/// The hook of an `aap::Gate`.
#[derive(Debug, Clone)]
pub struct TracePlugin {
    recorder: Arc<Recorder>,
    budget: Duration,
}

impl TracePlugin {
    /// Records through `recorder`; waits at most `budget` for a refusal's commit.
    pub fn new(recorder: Arc<Recorder>, budget: Duration) -> Self {
        Self { recorder, budget }
    }

    fn judge(&self, call: &ToolCall) -> Judged {
        // Held until the call has its time, see `Work::replace_judge`.
        let shared = &self.recorder.judge;
        let judge = shared.read().unwrap_or_else(PoisonError::into_inner);
        let judgement = judge.judge(call, self.recorder.memory.secrets_read(call));
        let mut verdict = judgement.verdict;
        verdict.decision = judge.applied(&verdict);
        if verdict.decision == Decision::Allow {
            self.learn(call, judgement.secrets);
        }
        Judged {
            trace_id: clock::trace_id(clock::now()),
            verdict,
            approval: None,
        }
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
        let finished = Finished {
            call: call.clone(),
            judged: judged.clone(),
            at: time_of(judged.trace_id),
            outcome: None,
        };
        let (reply, committed) = oneshot::channel();
        let message = message(Box::new(finished), reply);
        if self.recorder.queue.try_send(message).is_err() {
            self.recorder.lost.fetch_add(1, Ordering::Relaxed);
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

    fn after(&self, call: ToolCall, judged: Judged, outcome: Outcome) {
        let at = time_of(judged.trace_id);
        let finished = Finished {
            call,
            judged,
            at,
            outcome: Some(outcome),
        };
        match self.recorder.finished.try_send(Box::new(finished)) {
            Ok(()) => {
                if self.recorder.asleep.swap(false, Ordering::SeqCst) {
                    // A full queue means that the recorder is awake.
                    let _ = self.recorder.queue.try_send(Message::Wake);
                }
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.recorder.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The time that a version 7 id carries: its first 48 bits, milliseconds.
fn time_of(id: TraceId) -> Timestamp {
    let bits = id.uuid().as_u128() >> 80;
    Timestamp::from_millis(i64::try_from(bits).unwrap_or(0))
}
