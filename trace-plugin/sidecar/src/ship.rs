//! Shipping: from the spool to the edge, until the edge names each trace as stored.
//!
//! The card goes first. A batch goes when enough has gathered or the oldest has waited long enough; what has piled up
//! meanwhile goes along. Whatever happens on the way, a link leaves the spool only when the edge has named it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aap::batch::{Batch, Item};
use aap::card::SignedCard;
use aap::limits::MAX_BATCH_TRACES;
use aap::wire::{CardAnswer, Status, SubmitAnswer};
use aap::{AgentId, paths};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::identity::Identity;
use crate::spool::{Spool, SpoolError, Use};

mod backoff;
mod wire;

use backoff::Backoff;
use wire::{Edge, Failure, Sent};

/// How long a trace may wait for others to go with it.
pub const MAX_AGE: Duration = Duration::from_secs(1);
/// How long the spool may be held by another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often an idle shipper looks for what other processes have recorded.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where and how to ship.
#[derive(Debug, Clone)]
pub struct ShipOptions {
    /// The edge's base URL, without `/v1/traces`.
    pub api_url: String,
    /// A batch goes when this many wait.
    pub batch_size: usize,
    /// How long one request may take.
    pub timeout: Duration,
    /// The spool.
    pub spool: PathBuf,
}

/// Why shipping cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The edge's URL is none.
    #[error("{url} is not the URL of an edge: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Ships one spool to one edge.
#[derive(Debug)]
pub struct Shipper {
    edge: Edge,
    spool: Spool,
    identity: Identity,
    card: SignedCard,
    batch_size: usize,
    /// Most links of the next batch; halved when the edge refuses one whole, to find what it cannot take.
    most: usize,
    backoff: Backoff,
    card_known: bool,
    /// Told each time that another card is in force.
    cards: Option<watch::Receiver<SignedCard>>,
}

/// What one round of work came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Nothing to do until more is recorded.
    Idle,
    /// Something went; there may be more.
    Progress,
    /// Not before this long.
    Wait(Duration),
}

impl Shipper {
    /// Ships what is in the spool as `identity`, under `card`.
    ///
    /// # Errors
    /// [`ShipError`].
    pub fn new(
        options: &ShipOptions,
        identity: Identity,
        card: SignedCard,
    ) -> Result<Self, ShipError> {
        let spool = Spool::open(&options.spool, identity.agent_id(), PATIENCE, Use::Resident)?;
        Ok(Self {
            edge: Edge::new(&options.api_url, options.timeout)?,
            spool,
            identity,
            card,
            batch_size: options.batch_size.clamp(1, MAX_BATCH_TRACES),
            most: MAX_BATCH_TRACES,
            backoff: Backoff::default(),
            card_known: false,
            cards: None,
        })
    }

    /// Sends each card that comes by `cards`, before the next traces.
    #[must_use]
    pub fn following(mut self, cards: watch::Receiver<SignedCard>) -> Self {
        self.cards = Some(cards);
        self
    }

    /// Takes over the newest card.
    fn look_at_card(&mut self) {
        if let Some(cards) = &mut self.cards
            && cards.has_changed().unwrap_or(false)
        {
            self.card = cards.borrow_and_update().clone();
            self.card_known = false;
        }
    }

    /// Ships until `shutdown`, then tries once more to empty the spool.
    pub async fn run(mut self, recorded: Arc<Notify>, shutdown: CancellationToken) {
        loop {
            let pause = match self.round(false).await {
                Round::Progress => continue,
                Round::Idle => LOOK_EVERY,
                Round::Wait(pause) => pause,
            };
            let waiting = self.backoff.is_waiting();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
                // While backing off, new traces are no reason to hurry.
                () = recorded.notified(), if !waiting => {}
            }
        }
        self.drain().await;
    }

    /// What is left when we are told to stop; one failure ends it, the rest stays in the spool.
    async fn drain(&mut self) {
        if self.backoff.is_waiting() {
            return;
        }
        while self.round(true).await == Round::Progress {}
    }

    async fn round(&mut self, now_or_never: bool) -> Round {
        match self.try_round(now_or_never).await {
            Ok(round) => round,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be shipped");
                Round::Wait(self.backoff.next(None))
            }
        }
    }

    async fn try_round(&mut self, now_or_never: bool) -> Result<Round, SpoolError> {
        self.look_at_card();
        if !self.card_known {
            return self.send_card().await;
        }
        let waiting = self.spool.waiting(self.batch_size)?;
        let Some(oldest) = waiting.oldest else {
            return Ok(Round::Idle);
        };
        let age = Duration::from_millis(
            u64::try_from(clock::now().millis() - oldest.millis()).unwrap_or(u64::MAX),
        );
        let enough = waiting.count >= self.batch_size as u64;
        if !enough && !now_or_never && age < MAX_AGE {
            return Ok(Round::Wait(MAX_AGE.saturating_sub(age)));
        }
        let links = self.spool.next_run(self.most)?;
        let items: Vec<Item> = links.into_iter().map(|link| link.item).collect();
        let fitting = Batch::fitting(&items, self.most).max(1);
        self.send(items.into_iter().take(fitting).collect()).await
    }

    async fn send_card(&mut self) -> Result<Round, SpoolError> {
        let agent = self.identity.agent_id();
        match self.edge.put_card(&paths::card(agent), &self.card).await {
            Ok(answer) => {
                self.backoff.reset();
                self.card_known = true;
                self.look_behind(agent, &answer)?;
                Ok(Round::Progress)
            }
            Err(Failure::Refused { status, detail }) => {
                // Traces can be kept without a card; a person must look at the card.
                tracing::error!(
                    status,
                    detail,
                    "the edge refuses the alignment card; traces go without it"
                );
                self.card_known = true;
                Ok(Round::Progress)
            }
            Err(failure) => Ok(self.wait(failure)),
        }
    }

    /// A spool that was restored from a backup, or copied, must not tell another story under seqs already told.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method of a type with a lifetime is not general enough"
    )]
    fn look_behind(&mut self, agent: AgentId, answer: &CardAnswer) -> Result<(), SpoolError> {
        if self.spool.is_behind(&answer.streams)? {
            tracing::warn!(%agent, "the edge knows more of this stream than this spool (restored from a backup?): going on in a new stream");
            self.spool.transact(true, |tx| tx.open_new_stream())?;
        }
        Ok(())
    }

    async fn send(&mut self, items: Vec<Item>) -> Result<Round, SpoolError> {
        let batch = match Batch::new(items.clone()) {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "the spool's chain does not hold");
                return Ok(Round::Wait(self.backoff.next(None)));
            }
        };
        let body = batch.sign(self.identity.key()).into_body();
        match self.edge.post(paths::TRACES, body).await {
            Ok(Sent { answer, pause }) => {
                let round = self.settle(&items, &answer)?;
                Ok(match pause {
                    // The edge has told us how much it will take: no need to be refused first.
                    Some(pause) if round == Round::Progress => Round::Wait(pause),
                    _ => round,
                })
            }
            Err(Failure::TooMuch { status, detail }) => {
                self.bisect(&items, &format!("{status}: {detail}"))
            }
            Err(Failure::Refused { status, detail }) => {
                tracing::error!(
                    status,
                    detail,
                    "the edge refuses to talk to us; traces wait in the spool"
                );
                Ok(Round::Wait(self.backoff.next(None)))
            }
            Err(failure) => Ok(self.wait(failure)),
        }
    }

    fn wait(&mut self, failure: Failure) -> Round {
        let (after, what) = match failure {
            Failure::Later { after, what } => (after, what),
            Failure::TooMuch { status, detail } | Failure::Refused { status, detail } => {
                (None, format!("{status}: {detail}"))
            }
        };
        let pause = self.backoff.next(after);
        tracing::debug!(what, ?pause, "the edge cannot be reached or asks to wait");
        Round::Wait(pause)
    }

    /// Deletes what the edge has named, sets aside what it will not take, keeps the rest.
    fn settle(&mut self, items: &[Item], answer: &SubmitAnswer) -> Result<Round, SpoolError> {
        let now = clock::now();
        let told = |item: &Item| {
            let id = item.header.trace_id.to_string();
            answer
                .results
                .iter()
                .find(|result| result.trace_id.as_deref() == Some(id.as_str()))
        };
        let mut acknowledged = Vec::new();
        let mut refused = Vec::new();
        let mut conflict = false;
        for item in items {
            match told(item).map(|result| (result.status, result.reason.as_deref())) {
                Some((Status::Stored | Status::Duplicate | Status::Queued, _)) => {
                    acknowledged.push(&item.header);
                }
                Some((Status::Rejected, reason)) => {
                    refused.push((item, reason.unwrap_or("rejected")));
                }
                Some((Status::Conflict, reason)) => {
                    conflict = true;
                    refused.push((item, reason.unwrap_or("conflict")));
                }
                None => {}
            }
        }
        if acknowledged.is_empty() && refused.is_empty() {
            tracing::warn!("the edge's answer names none of our traces; they stay in the spool");
            return Ok(Round::Wait(self.backoff.next(None)));
        }
        if acknowledged.is_empty() && !conflict && items.len() > 1 {
            // All refused at once: the fault may be in one of them only.
            let reason = refused[0].1.to_owned();
            return self.bisect(items, &reason);
        }
        self.spool.transact(true, |tx| {
            if !acknowledged.is_empty() {
                tx.acknowledge(&acknowledged, now)?;
            }
            for (item, reason) in &refused {
                tx.quarantine(item, reason, now)?;
            }
            Ok(())
        })?;
        self.backoff.reset();
        self.most = MAX_BATCH_TRACES.min(self.most.saturating_mul(2));
        if conflict {
            // Somebody else goes on with our stream: ask the edge how far, and leave it to them if so.
            self.card_known = false;
        }
        Ok(Round::Progress)
    }

    /// Halves the next batch; a single link that is refused is set aside.
    fn bisect(&mut self, items: &[Item], reason: &str) -> Result<Round, SpoolError> {
        if let [item] = items {
            tracing::warn!(trace_id = %item.header.trace_id, reason, "the edge will not take this trace; it is set aside");
            let now = clock::now();
            self.spool
                .transact(true, |tx| tx.quarantine(item, reason, now))?;
            self.most = MAX_BATCH_TRACES;
        } else {
            self.most = (items.len() / 2).max(1);
        }
        Ok(Round::Progress)
    }
}
