//! The live exporter: from the spool's queue to a receiver, as long as the sidecar runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aap::AgentId;
use otlp::{Call, Request};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::sender::{Failure, Sender};
use crate::clock;
use crate::spool::{QueuedSpan, Spool, SpoolError, Use};

/// Spans of one request.
pub const MAX_SPANS: usize = 256;
/// Bytes of one request's spans; a larger one goes alone.
const MAX_BYTES: usize = 1024 * 1024;
/// How long the spool may be held by another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first and the longest wait after a failure.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// The longest that a receiver may ask us to wait.
const MAX_ASKED: Duration = Duration::from_mins(10);

/// Sends what is recorded to a receiver of OpenTelemetry.
#[derive(Debug)]
pub struct Exporter {
    sender: Sender,
    spool: Spool,
    /// Most spans of the next request; halved when a receiver refuses one, to find what it cannot take.
    most: usize,
    failures: u32,
}

/// What one round of work came to.
enum Round {
    Progress,
    /// Nothing to do until more is recorded.
    Idle,
    Wait(Duration),
}

impl Exporter {
    /// From the spool at `path`, which queues what is recorded from now on.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn new(sender: Sender, path: &Path, agent: AgentId) -> Result<Self, SpoolError> {
        let spool = Spool::open(path, agent, PATIENCE, Use::Resident)?;
        spool.queue_spans()?;
        Ok(Self {
            sender,
            spool,
            most: MAX_SPANS,
            failures: 0,
        })
    }

    /// Sends until `shutdown`, then what is left, until the receiver fails. Sleeps when nothing is queued, until `recorded` wakes it.
    pub async fn run(mut self, recorded: Arc<Notify>, shutdown: CancellationToken) {
        loop {
            let pause = self.step().await;
            let pause = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => recorded.notified().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = pause => {}
            }
        }
        if self.failures == 0 {
            self.drain().await;
        }
    }

    /// Works until there is a reason to wait: how long, or until more is recorded.
    async fn step(&mut self) -> Option<Duration> {
        loop {
            match self.round().await {
                Ok(Round::Progress) => {}
                Ok(Round::Idle) => return None,
                Ok(Round::Wait(pause)) => return Some(pause),
                Err(error) => {
                    tracing::warn!(%error, "the queue of spans cannot be read");
                    return Some(self.pause(None));
                }
            }
        }
    }

    async fn drain(&mut self) {
        while let Ok(Round::Progress) = self.round().await {}
    }

    async fn round(&mut self) -> Result<Round, SpoolError> {
        let queued = self.spool.queued_spans(self.most)?;
        if queued.is_empty() {
            return Ok(Round::Idle);
        }
        let mut request = Request::new("smoltbot", env!("CARGO_PKG_VERSION"));
        let mut sent = Vec::with_capacity(queued.len());
        for QueuedSpan {
            id,
            header,
            document,
        } in queued
        {
            if !request.is_empty() && request.bytes() > MAX_BYTES {
                break;
            }
            request.push(&Call::of_link(&header, document).span());
            sent.push(id);
        }
        match self.sender.send(&request).await {
            Ok(taken) => {
                self.failures = 0;
                self.most = MAX_SPANS.min(self.most.saturating_mul(2));
                if taken.rejected > 0 {
                    let (rejected, said) = (taken.rejected, taken.message);
                    tracing::warn!(rejected, said, "the receiver did not take all spans");
                }
                let rejected = taken.rejected.min(sent.len() as u64);
                self.spool.sent_spans(&sent, rejected, clock::now())?;
                Ok(Round::Progress)
            }
            Err(Failure::TooMuch(said)) => self.bisect(&sent, &said),
            Err(Failure::Refused(said)) => {
                tracing::error!(said, "the OTLP receiver refuses to talk to us");
                self.failed(&said, None)
            }
            Err(Failure::Later { after, what }) => {
                tracing::debug!(what, "the OTLP receiver cannot be reached or asks to wait");
                self.failed(&what, after)
            }
        }
    }

    fn failed(&mut self, what: &str, after: Option<Duration>) -> Result<Round, SpoolError> {
        self.spool.failed_spans(what)?;
        Ok(Round::Wait(self.pause(after)))
    }

    /// Halves the next request; a single span that is refused is given up and counted.
    fn bisect(&mut self, sent: &[i64], said: &str) -> Result<Round, SpoolError> {
        self.spool.failed_spans(said)?;
        if let [only] = sent {
            tracing::warn!(said, "the OTLP receiver will not take this span");
            self.spool.sent_spans(&[*only], 1, clock::now())?;
            self.spool.failed_spans(said)?;
            self.most = MAX_SPANS;
        } else {
            self.most = (sent.len() / 2).max(1);
        }
        Ok(Round::Progress)
    }

    /// Twice as long each time, with a random part; what the receiver asks for, if it does.
    fn pause(&mut self, after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        if let Some(after) = after {
            return after.min(MAX_ASKED);
        }
        let longest = WAITS
            .0
            .saturating_mul(1 << self.failures.min(10))
            .min(WAITS.1);
        longest
            .mul_f64(f64::from(clock::random::<1>()[0]) / 255.0)
            .max(WAITS.0)
    }
}
