//! How many of an agent's traces keep to its card: AAP's integrity score, and how much of the traces it covers.
//!
//! The score is the share of the traces without a violation by [`crate::verify::verify`], as AAP 2.0 counts it. It speaks only of traces that can
//! be held against the card at all; how many could not be is told beside it, because a score over few traces proves little.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::card::AlignmentCard;
use crate::verify::verify;

/// What was looked at, and what holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Traces that were looked at.
    pub looked_at: usize,
    /// Of these, with content here, and naming the card.
    pub covered: usize,
    /// Covered ones without a violation.
    pub verified: usize,
    /// Violations by AAP's names; a trace may have several.
    pub violations: BTreeMap<&'static str, usize>,
}

/// Whether `document` can be held against `card`: it names it.
pub fn covers(card: &AlignmentCard, document: &Value) -> bool {
    document.get("card_id").and_then(Value::as_str) == Some(card.card_id.as_str())
}

impl Integrity {
    /// Holds `documents` against the card in force; none stands for a trace whose content is not here.
    pub fn of<'a>(
        card: Option<&AlignmentCard>,
        documents: impl IntoIterator<Item = Option<&'a Value>>,
    ) -> Self {
        let mut found = Self::default();
        for document in documents {
            found.looked_at += 1;
            let (Some(card), Some(document)) = (card, document) else {
                continue;
            };
            if !covers(card, document) {
                continue;
            }
            found.covered += 1;
            let violations = verify(document, card);
            found.verified += usize::from(violations.is_empty());
            for violation in violations {
                *found.violations.entry(violation.kind).or_insert(0) += 1;
            }
        }
        found
    }

    /// Traces that were held back, or name another card or none.
    pub fn not_covered(&self) -> usize {
        self.looked_at - self.covered
    }

    /// `verified / covered`; none when nothing was covered: that is no proof of anything.
    pub fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a page of traces")]
        let share = self.verified as f64 / self.covered as f64;
        (self.covered > 0).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::{AgentId, Timestamp};

    fn card() -> AlignmentCard {
        let key = SigningKey::from_bytes(&[3; 32]);
        let agent = AgentId::of_key(&key.verifying_key());
        AlignmentCard::default_for(
            agent,
            Timestamp::from_millis(0),
            "http://127.0.0.1/v1/traces",
        )
    }

    fn trace(card_id: &str, value: &str) -> Value {
        json!({"card_id": card_id, "timestamp": "2026-11-21T02:10:00.000Z",
            "action": {"type": "execute", "name": "exec", "category": "bounded"},
            "decision": {"values_applied": [value]}})
    }

    #[test]
    fn only_what_names_the_card_counts() {
        let card = card();
        let (kept, broken, other) = (
            trace(&card.card_id, "honesty"),
            trace(&card.card_id, "profit"),
            trace("ac-other", "profit"),
        );
        let all = [Some(&kept), Some(&broken), Some(&other), None];
        let found = Integrity::of(Some(&card), all);
        assert_eq!((found.looked_at, found.covered, found.verified), (4, 2, 1));
        assert_eq!(found.not_covered(), 2);
        assert_eq!(found.share(), Some(0.5));
        assert_eq!(
            found.violations.into_iter().collect::<Vec<_>>(),
            [("undeclared_value", 1)]
        );
    }

    #[test]
    fn nothing_covered_is_no_score() {
        let kept = trace("ac-other", "honesty");
        let without_card = Integrity::of(None, [Some(&kept)]);
        assert_eq!(without_card.looked_at, 1);
        assert_eq!(without_card.share(), None);
        assert_eq!(Integrity::of(Some(&card()), [Some(&kept)]).share(), None);
        assert_eq!(Integrity::of(None, []).share(), None);
    }
}
