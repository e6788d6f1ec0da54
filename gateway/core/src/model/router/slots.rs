//! Whom a router asks, how patiently, and what it tells of them.

use std::sync::Arc;
use std::time::Duration;

use crate::limits::{MODEL_RETRIES, RETRY_BASE, RETRY_CAP};
use crate::model::{ErrorKind, Model};

/// A provider with its models.
#[derive(Clone)]
pub struct Slot {
    /// The provider.
    pub provider: Arc<dyn Model>,
    /// Its models in the order in which they are asked when none is named; the first is its default. For OpenRouter's free models.
    pub chain: Vec<String>,
    /// Others that it is known to have.
    pub others: Vec<String>,
}

impl Slot {
    /// A provider with one model.
    pub fn new(provider: Arc<dyn Model>, model: &str) -> Self {
        Self {
            provider,
            chain: vec![model.to_owned()],
            others: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.provider.provider()
    }

    pub(super) fn lists(&self, model: &str) -> bool {
        self.chain
            .iter()
            .chain(&self.others)
            .any(|name| name == model)
    }
}

/// How often and how soon the same model is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// Times after the first.
    pub times: u32,
    /// The first wait is at most this long.
    pub base: Duration,
    /// And no wait longer than this, nor a wait that a provider asks for.
    pub cap: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            times: MODEL_RETRIES,
            base: RETRY_BASE,
            cap: RETRY_CAP,
        }
    }
}

/// How a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotState {
    /// Nothing is known against it.
    Well,
    /// It failed and is left alone.
    Cooling {
        /// How it failed.
        kind: ErrorKind,
        /// In words.
        message: String,
        /// For how much longer.
        remaining: Duration,
    },
}

/// One model, for lists and for health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStatus {
    /// The provider's name.
    pub provider: String,
    /// Its own name of the model.
    pub model: String,
    /// Whether it is asked when nobody names a model.
    pub in_chain: bool,
    /// How it is.
    pub state: SlotState,
}
