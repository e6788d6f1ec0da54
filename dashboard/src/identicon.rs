//! A small picture of an id, so that people tell agents apart at a glance. Proves nothing: ids are compared by their digits.

use std::fmt::Write as _;

use aap::AgentId;

use crate::text::Shown;

/// Folds the id into 32 bits; `assets/dashboard.js` does the same for live rows.
fn fold(id: AgentId) -> u32 {
    let bytes = *id.uuid().as_bytes();
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// A mirrored 5 by 5 pattern in one of 24 hues, as an SVG of its own.
pub(crate) fn identicon(id: AgentId) -> Shown {
    let hash = fold(id);
    let mut path = String::with_capacity(25 * 12);
    for row in 0..5_u32 {
        for column in 0..5_u32 {
            // Columns 3 and 4 mirror 1 and 0.
            let bit = row * 3 + column.min(4 - column);
            if hash >> bit & 1 == 1 {
                let _ = write!(path, "M{column} {row}h1v1h-1z");
            }
        }
    }
    let hue = (hash >> 16) % 24 * 15;
    Shown::trusted(format!(
        "<svg class=idn viewBox=\"-1 -1 7 7\" fill=\"hsl({hue} 52% 56%)\" aria-hidden=true><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_looks_the_same_and_another_does_not() {
        let of = |byte| identicon(AgentId::from_bytes([byte; 16]));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
