//! How long calls took, in a few bytes that can be added up.
//!
//! Log-linear: microseconds below 64 each have their own bin, every octave above is cut into 32. A percentile is the middle
//! of its bin, so it is off by at most 1/64 (1.6 %) of a measured duration, up to [`MAX_US`]; longer ones count as that.
//! As bytes: pairs of bin (two bytes, little-endian) and count (four bytes, saturating), by rising bin.

use std::collections::BTreeMap;

/// Bins that each doubling is cut into.
const PER_OCTAVE: u64 = 32;
const PER_OCTAVE_BITS: u32 = PER_OCTAVE.ilog2();
/// Microseconds of the longest duration that is told apart: 2^40, about 12.7 days.
pub const MAX_US: u64 = 1 << 40;
/// Bytes of a bin and its count.
const PAIR: usize = 6;

/// Counts by bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    bins: BTreeMap<u16, u64>,
}

/// The bin of a duration in milliseconds; none for what is negative or no number, which does not count at all.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Checked, and `as` saturates.
pub fn bin_of_ms(ms: f64) -> Option<u16> {
    (ms.is_finite() && ms >= 0.0).then(|| bin_of((ms * 1000.0).round() as u64))
}

fn bin_of(us: u64) -> u16 {
    let us = us.min(MAX_US);
    let bin = if us < 2 * PER_OCTAVE {
        us
    } else {
        let shift = us.ilog2() - PER_OCTAVE_BITS;
        u64::from(shift) * PER_OCTAVE + (us >> shift)
    };
    // At most 40 octaves of 32.
    u16::try_from(bin).unwrap_or(u16::MAX)
}

/// The middle of a bin, in milliseconds.
#[allow(clippy::cast_precision_loss)] // Microseconds up to 2^41 are exact in an f64.
fn middle_ms(bin: u16) -> f64 {
    let bin = u64::from(bin);
    let (low, width) = if bin < 2 * PER_OCTAVE {
        (bin, 1_u64)
    } else {
        let shift = bin / PER_OCTAVE - 1;
        ((bin - shift * PER_OCTAVE) << shift, 1 << shift)
    };
    let middle = low as f64 + (width - 1) as f64 / 2.0;
    middle / 1000.0
}

impl Histogram {
    /// Counts one duration in milliseconds, if it has a bin.
    pub fn add(&mut self, ms: f64) {
        if let Some(bin) = bin_of_ms(ms) {
            self.add_bin(bin, 1);
        }
    }

    /// Counts so many durations of one bin.
    pub fn add_bin(&mut self, bin: u16, times: u64) {
        *self.bins.entry(bin).or_default() += times;
    }

    /// Adds what [`Self::to_bytes`] wrote.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(PAIR) {
            let bin = u16::from_le_bytes([pair[0], pair[1]]);
            let count = u32::from_le_bytes([pair[2], pair[3], pair[4], pair[5]]);
            self.add_bin(bin, u64::from(count));
        }
    }

    /// For storing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bins.len() * PAIR);
        for (bin, count) in &self.bins {
            bytes.extend(bin.to_le_bytes());
            bytes.extend(u32::try_from(*count).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes
    }

    /// Milliseconds that `percent` of 100 stay below or at (nearest rank); none when nothing was counted.
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let total: u64 = self.bins.values().sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.bins.iter().find_map(|(bin, count)| {
            seen += count;
            (seen >= rank).then(|| middle_ms(*bin))
        })
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // Small enough.
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zero_is_zero_and_nothing_is_none() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for odd in [-1.0, f64::NAN, f64::INFINITY] {
            histogram.add(odd);
        }
        assert_eq!(histogram, Histogram::default());
        histogram.add(0.0);
        assert_eq!(histogram.percentile(99), Some(0.0));
    }

    #[test]
    fn the_longest_is_the_longest_told_apart() {
        let mut histogram = Histogram::default();
        histogram.add(1e300);
        let told = histogram.percentile(50).unwrap();
        assert!((told / (1_u64 << 40) as f64 * 1000.0 - 1.0).abs() < 1.0 / 64.0);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_the_bound(mut us in prop::collection::vec(0_u64..=MAX_US, 1..200), percent in 1_u64..=100) {
            let mut histogram = Histogram::default();
            for one in &us {
                histogram.add(*one as f64 / 1000.0);
            }
            let mut again = Histogram::default();
            again.add_bytes(&histogram.to_bytes());
            prop_assert_eq!(&again, &histogram);
            us.sort_unstable();
            let rank = (us.len() as u64 * percent).div_ceil(100) as usize;
            let exact = us[rank - 1] as f64 / 1000.0;
            let told = histogram.percentile(percent).unwrap();
            prop_assert!((told - exact).abs() <= exact / 64.0 + 1e-9, "{} for {}", told, exact);
        }

        #[test]
        fn bins_rise_with_durations(a in 0_u64..=MAX_US, b in 0_u64..=MAX_US) {
            prop_assert_eq!(bin_of(a.min(b)) <= bin_of(a.max(b)), true);
        }
    }
}
