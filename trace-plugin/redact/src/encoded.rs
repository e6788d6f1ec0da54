//! Secrets in disguise: escaped, in base64 or in hexadecimal, and any of these within another.
//!
//! Each is undone up to [`MAX_ENCODINGS`](crate::limits::MAX_ENCODINGS) deep. What would take more work than
//! [`Effort`] has left is withheld at the source, unread.

use crate::limits::{DECODED_AT_LEAST_BYTES, DECODED_TIMES};
use crate::mask::UNSETTLED;
use crate::scan::{self, Hit, Zeal};

mod base64;
mod escapes;
mod hex;

pub(crate) use base64::{decoded, discord};

/// How much may still be decoded of one text.
pub(crate) struct Effort {
    bytes: usize,
}

impl Effort {
    /// For a text of that many bytes.
    pub(crate) fn of(text: usize) -> Self {
        Self {
            bytes: DECODED_TIMES * text + DECODED_AT_LEAST_BYTES,
        }
    }

    /// Whether that much can still be decoded; if so, it is.
    fn spend(&mut self, bytes: usize) -> bool {
        let rest = self.bytes.checked_sub(bytes);
        self.bytes = rest.unwrap_or(0);
        rest.is_some()
    }
}

/// Adds what is found behind an encoding of `text`, which itself may hold `depth` more.
pub(crate) fn layers(
    text: &str,
    zeal: Zeal,
    depth: usize,
    effort: &mut Effort,
    hits: &mut Vec<Hit>,
) {
    if let Some((plain, origin)) = escapes::undone(text) {
        if effort.spend(plain.len()) {
            let mut found = Vec::new();
            scan::layer(&plain, zeal, depth, effort, &mut found);
            hits.extend(
                found
                    .into_iter()
                    .map(|hit| hit.moved(|range| origin[range.start]..origin[range.end])),
            );
        } else if zeal != Zeal::Accuse {
            hits.push(Hit::encoded(UNSETTLED, 0..text.len()));
        }
    }
    let mut look = |plain: &[u8]| {
        if !effort.spend(plain.len()) {
            return (zeal != Zeal::Accuse).then_some(UNSETTLED);
        }
        let plain = String::from_utf8_lossy(plain);
        let mut found = Vec::new();
        scan::layer(&plain, zeal, depth, effort, &mut found);
        found.first().map(|hit| hit.rule)
    };
    base64::layers(text.as_bytes(), zeal, &mut look, hits);
    hex::layers(text.as_bytes(), &mut look, hits);
}

/// Adds where there is something for [`layers`] to undo.
pub(crate) fn marks(text: &str, marks: &mut Vec<usize>) {
    marks.extend(escapes::places(text.as_bytes()));
    marks.extend(base64::runs(text.as_bytes()).map(|(start, _)| start));
    marks.extend(hex::runs(text.as_bytes()).map(|(start, _)| start));
}

/// The runs of `is_part` bytes that are at least `min` long.
fn long_runs(
    bytes: &[u8],
    min: usize,
    is_part: impl Fn(u8) -> bool,
) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            // A run of that length covers one of every so many bytes: look at those only.
            let probe = at + min - 1;
            if probe >= bytes.len() {
                return None;
            }
            let mut start = probe + 1;
            while start > at && is_part(bytes[start - 1]) {
                start -= 1;
            }
            if start > at {
                at = start;
                if start > probe {
                    continue;
                }
            }
            let end = bytes[probe..]
                .iter()
                .position(|&b| !is_part(b))
                .map_or(bytes.len(), |n| probe + n);
            at = end;
            if end - start >= min {
                return Some((start, end));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by looking at every byte.
    fn slowly(bytes: &[u8], min: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut start = 0;
        for at in 0..=bytes.len() {
            if at == bytes.len() || !bytes[at].is_ascii_alphanumeric() {
                if at - start >= min {
                    found.push((start, at));
                }
                start = at + 1;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn skipping_finds_what_looking_everywhere_finds(
            text in "([A-Za-z]{0,30}[ .]){0,8}[a-f0-9 ]{0,60}", min in 2..30_usize
        ) {
            let found: Vec<_> = long_runs(text.as_bytes(), min, |b| b.is_ascii_alphanumeric()).collect();
            prop_assert_eq!(found, slowly(text.as_bytes(), min));
        }
    }

    #[test]
    fn what_would_take_too_long_is_withheld_and_accuses_nobody() {
        let text = "x%2fx".repeat(100);
        for (zeal, expected) in [(Zeal::Mask, Some(UNSETTLED)), (Zeal::Accuse, None)] {
            let mut hits = Vec::new();
            layers(&text, zeal, 1, &mut Effort { bytes: 10 }, &mut hits);
            assert_eq!(hits.first().map(|hit| hit.rule), expected);
        }
    }
}
