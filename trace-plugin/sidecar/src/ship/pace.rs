//! How much goes at once, and how soon the next: a little more while the edge keeps up, half as much when it does not.
//!
//! There is one connection with one request on it, so what is adapted is not how many requests there are at a time, but their
//! size and the pause between them. A request that was too many makes the pause longer, for a smaller one would count as much;
//! one that was too much for the edge makes the next ones smaller.

use std::time::Duration;

use aap::limits::MAX_BATCH_TRACES;

/// What a batch grows by when one was taken.
const STEP: usize = MAX_BATCH_TRACES / 10;
/// An overloaded edge gets no smaller batches than this: each request costs it something, too.
const LEAST: usize = 10;
/// The first pause that is kept after a request that was one too many.
const FIRST_GAP: Duration = Duration::from_millis(50);
/// The longest. Beyond it the edge must say how long.
const LONGEST_GAP: Duration = Duration::from_secs(5);

/// The pace of one shipper.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    gap: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            most: MAX_BATCH_TRACES,
            gap: Duration::ZERO,
        }
    }
}

impl Pace {
    /// Most links of the next batch.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// How long to wait between two batches of a backlog.
    pub(super) fn gap(&self) -> Option<Duration> {
        (!self.gap.is_zero()).then_some(self.gap)
    }

    /// A batch was taken.
    pub(super) fn taken(&mut self) {
        self.most = MAX_BATCH_TRACES.min(self.most + STEP);
        self.gap = self.gap.saturating_sub(FIRST_GAP);
    }

    /// It was too much: the edge failed over it, or was too slow.
    pub(super) fn too_much(&mut self) {
        self.most = self.most.min((self.most / 2).max(LEAST));
    }

    /// It was too soon.
    pub(super) fn too_soon(&mut self) {
        self.gap = (self.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
    }

    /// Something among `links` cannot be taken: half of them next, to find out what.
    pub(super) fn look_among(&mut self, links: usize) {
        self.most = (links / 2).max(1);
    }

    /// It was found.
    pub(super) fn found(&mut self) {
        self.most = MAX_BATCH_TRACES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_by_half_and_grow_step_by_step() {
        let mut pace = Pace::default();
        pace.too_much();
        assert_eq!(pace.most(), MAX_BATCH_TRACES / 2);
        pace.taken();
        assert_eq!(pace.most(), MAX_BATCH_TRACES / 2 + STEP);
        for _ in 0..20 {
            pace.too_much();
        }
        assert_eq!(pace.most(), LEAST);
        for _ in 0..10 {
            pace.taken();
        }
        assert_eq!(pace.most(), MAX_BATCH_TRACES);
        // What is looked for is not lost sight of because the edge is overloaded as well.
        pace.look_among(3);
        pace.too_much();
        assert_eq!(pace.most(), 1);
        pace.look_among(1);
        assert_eq!(pace.most(), 1);
    }

    #[test]
    fn pauses_double_and_go_step_by_step() {
        let mut pace = Pace::default();
        assert_eq!(pace.gap(), None);
        pace.too_soon();
        assert_eq!(pace.gap(), Some(FIRST_GAP));
        pace.too_soon();
        assert_eq!(pace.gap(), Some(FIRST_GAP * 2));
        pace.taken();
        pace.taken();
        assert_eq!(pace.gap(), None);
        for _ in 0..20 {
            pace.too_soon();
        }
        assert_eq!(pace.gap(), Some(LONGEST_GAP));
        assert_eq!(
            pace.most(),
            MAX_BATCH_TRACES,
            "fewer requests, not smaller ones"
        );
    }
}
