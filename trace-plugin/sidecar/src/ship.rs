//! Shipping: from the spool to the edge, until the edge names each trace as stored.
//!
//! The card goes first. A batch goes when enough has gathered or the oldest has waited long enough; what has piled up
//! meanwhile goes along. Whatever happens on the way, a link leaves the spool only when the edge has named it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aap::card::SignedCard;
use aap::limits::MAX_BATCH_TRACES;
use aap::wire::CardAnswer;
use aap::{AgentId, paths};
use redact::{Level, Redactor};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::identity::Identity;
use crate::spool::{Spool, SpoolError, Use};

mod backoff;
mod deliver;
mod pace;
mod ready;
mod wire;

use backoff::Backoff;
use pace::Pace;
use wire::{Edge, Failure, Fault};

/// How long a trace may wait for others to go with it.
pub const MAX_AGE: Duration = Duration::from_secs(1);
/// How long the spool may be held by another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a connection is kept for more to come.
const LET_GO_AFTER: Duration = Duration::from_secs(10);

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
    /// For the records of losses.
    redactor: Redactor,
    batch_size: usize,
    pace: Pace,
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
    /// More may come within this time, to go along.
    Gather(Duration),
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
            redactor: Redactor::new(Level::None),
            batch_size: options.batch_size.clamp(1, MAX_BATCH_TRACES),
            pace: Pace::default(),
            backoff: Backoff::default(),
            card_known: false,
            cards: None,
        })
    }

    /// Ships a spool that may take `max_bytes` on the disk: a loss is over only when there is room by that measure.
    #[must_use]
    pub fn bounded(mut self, max_bytes: u64) -> Self {
        self.spool = self.spool.bounded(max_bytes);
        self
    }

    /// Sends each card that comes by `cards`, before the next traces.
    #[must_use]
    pub fn following(mut self, cards: watch::Receiver<SignedCard>) -> Self {
        self.cards = Some(cards);
        self
    }

    /// Whether there is a card that the edge has not been told.
    fn has_another_card(&self) -> bool {
        let cards = self.cards.as_ref();
        cards.is_some_and(|cards| cards.has_changed().unwrap_or(false))
    }

    /// Takes over the newest card.
    fn look_at_card(&mut self) {
        if self.has_another_card()
            && let Some(cards) = &mut self.cards
        {
            self.card = cards.borrow_and_update().clone();
            self.card_known = false;
        }
    }

    /// Ships until `shutdown`, then tries once more to empty the spool. Sleeps when nothing waits, until `recorded` or a card
    /// wakes it.
    pub async fn run(mut self, recorded: Arc<Notify>, shutdown: CancellationToken) {
        let mut cards = self.cards.clone();
        loop {
            let (pause, must_wait) = match self.round(false).await {
                Round::Progress => continue,
                // The connection is kept for a while, then nothing is.
                Round::Idle => (self.edge.is_connected().then_some(LET_GO_AFTER), false),
                Round::Gather(pause) => (Some(pause), false),
                Round::Wait(pause) => (Some(pause), true),
            };
            let pause = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            let another_card = async {
                let told = match &mut cards {
                    Some(cards) => cards.changed().await.is_ok(),
                    None => false,
                };
                if !told {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => break,
                // Where the edge is to be left alone, neither is a reason to hurry.
                () = recorded.notified(), if !must_wait => {}
                () = another_card, if !must_wait => {}
                () = pause => if !must_wait && self.is_idle() {
                    self.edge.let_go();
                },
            }
        }
        self.drain().await;
    }

    /// Whether nothing waits. What cannot be told is not idle.
    fn is_idle(&self) -> bool {
        self.spool
            .waiting(1)
            .is_ok_and(|waiting| waiting.count == 0)
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
                if matches!(error, SpoolError::Damaged { .. })
                    && let Err(error) = self.spool.repair()
                {
                    tracing::error!(%error, "the damaged spool could not be replaced");
                }
                Round::Wait(self.backoff.next(None))
            }
        }
    }

    async fn try_round(&mut self, now_or_never: bool) -> Result<Round, SpoolError> {
        self.spool.follow()?;
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
            return Ok(Round::Gather(MAX_AGE.saturating_sub(age)));
        }
        let key = self.identity.key();
        match ready::prepare(&mut self.spool, key, None, self.pace.most()).await? {
            Some(ready) => self.deliver(ready).await,
            None => Ok(Round::Wait(self.backoff.next(None))),
        }
    }

    async fn send_card(&mut self) -> Result<Round, SpoolError> {
        let agent = self.identity.agent_id();
        match self.edge.put_card(&paths::card(agent), &self.card).await {
            Ok((answer, pause)) => {
                self.backoff.reset();
                if let Err(failure) = self.look_behind(agent, &answer).await? {
                    return Ok(self.wait(failure));
                }
                self.card_known = true;
                Ok(pause.map_or(Round::Progress, Round::Wait))
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
    async fn look_behind(
        &mut self,
        agent: AgentId,
        answer: &CardAnswer,
    ) -> Result<Result<(), Failure>, SpoolError> {
        if self.spool.is_behind(&answer.streams)? {
            if let Err(failure) = self.let_go_of_known().await? {
                return Ok(Err(failure));
            }
            tracing::warn!(%agent, "the edge knows more of this stream than this spool (restored from a backup?): going on in a new stream");
            self.spool.transact(true, |tx| tx.open_new_stream())?;
        }
        Ok(Ok(()))
    }

    /// What waits and was shipped before the backup was put back is not told again in another stream: the edge would keep the
    /// first, and the new stream would have a hole.
    async fn let_go_of_known(&mut self) -> Result<Result<(), Failure>, SpoolError> {
        loop {
            let run = self.spool.next_run(MAX_BATCH_TRACES)?;
            // It was shipped in order: what is known comes first.
            let (mut known, mut unknown) = (0, run.len());
            while known < unknown {
                let middle = usize::midpoint(known, unknown);
                match self.edge.has(run[middle].item.header.trace_id).await {
                    Ok(true) => known = middle + 1,
                    Ok(false) => unknown = middle,
                    Err(failure) => return Ok(Err(failure)),
                }
            }
            let headers: Vec<_> = run[..known].iter().map(|link| &link.item.header).collect();
            if !headers.is_empty() {
                let now = clock::now();
                self.spool
                    .transact(true, |tx| tx.acknowledge(&headers, now))?;
            }
            if known == 0 || known < run.len() {
                return Ok(Ok(()));
            }
        }
    }

    fn wait(&mut self, failure: Failure) -> Round {
        let (after, what) = match failure {
            Failure::Later { after, what, fault } => {
                match fault {
                    Fault::Unreached => {}
                    Fault::TooSoon => self.pace.too_soon(),
                    Fault::TooMuch => self.pace.too_much(),
                }
                (after, what)
            }
            Failure::TooMuch { status, detail } | Failure::Refused { status, detail } => {
                (None, format!("{status}: {detail}"))
            }
        };
        let pause = self.backoff.next(after);
        tracing::debug!(what, ?pause, "the edge cannot be reached or asks to wait");
        Round::Wait(pause)
    }
}
