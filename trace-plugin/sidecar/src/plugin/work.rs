//! The thread that records: what comes is committed, what has no end is given up, and between the two it sleeps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aap::{Timestamp, ToolCall};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::desk::{Desk, Finished, Judge, ORPHAN_AFTER};
use crate::dialect::{Dialect, Reply};
use crate::hook;
use crate::spool::Loss;

/// How long a finished call may wait for others to be committed with it.
const GROUP: Duration = Duration::from_millis(3);
/// Most calls of one commit.
const GROUP_CALLS: usize = 256;
/// How long after a finished call the recorder looks for the next one by itself. Meanwhile handing one over costs its
/// caller no system call; after that the first one has to wake the recorder.
const ATTENTIVE: Duration = Duration::from_millis(500);
/// Calls without an end are looked for no more often than this, also when many are due one after another.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// However far off the next one seems, for clocks are turned.
const SWEEP_AT_LATEST: Duration = Duration::from_mins(10);
/// After the spool could not be asked.
const SWEEP_AGAIN: Duration = Duration::from_secs(30);

/// What is not put off.
pub(super) enum Message {
    /// There are finished calls, and the recorder is asleep.
    Wake,
    Refused(Box<Finished>, oneshot::Sender<()>),
    /// A person is about to be asked about a call, or has just approved it.
    Asking(Box<Finished>, oneshot::Sender<()>),
    /// A call that runs reads this, which is secret.
    Learned(Box<ToolCall>, Vec<String>),
    /// A hook's input, and until when its answer is waited for.
    Hook(Dialect, Vec<u8>, Option<Timestamp>, oneshot::Sender<Reply>),
    /// Another card is in force from now on.
    Judge(Box<Judge>, oneshot::Sender<()>),
    /// Another process may have recorded something.
    Look,
    /// Whether nothing waits.
    IsIdle(oneshot::Sender<bool>),
    Stop,
}

/// Calls that came faster than they could be handed over.
#[derive(Debug, Default)]
pub(super) struct Overrun {
    calls: AtomicU64,
    refusals: AtomicU64,
}

impl Overrun {
    pub(super) fn add(&self, refused: bool) {
        let count = if refused { &self.refusals } else { &self.calls };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn is_some(&self) -> bool {
        self.calls.load(Ordering::Relaxed) + self.refusals.load(Ordering::Relaxed) > 0
    }

    fn take(&self) -> Loss {
        Loss {
            calls: self.calls.swap(0, Ordering::Relaxed),
            refusals: self.refusals.swap(0, Ordering::Relaxed),
            contents: 0,
        }
    }
}

/// Tells each who listens that something was recorded; who is busy meanwhile is told once when they ask.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<Vec<Arc<Notify>>>);

impl Notices {
    /// A notice of one's own.
    pub(super) fn listen(&self) -> Arc<Notify> {
        let notice = Arc::new(Notify::new());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&notice));
        notice
    }

    fn tell(&self) {
        for notice in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            notice.notify_one();
        }
    }
}

/// The thread's own.
pub(super) struct Work {
    pub(super) desk: Desk,
    pub(super) judge: Arc<RwLock<Arc<Judge>>>,
    pub(super) calls: Receiver<Box<Finished>>,
    pub(super) asleep: Arc<AtomicBool>,
    pub(super) attentive_until: Instant,
    pub(super) lost: Arc<Overrun>,
    pub(super) recorded: Arc<Notices>,
    /// When calls without an end are looked for; never, while there is none that could be given up.
    pub(super) sweep_at: Option<Instant>,
    pub(super) heard: Arc<Mutex<Instant>>,
}

impl Work {
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        self.sweep();
        loop {
            let message = match self.pause() {
                Some(pause) => messages.recv_timeout(pause),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            self.asleep.store(false, Ordering::SeqCst);
            let mut group = self.drain();
            if !matches!(
                message,
                Ok(Message::Look | Message::IsIdle(_)) | Err(RecvTimeoutError::Timeout)
            ) {
                self.hear();
            }
            match message {
                Ok(Message::Refused(finished, reply)) => {
                    group.push(*finished);
                    self.commit(&mut group);
                    // Nobody waits when the caller was cancelled.
                    let _ = reply.send(());
                }
                Ok(Message::Hook(_, _, Some(until), _)) if clock::now() > until => {
                    tracing::debug!("a call was asked about too long ago; its hook has judged it");
                }
                Ok(Message::Hook(dialect, input, _, reply)) => {
                    let answer = hook::run(&mut self.desk, dialect, &input);
                    let _ = reply.send(answer);
                    if self.desk.has_recorded() {
                        self.recorded.tell();
                    }
                    // It may have opened a call.
                    self.sweep_within(ORPHAN_AFTER);
                }
                Ok(Message::Look) => {
                    // Another process may have recorded, and opened a call.
                    self.recorded.tell();
                    self.sweep_when_due();
                }
                Ok(Message::IsIdle(reply)) => {
                    let _ = reply.send(self.is_idle());
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
            if self.lost.is_some() || self.desk.owes() {
                self.sweep_within(SWEEP_EVERY);
            }
            if self.sweep_at.is_some_and(|at| at <= Instant::now()) {
                self.sweep();
            }
        }
    }

    fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nothing waits: no link for the edge, no call for its end, no person's answer.
    fn is_idle(&mut self) -> bool {
        self.calls.is_empty()
            && !self.lost.is_some()
            && !self.desk.owes()
            && self.desk.is_idle().unwrap_or(false)
    }

    fn sweep_within(&mut self, time: Duration) {
        let at = Instant::now() + time;
        self.sweep_at = Some(self.sweep_at.map_or(at, |before| before.min(at)));
    }

    /// Sets the clock for the next call that may be given up.
    fn sweep_when_due(&mut self) {
        let now = clock::now().millis();
        self.sweep_at = match self.desk.next_given_up() {
            Ok(None) => None,
            Ok(Some(due)) => {
                let left = Duration::from_millis(u64::try_from(due.millis() - now).unwrap_or(0));
                Some(Instant::now() + left.clamp(SWEEP_EVERY, SWEEP_AT_LATEST))
            }
            Err(error) => {
                tracing::warn!(%error, "could not look for calls without an end");
                Some(Instant::now() + SWEEP_AGAIN)
            }
        };
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

    /// How long to wait for a message: a group's time while calls come, else until it is time to sweep, else for good.
    fn pause(&self) -> Option<Duration> {
        let now = Instant::now();
        if now < self.attentive_until {
            return Some(GROUP);
        }
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever handed a call over before that was set has not woken us.
        if !self.calls.is_empty() {
            return Some(Duration::ZERO);
        }
        self.sweep_at.map(|at| at.saturating_duration_since(now))
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
            Ok(()) => self.recorded.tell(),
            Err(error) => {
                tracing::error!(%error, calls = group.len(), "calls were judged but not recorded");
                let lost = group.iter().fold(Loss::default(), |all, call| {
                    all + Loss::one(call.outcome.is_none())
                });
                self.desk.count_lost(&error, lost);
            }
        }
        group.clear();
    }

    fn sweep(&mut self) {
        match self.desk.sweep(clock::now()) {
            Ok(0) => {}
            Ok(_) => self.recorded.tell(),
            Err(error) => tracing::warn!(%error, "could not look for calls without an end"),
        }
        self.sweep_when_due();
        let lost = self.lost.take();
        if !lost.is_nothing() {
            self.desk.count_overrun(lost);
        }
        if self.desk.owes() {
            match self.desk.tell_losses() {
                Ok(()) => self.recorded.tell(),
                Err(error) => tracing::warn!(%error, "what was lost cannot be told yet"),
            }
        }
    }
}
