//! Where in a text the secrets are.

use std::ops::Range;

use crate::encoded::{self, Effort};
use crate::limits::MAX_ENCODINGS;
use crate::rules::RULES;
use crate::{assign, gate};
#[cfg(not(target_arch = "wasm32"))]
use crate::{kubernetes, pii};

/// How sure a finding must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zeal {
    /// Masking at the source: too much is better than too little.
    Mask,
    /// As [`Zeal::Mask`], and personal data too.
    MaskPersonal,
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
            rank: usize::MAX - 1,
        }
    }

    /// A hit by what is known of people, not of secrets.
    pub(crate) fn personal(rule: &'static str, range: Range<usize>) -> Self {
        Self::encoded(rule, range)
    }

    /// A hit inside of an encoding.
    pub(crate) fn encoded(rule: &'static str, range: Range<usize>) -> Self {
        Self {
            rule,
            range,
            rank: usize::MAX,
        }
    }
}

impl Hit {
    /// The same rule's, elsewhere.
    pub(crate) fn moved(self, to: impl FnOnce(Range<usize>) -> Range<usize>) -> Self {
        Self::encoded(self.rule, to(self.range))
    }
}

/// All secrets of `text`, in order, not overlapping.
pub(crate) fn scan(text: &str, zeal: Zeal) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut effort = Effort::of(text.len());
    layer(text, zeal, MAX_ENCODINGS, &mut effort, &mut hits);
    merge(hits)
}

/// Whether there is anything in `text` that a [`Redactor`](crate::Redactor) masks, personal data aside.
pub fn holds_secret(text: &str) -> bool {
    !scan(text, Zeal::Mask).is_empty()
}

/// Adds the secrets of `text`, and of up to `depth` encodings in it; they may overlap.
pub(crate) fn layer(
    text: &str,
    zeal: Zeal,
    depth: usize,
    effort: &mut Effort,
    hits: &mut Vec<Hit>,
) {
    plain(text, zeal, hits);
    if let Some(depth) = depth.checked_sub(1) {
        encoded::layers(text, zeal, depth, effort, hits);
    }
}

/// Adds the secrets that stand in `text` as it is.
fn plain(text: &str, zeal: Zeal, hits: &mut Vec<Hit>) {
    let look = gate::look(text);
    for at in look.rules() {
        let rule = &RULES[at];
        if zeal == Zeal::Accuse && !rule.accuses {
            continue;
        }
        for group in rule.groups(text) {
            let secret = &text[group.clone()];
            if !is_placeholder(secret) && rule.is_secret(secret) {
                hits.push(Hit::of_rule(at, rule.id, group));
            }
        }
    }
    assign::assignments(text, &look.names, zeal, hits);
    encoded::discord(text, hits);
    // A Worker only accuses.
    #[cfg(not(target_arch = "wasm32"))]
    {
        if zeal != Zeal::Accuse {
            kubernetes::secrets(text, &look.names, hits);
        }
        if zeal == Zeal::MaskPersonal {
            pii::personal(text, hits);
        }
    }
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
