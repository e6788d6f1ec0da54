//! Which alignment card was in force when: a trace names the card that its call was judged under, also where the call ended
//! after the card had changed.

use std::borrow::Cow;
use std::sync::Arc;

use aap::{AlignmentCard, Timestamp};

/// Tells the card that was in force at a time before the present one was.
pub trait EarlierCards: Fn(Timestamp) -> Option<AlignmentCard> + Send + Sync {}

impl<T: Fn(Timestamp) -> Option<AlignmentCard> + Send + Sync> EarlierCards for T {}

/// A card and since when it is in force.
pub(super) struct InForce {
    pub(super) card: AlignmentCard,
    since: Timestamp,
    before: Before,
}

enum Before {
    Unknown,
    /// Whoever keeps the versions is asked.
    Kept(Box<dyn EarlierCards>),
    /// This process judged by it.
    Known(Arc<InForce>),
}

impl InForce {
    /// In force since it was issued.
    pub(super) fn new(card: AlignmentCard) -> Self {
        Self {
            since: card.issued_at,
            card,
            before: Before::Unknown,
        }
    }

    pub(super) fn after(self, earlier: impl EarlierCards + 'static) -> Self {
        let before = Before::Kept(Box::new(earlier));
        Self { before, ..self }
    }

    /// The same card, in force since now, where `before` was.
    pub(super) fn replacing(&self, before: &Arc<Self>, since: Timestamp) -> Self {
        Self {
            card: self.card.clone(),
            since,
            before: Before::Known(Arc::clone(before)),
        }
    }

    /// The card that was in force at that time; the present one where no earlier one is known.
    pub(super) fn at(&self, time: Timestamp) -> Cow<'_, AlignmentCard> {
        if time >= self.since {
            return Cow::Borrowed(&self.card);
        }
        match &self.before {
            Before::Unknown => Cow::Borrowed(&self.card),
            Before::Kept(earlier) => earlier(time).map_or(Cow::Borrowed(&self.card), Cow::Owned),
            Before::Known(before) => before.at(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use aap::AgentId;

    use super::*;

    fn card(id: &str, issued_at: i64) -> AlignmentCard {
        let agent = AgentId::from_bytes([1; 16]);
        let at = Timestamp::from_millis(issued_at);
        AlignmentCard {
            card_id: id.to_owned(),
            ..AlignmentCard::default_for(agent, at, "http://localhost")
        }
    }

    #[test]
    fn each_time_has_its_card() {
        let kept = |at: Timestamp| (at.millis() >= 100).then(|| card("kept", 100));
        let first = Arc::new(InForce::new(card("first", 200)).after(kept));
        // Issued at 300, and taken over by a running process at 350.
        let second = InForce::new(card("second", 300));
        let second = second.replacing(&first, Timestamp::from_millis(350));
        for (at, id) in [
            (50, "first"),
            (100, "kept"),
            (199, "kept"),
            (200, "first"),
            (349, "first"),
            (350, "second"),
        ] {
            assert_eq!(second.at(Timestamp::from_millis(at)).card_id, id, "{at}");
        }
        let alone = InForce::new(card("alone", 300));
        assert_eq!(alone.at(Timestamp::from_millis(1)).card_id, "alone");
    }
}
