//! Chance that can be repeated: everything random of a run comes from its seed.

use std::ops::Range;

/// `SplitMix64`: small, and good enough to choose faults by.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of `range`, which is not empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.roll() % (range.end - range.start)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.within(0..times) == 0
    }

    /// One of `all`, of which there is at least one.
    pub fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u64::try_from(all.len()).unwrap_or(1);
        &all[usize::try_from(self.within(0..count)).unwrap_or(0)]
    }

    /// `all` in another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let end = u64::try_from(last + 1).unwrap_or(1);
            all.swap(last, usize::try_from(self.within(0..end)).unwrap_or(0));
        }
    }

    /// Dice of their own for a part of the run, so that one part more or less changes no other.
    pub fn split(&mut self) -> Self {
        Self(self.roll())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_everything() {
        let (mut one, mut other) = (Dice::new(7), Dice::new(7));
        let rolls: Vec<u64> = (0..100).map(|_| one.within(0..10)).collect();
        assert_eq!(
            rolls,
            (0..100).map(|_| other.within(0..10)).collect::<Vec<_>>()
        );
        assert!((0..10).all(|number| rolls.contains(&number)));
    }
}
