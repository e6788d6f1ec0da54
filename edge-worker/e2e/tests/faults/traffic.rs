//! A stream of batches from several senders, each of which does what a sidecar does: what is not acknowledged is sent
//! again until it is, and now and then something is sent again that was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::host::Address;
use crate::random::Random;
use crate::wait::PATIENCE;
use edge_e2e::{Agent, Answer, Client, Oracle, flat_of, unproven_agent};

/// How long an answer may take: less than a sidecar waits (`SMOLTBOT_TIMEOUT`).
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Traces of one batch at most.
const MOST: usize = 25;
/// One batch in so many is sent again although it was acknowledged.
const REPLAY_ONE_IN: usize = 4;
/// How long a sender waits before it tries again.
const PACE: Duration = Duration::from_millis(50);
/// How long it waits after a batch that was queued: a queue takes all it is given, and a few batches are enough.
const QUEUE_PACE: Duration = Duration::from_millis(500);

/// What happened to a sender's requests.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Answers that acknowledged with the commit done.
    pub(crate) stored: usize,
    /// Answers that acknowledged by the queue.
    pub(crate) queued: usize,
    /// Answers that said: later.
    pub(crate) later: usize,
    /// Requests without an answer.
    pub(crate) broken: usize,
}

/// What an answer to a batch may be while things break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every trace is stored, or was.
    Stored,
    /// Every trace is taken, some by the queue.
    Queued,
    /// Nothing was, and the client is told when to send it again.
    Later,
}

/// Reads an answer; fails at any other than these.
#[track_caller]
pub(crate) fn judge(answer: &Answer) -> Outcome {
    match answer.status.as_u16() {
        201 | 202 => {
            let statuses = answer.statuses();
            let known = ["stored", "duplicate", "queued"];
            assert!(
                statuses.iter().all(|status| known.contains(status)),
                "{}",
                answer.text
            );
            if statuses.contains(&"queued") {
                Outcome::Queued
            } else {
                Outcome::Stored
            }
        }
        503 => {
            unavailable(answer);
            Outcome::Later
        }
        other => panic!("{other}: {}", answer.text),
    }
}

/// Checks that a 503 says what to do and when.
#[track_caller]
pub(crate) fn unavailable(answer: &Answer) {
    let detail = answer.problem(503);
    assert!(detail.contains("send it again"), "{detail}");
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!(wait >= 1, "{wait}");
}

/// Senders at work.
pub(crate) struct Traffic {
    senders: Vec<(JoinHandle<Oracle>, watch::Receiver<Tally>)>,
    edge: watch::Sender<Address>,
    stop: Arc<AtomicBool>,
}

impl Traffic {
    /// Starts `count` senders, every second one without a key. With `breaks` they bear requests without an answer.
    pub(crate) fn start(edge: &Address, count: usize, breaks: bool, random: &mut Random) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (edge, asked) = watch::channel(edge.clone());
        let senders = (0..count).map(|number| {
            let (tally, told) = watch::channel(Tally::default());
            let client = asked.borrow().client();
            let sender = Sender {
                source: Source::new(number % 2 == 0),
                edge: asked.clone(),
                client,
                stop: Arc::clone(&stop),
                tally,
                breaks,
                random: random.fork(),
                oracle: Oracle::default(),
            };
            (tokio::spawn(sender.run()), told)
        });
        Self {
            senders: senders.collect(),
            edge,
            stop,
        }
    }

    /// The edge has moved.
    pub(crate) fn goes_to(&self, edge: &Address) {
        self.edge.send_replace(edge.clone());
    }

    /// Waits until each sender has met something since now.
    pub(crate) async fn each(&mut self, what: &str, met: impl Fn(&Tally, &Tally) -> bool) {
        for (task, tally) in &mut self.senders {
            let before = *tally.borrow();
            let waiting = tally.wait_for(|now| met(&before, now));
            let in_time = timeout(PATIENCE, waiting).await;
            let Ok(seen) = in_time else {
                panic!("a sender has not met within {PATIENCE:?}: {what}; {before:?}");
            };
            if seen.is_err() {
                // It has ended, which none does by itself: its panic tells why.
                task.await.expect("a sender");
                unreachable!("a sender ended");
            }
        }
    }

    /// Waits until each sender has `count` more batches acknowledged as stored.
    pub(crate) async fn each_stores(&mut self, count: usize) {
        let met = |before: &Tally, now: &Tally| now.stored >= before.stored + count;
        self.each("batches are stored", met).await;
    }

    /// Waits until each sender was told to wait, or was queued, `count` times.
    pub(crate) async fn each_is_put_off(&mut self, count: usize) {
        let met = |before: &Tally, now: &Tally| {
            now.later + now.queued >= before.later + before.queued + count
        };
        self.each("batches are put off", met).await;
    }

    /// Lets every sender end its last batch; what they sent and were told.
    pub(crate) async fn stop(self) -> Vec<Oracle> {
        self.stop.store(true, Ordering::Relaxed);
        let mut oracles = Vec::new();
        for (task, _) in self.senders {
            let ended = timeout(PATIENCE, task).await;
            let ended = ended.expect("the last batch of each is taken in time");
            oracles.push(ended.expect("a sender"));
        }
        oracles
    }
}

/// Where a sender's traces come from.
enum Source {
    Signed(Box<Agent>),
    Flat(aap::AgentId),
}

impl Source {
    fn new(signs: bool) -> Self {
        if signs {
            Self::Signed(Box::new(Agent::new()))
        } else {
            Self::Flat(unproven_agent())
        }
    }

    fn batch(&mut self, count: usize) -> Vec<u8> {
        match self {
            Self::Signed(agent) => agent.batch(count),
            Self::Flat(agent) => {
                let traces: Vec<_> = (0..count).map(|_| flat_of(*agent)).collect();
                json!({ "batch": traces }).to_string().into_bytes()
            }
        }
    }
}

struct Sender {
    source: Source,
    edge: watch::Receiver<Address>,
    client: Client,
    stop: Arc<AtomicBool>,
    tally: watch::Sender<Tally>,
    breaks: bool,
    random: Random,
    oracle: Oracle,
}

impl Sender {
    async fn run(mut self) -> Oracle {
        while !self.stop.load(Ordering::Relaxed) {
            let count = self.random.below(MOST) + 1;
            let body = self.source.batch(count);
            self.oracle.sending(&body);
            while !self.sent(&body).await {
                tokio::time::sleep(PACE).await;
            }
            if self.random.below(REPLAY_ONE_IN) == 0 {
                self.sent(&body).await;
            }
        }
        self.oracle
    }

    /// Sends a body once; whether it was taken.
    async fn sent(&mut self, body: &[u8]) -> bool {
        if self.edge.has_changed().unwrap_or(false) {
            self.client = self.edge.borrow_and_update().client();
        }
        let answer = timeout(ANSWER_WITHIN, self.client.try_submit(body.to_vec())).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer within {ANSWER_WITHIN:?}"));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                assert!(self.breaks, "no answer: {error:?}");
                self.tally.send_modify(|tally| tally.broken += 1);
                return false;
            }
        };
        self.oracle.answered(body, &answer);
        let outcome = judge(&answer);
        self.tally.send_modify(|tally| match outcome {
            Outcome::Stored => tally.stored += 1,
            Outcome::Queued => tally.queued += 1,
            Outcome::Later => tally.later += 1,
        });
        if outcome == Outcome::Queued {
            tokio::time::sleep(QUEUE_PACE).await;
        }
        outcome != Outcome::Later
    }
}
