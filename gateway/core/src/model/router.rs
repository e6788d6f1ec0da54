//! Finds somebody who answers.
//!
//! Providers stand in order, each with a chain of models. A failure that passes is tried again after a wait of random length; then
//! the next in order is asked, and who failed is left alone for a while that goes by the kind of failure. Who answered a session is
//! asked first by it as long as it is well: its caches are warm. Once words of an answer went out, nobody else is asked: the user would
//! read two beginnings.
//!
//! When all cool down, those are asked after all whom waiting does not help to know about: a limit with a time is kept, everything
//! else is tried, as a key may have been changed and a network may be back.

mod cooling;
mod names;
mod slots;
mod state;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::ALL_PROVIDERS;
use super::fault::short;
use super::observer::{Asking, Observer};
use super::{Answering, ErrorKind, Model, ModelError, Reply, Request, Sink};
pub use names::{ALIASES, order};
use names::{Candidate, candidates};
pub use slots::{Retries, Slot, SlotState, SlotStatus};
use state::State;

/// Why there is no router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// The order names somebody who isn't there.
    #[error("AI_PROVIDER_PRIORITY names `{name}`, which is not configured; there are: {known}")]
    UnknownProvider {
        /// The name.
        name: String,
        /// Those who are there.
        known: String,
    },
    /// A provider without a model can't be asked.
    #[error("providers.{name} has no model: set providers.{name}.model")]
    NoModel {
        /// The provider.
        name: String,
    },
    /// Two of the same name can't be told apart.
    #[error("two providers are called `{name}`")]
    Twice {
        /// Their name.
        name: String,
    },
}

/// All providers as one [`Model`]. A request's model may be `provider/model`, a model, an alias ([`ALIASES`]), or empty.
pub struct Router {
    slots: Vec<Slot>,
    retries: Retries,
    random: AtomicU64,
    state: Mutex<State>,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl Router {
    /// A router over `slots`, in that order. `seed` is where the random waits begin.
    ///
    /// # Errors
    /// A slot has no model, or two have the same name.
    pub fn new(slots: Vec<Slot>, retries: Retries, seed: u64) -> Result<Self, RouterError> {
        for (at, slot) in slots.iter().enumerate() {
            let name = slot.name().to_owned();
            if slot.chain.is_empty() {
                return Err(RouterError::NoModel { name });
            }
            if slots[..at].iter().any(|other| other.name() == name) {
                return Err(RouterError::Twice { name });
            }
        }
        Ok(Self {
            slots,
            retries,
            random: AtomicU64::new(seed),
            state: Mutex::default(),
            observer: OnceLock::new(),
        })
    }

    /// Every model that is configured and how it is, in order.
    pub fn status(&self) -> Vec<SlotStatus> {
        let now = Instant::now();
        let state = self.state();
        let models = self.slots.iter().enumerate().flat_map(|(at, slot)| {
            let chain = slot.chain.iter().map(|model| (model, true));
            let others = slot
                .others
                .iter()
                .filter(|model| !slot.chain.contains(model));
            chain
                .chain(others.map(|model| (model, false)))
                .map(move |(model, in_chain)| (at, slot, model, in_chain))
        });
        models
            .map(|(at, slot, model, in_chain)| SlotStatus {
                provider: slot.name().to_owned(),
                model: model.clone(),
                in_chain,
                state: match state.cooling(&(at, model.clone()), now) {
                    None => SlotState::Well,
                    Some(cooling) => SlotState::Cooling {
                        kind: cooling.kind,
                        message: cooling.message.clone(),
                        remaining: cooling.until - now,
                    },
                },
            })
            .collect()
    }

    /// The full name of the model that a request for `model` goes to first, as things are. None if nobody has it.
    pub fn resolve(&self, session: &str, model: &str) -> Option<String> {
        let (at, model) = self.in_order(session, model).ok()?.into_iter().next()?;
        Some(format!("{}/{model}", self.slots[at].name()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `most`, evenly spread (`SplitMix64`).
    fn jitter(&self, most: Duration) -> Duration {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self
            .random
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let share = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default();
        most.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    /// Whom to ask, the well ones first and of them who answered last; then the others, the soonest well again first.
    fn in_order(&self, session: &str, model: &str) -> Result<Vec<Candidate>, ModelError> {
        let mut all = candidates(&self.slots, model).map_err(|message| ModelError {
            provider: ALL_PROVIDERS.to_owned(),
            kind: ErrorKind::UnknownModel,
            status: None,
            retry_after: None,
            message: short(&message),
            begun: false,
        })?;
        let now = Instant::now();
        let state = self.state();
        let winner = state.winner(session);
        // Stable: within a group the order stays.
        all.sort_by_cached_key(|candidate| {
            let until = state.cooling(candidate, now).map(|cooling| cooling.until);
            (until, Some(candidate) != winner)
        });
        Ok(all)
    }

    async fn find(&self, request: &Request, sink: Sink<'_>) -> Result<Reply, ModelError> {
        let session = request.session.as_deref().unwrap_or_default();
        let order = self.in_order(session, &request.model)?;
        let mut asked = request.clone();
        let mut failures: Vec<ModelError> = Vec::new();
        for candidate in &order {
            if let Some(error) = self.limited(candidate) {
                failures.push(error);
                continue;
            }
            asked.model.clone_from(&candidate.1);
            match self.try_one(candidate, &asked, &mut *sink).await {
                Ok(reply) => {
                    self.state().answered(session, candidate);
                    return Ok(reply);
                }
                // Another would begin anew, and a conversation that is too long is made shorter by who asks.
                Err(error) if error.begun || error.kind == ErrorKind::ContextLength => {
                    return Err(error);
                }
                Err(error) => {
                    let model = &candidate.1;
                    tracing::warn!(provider = error.provider, model, %error, "a model failed");
                    failures.push(error);
                }
            }
        }
        Err(sum_up(&failures, &order))
    }

    /// The failure of one whose limit holds for longer than we would wait.
    fn limited(&self, candidate: &Candidate) -> Option<ModelError> {
        let now = Instant::now();
        let state = self.state();
        let cooling = state.cooling(candidate, now)?;
        let remaining = cooling.until - now;
        (cooling.kind == ErrorKind::RateLimit && remaining > self.retries.cap).then(|| ModelError {
            provider: self.slots[candidate.0].name().to_owned(),
            kind: ErrorKind::RateLimit,
            status: None,
            retry_after: Some(remaining),
            message: short(&format!(
                "not asked for another {} s: {}",
                remaining.as_secs_f64().ceil(),
                cooling.message
            )),
            begun: false,
        })
    }

    /// Asks one model, again if its failure passes.
    async fn try_one(
        &self,
        candidate: &Candidate,
        request: &Request,
        sink: Sink<'_>,
    ) -> Result<Reply, ModelError> {
        let slot = &self.slots[candidate.0];
        let (provider, listed) = (&slot.provider, slot.lists(&candidate.1));
        let mut most = self.retries.base;
        let mut tries = 0;
        loop {
            let mut asking = Asking::new(self.observer.get(), slot.name(), &candidate.1, listed);
            let mut told = |delta| {
                asking.came();
                sink(delta);
            };
            let answer = provider.answer(request, &mut told).await;
            asking.ended(&answer);
            let mut error = match answer {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            tries += 1;
            let asked_for = error.retry_after.unwrap_or_default();
            let again = !error.begun
                && error.kind.is_passing()
                // It cost the longest wait there is, once.
                && error.kind != ErrorKind::Timeout
                && asked_for <= self.retries.cap
                && tries <= self.retries.times;
            if !again {
                if self.state().failed(candidate, &error, Instant::now())
                    && let Some(observer) = self.observer.get()
                {
                    observer.cools(slot.name(), error.kind);
                }
                if tries > 1 {
                    error.message = short(&format!("{} (asked {tries} times)", error.message));
                }
                return Err(error);
            }
            tracing::debug!(provider = provider.provider(), %error, "asked again");
            if let Some(observer) = self.observer.get() {
                observer.again(slot.name(), error.kind);
            }
            tokio::time::sleep(asked_for + self.jitter(most)).await;
            most = (most * 2).min(self.retries.cap);
        }
    }
}

/// One failure as it is; several as the most hopeful of them, with everybody's words.
fn sum_up(failures: &[ModelError], order: &[Candidate]) -> ModelError {
    let hope = |error: &&ModelError| {
        (
            error.kind.is_passing(),
            std::cmp::Reverse(error.retry_after),
        )
    };
    let Some(best) = failures.iter().max_by_key(hope) else {
        return ModelError {
            provider: ALL_PROVIDERS.to_owned(),
            kind: ErrorKind::UnknownModel,
            status: None,
            retry_after: None,
            message: "no provider is configured: set providers.anthropic.api_key, or another's"
                .to_owned(),
            begun: false,
        };
    };
    if failures.len() == 1 {
        return best.clone();
    }
    // Each gets its share of the room.
    let share = crate::limits::MAX_ERROR_BYTES / failures.len();
    let told = failures.iter().zip(order).map(|(error, (_, model))| {
        let told = format!("{}/{model}: {}", error.provider, error.message);
        let room = share.saturating_sub("…; ".len());
        if told.len() <= room {
            return told;
        }
        format!("{}…", super::gather::clip(&told, room))
    });
    let told: Vec<String> = told.collect();
    ModelError {
        provider: ALL_PROVIDERS.to_owned(),
        message: short(&told.join("; ")),
        ..best.clone()
    }
}

impl Model for Router {
    fn provider(&self) -> &'static str {
        ALL_PROVIDERS
    }

    fn models(&self) -> Vec<String> {
        let full = |slot: SlotStatus| format!("{}/{}", slot.provider, slot.model);
        self.status().into_iter().map(full).collect()
    }

    fn resolve(&self, name: &str) -> Option<String> {
        Self::resolve(self, "", name)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        // Who came first stays.
        let _ = self.observer.set(observer);
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(self.find(request, sink))
    }
}
