//! A small picture of an id, so that people tell agents apart at a glance. Proves nothing: ids are compared by their digits.

use std::fmt::Write as _;

use aap::AgentId;

use crate::text::Shown;

/// Squares along one side.
const SIDE: u32 = 5;

/// Folds the id into 32 bits; `assets/dashboard.js` does the same for live rows.
fn fold(id: AgentId) -> u32 {
    let bytes = *id.uuid().as_bytes();
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The squares of a mirrored 5 by 5 pattern that are filled: column, row.
pub(crate) fn squares(id: AgentId) -> impl Iterator<Item = (u8, u8)> {
    let hash = fold(id);
    (0_u8..25).filter_map(move |place| {
        let (column, row) = (place % 5, place / 5);
        // Columns 3 and 4 mirror 1 and 0.
        let bit = u32::from(row) * 3 + u32::from(column).min(SIDE - 1 - u32::from(column));
        (hash >> bit & 1 == 1).then_some((column, row))
    })
}

/// Its colour: one of 24 hues, in degrees.
pub(crate) fn hue(id: AgentId) -> u32 {
    (fold(id) >> 16) % 24 * 15
}

/// The pattern as the data of an SVG path.
pub(crate) fn path(id: AgentId) -> String {
    let mut path = String::with_capacity(25 * 12);
    for (column, row) in squares(id) {
        let _ = write!(path, "M{column} {row}h1v1h-1z");
    }
    path
}

/// The pattern in its colour, as an SVG of its own.
pub(crate) fn identicon(id: AgentId) -> Shown {
    Shown::trusted(format!(
        "<svg class=idn viewBox=\"-1 -1 7 7\" fill=\"hsl({} 52% 56%)\" aria-hidden=true><path d=\"{}\"/></svg>",
        hue(id),
        path(id)
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

    #[test]
    fn it_is_mirrored() {
        let filled: Vec<_> = squares(AgentId::from_bytes([7; 16])).collect();
        for (column, row) in &filled {
            assert!(filled.contains(&(4 - column, *row)));
        }
    }
}
