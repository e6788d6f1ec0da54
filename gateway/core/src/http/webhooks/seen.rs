//! What was taken in lately, so that a repeated delivery does not run twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::limits::MAX_SEEN_WEBHOOKS;

#[derive(Debug, Default)]
struct Known {
    receipts: HashMap<String, String>,
    order: VecDeque<String>,
}

/// Proofs, each good for one run.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Known>);

impl Seen {
    /// The receipt of what came with this proof before.
    pub(super) fn find(&self, proof: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.receipts.get(proof).cloned()
    }

    /// Takes note of a proof; of more than [`MAX_SEEN_WEBHOOKS`] the oldest is forgotten.
    pub(super) fn remember(&self, proof: String, receipt: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.order.len() >= MAX_SEEN_WEBHOOKS
            && let Some(oldest) = known.order.pop_front()
        {
            known.receipts.remove(&oldest);
        }
        known.receipts.insert(proof.clone(), receipt.to_owned());
        known.order.push_back(proof);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let seen = Seen::default();
        for number in 0..=MAX_SEEN_WEBHOOKS {
            seen.remember(number.to_string(), "receipt");
        }
        assert_eq!(seen.find("0"), None);
        assert_eq!(seen.find("1").as_deref(), Some("receipt"));
    }
}
