//! What is random in a test, the same in every run.

/// Unless `FAULTS_SEED` says otherwise.
const SEED: u64 = 20_261_121;

/// Splitmix64: short, and good enough to mix orders.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Of one test; prints the seed.
    pub(crate) fn of(test: &str) -> Self {
        let seed = match std::env::var("FAULTS_SEED") {
            Ok(text) => text.parse().expect("FAULTS_SEED is a whole number"),
            Err(_) => SEED,
        };
        println!("{test}: FAULTS_SEED={seed}");
        let mixed = test
            .bytes()
            .fold(seed, |seed, byte| Self(seed ^ u64::from(byte)).next());
        Self(mixed)
    }

    /// One for somebody who runs beside this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a small number");
        usize::try_from(self.next() % end).expect("a small number")
    }

    /// Puts `items` into another order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
