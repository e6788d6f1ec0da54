//! Where in a text the secrets are.

use std::ops::Range;

use crate::rules::RULES;
use crate::{assign, encoded, gate};

/// How sure a finding must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zeal {
    /// Masking at the source: too much is better than too little.
    Mask,
    /// Accusing at the edge, where a finding rejects a trace: what is found here would have been masked, not the reverse.
    Accuse,
}

/// A secret's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) rule: &'static str,
    pub(crate) range: Range<usize>,
    /// Smaller names the placeholder where hits meet.
    rank: usize,
}

impl Hit {
    /// A hit of the table's row `rank`.
    fn of_rule(rank: usize, rule: &'static str, range: Range<usize>) -> Self {
        Self { rule, range, rank }
    }

    /// A hit by name, which says less than a format does.
    pub(crate) fn by_name(rule: &'static str, range: Range<usize>) -> Self {
        Self {
            rule,
            range,
            rank: RULES.len(),
        }
    }

    /// A hit inside of an encoding.
    pub(crate) fn encoded(rule: &'static str, range: Range<usize>) -> Self {
        Self {
            rule,
            range,
            rank: RULES.len() + 1,
        }
    }
}

/// All secrets of `text`, in order, not overlapping.
pub(crate) fn scan(text: &str, zeal: Zeal) -> Vec<Hit> {
    let mut hits = plain(text, zeal);
    encoded::percent(text, zeal, &mut hits);
    encoded::base64(text, zeal, &mut hits);
    merge(hits)
}

/// The secrets that stand in `text` as it is; may overlap.
pub(crate) fn plain(text: &str, zeal: Zeal) -> Vec<Hit> {
    let look = gate::look(text);
    let mut hits = Vec::new();
    for at in look.rules() {
        let rule = &RULES[at];
        for group in rule.groups(text) {
            let secret = &text[group.clone()];
            if !is_placeholder(secret) && (rule.check)(secret) {
                hits.push(Hit::of_rule(at, rule.id, group));
            }
        }
    }
    assign::assignments(text, &look.names, zeal, &mut hits);
    encoded::discord(text, &mut hits);
    hits
}

/// What we put out ourselves is no secret, whatever stands before it.
fn is_placeholder(text: &str) -> bool {
    text.starts_with(crate::mask::PLACEHOLDER)
}

/// Joins hits that overlap; the hit of the lowest rank names them all.
fn merge(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.range.start, hit.rank));
    let mut merged: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.range.start < last.range.end => {
                last.range.end = last.range.end.max(hit.range.end);
                if hit.rank < last.rank {
                    (last.rank, last.rule) = (hit.rank, hit.rule);
                }
            }
            _ => merged.push(hit),
        }
    }
    merged
}
