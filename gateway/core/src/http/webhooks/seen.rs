//! What was taken in lately, so that a repeated delivery does not run twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::limits::MAX_SEEN_WEBHOOKS;

/// The source, and what makes its delivery the same as another.
type Delivery = (String, String);

#[derive(Debug, Default)]
struct Known {
    receipts: HashMap<Delivery, String>,
    order: VecDeque<Delivery>,
}

/// Deliveries, each good for one run.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Known>);

impl Seen {
    /// The receipt of what came before, and true; else that of what `start` begins, which is remembered unless it fails. Of two at the
    /// same time one begins. Of more than [`MAX_SEEN_WEBHOOKS`] the oldest is forgotten.
    pub(super) fn once<E>(
        &self,
        delivery: Delivery,
        start: impl FnOnce() -> Result<String, E>,
    ) -> Result<(String, bool), E> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receipt) = known.receipts.get(&delivery) {
            return Ok((receipt.clone(), true));
        }
        let receipt = start()?;
        if known.order.len() >= MAX_SEEN_WEBHOOKS
            && let Some(oldest) = known.order.pop_front()
        {
            known.receipts.remove(&oldest);
        }
        known.receipts.insert(delivery.clone(), receipt.clone());
        known.order.push_back(delivery);
        Ok((receipt, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(seen: &Seen, source: &str, proof: &str, receipt: &str) -> (String, bool) {
        let start = || Ok::<_, ()>(receipt.to_owned());
        seen.once((source.to_owned(), proof.to_owned()), start)
            .unwrap()
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let seen = Seen::default();
        for number in 0..=MAX_SEEN_WEBHOOKS {
            send(&seen, "a", &number.to_string(), "first");
        }
        assert_eq!(send(&seen, "a", "1", "again"), ("first".to_owned(), true));
        assert_eq!(send(&seen, "a", "0", "again"), ("again".to_owned(), false));
    }

    #[test]
    fn sources_do_not_know_of_each_other_and_what_did_not_begin_may_come_again() {
        let seen = Seen::default();
        let delivery = || ("a".to_owned(), "1".to_owned());
        assert_eq!(seen.once(delivery(), || Err("busy")), Err("busy"));
        assert_eq!(send(&seen, "a", "1", "x"), ("x".to_owned(), false));
        assert_eq!(send(&seen, "b", "1", "y"), ("y".to_owned(), false));
    }
}
