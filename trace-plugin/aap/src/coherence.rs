//! Whether the values of two agents go together, and those of a fleet, as AAP 2.0.0 tells it: `checkCoherence` and
//! `checkFleetCoherence` of `@mnemom/agent-alignment-protocol`, `check_coherence` and `check_fleet_coherence` of
//! `agent-alignment-protocol`.
//!
//! Lists come in the order in which the cards declare; Python's come in none. A score is rounded half up, as TypeScript does; Python
//! rounds half to even. An empty list of task values is a list: nothing matches it (Python takes it for none).
//!
//! Not here: the messages ([`crate::handshake`]).

use serde::{Deserialize, Serialize};

use crate::card::AlignmentCard;

mod fleet;

pub use fleet::{
    AgentSummary, Cluster, Divergence, Fleet, FleetError, MAX_FLEET, Member, Outlier, Pair,
    check_fleet,
};

/// The least score with which two agents go on by themselves. From AAP's `constants` (`MIN_COHERENCE_FOR_PROCEED`).
pub const MIN_COHERENCE: f64 = 0.7;
/// What a conflict for each required value takes off the score. From AAP's `constants` (`CONFLICT_PENALTY_MULTIPLIER`).
pub const CONFLICT_PENALTY: f64 = 0.5;
/// What stands on the side of a conflict that names no value of its own.
const BY_CONFLICTS_WITH: &str = "(conflicts_with)";

/// Two values that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The initiator's value, or `(conflicts_with)` where it rejects the other's.
    pub initiator_value: String,
    /// The responder's value, or `(conflicts_with)`.
    pub responder_value: String,
    /// `incompatible`.
    pub conflict_type: String,
    /// In words.
    pub description: String,
}

/// How two lists of values lie to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueAlignment {
    /// On both cards.
    #[serde(default)]
    pub matched: Vec<String>,
    /// On one card.
    #[serde(default)]
    pub unmatched: Vec<String>,
    /// On one card, and rejected by the other.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
}

/// A way out of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// `escalate_to_principals`, `modified_scope` or `negotiated`; only the first is proposed.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why.
    pub reason: String,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coherence {
    /// No conflict, and a score of at least [`MIN_COHERENCE`].
    pub compatible: bool,
    /// 0 to 1, rounded to four places.
    pub score: f64,
    /// What it is made of.
    pub value_alignment: ValueAlignment,
    /// Whether to work together without asking; the same as `compatible`.
    pub proceed: bool,
    /// Conditions for it; AAP's checks make none.
    pub conditions: Vec<String>,
    /// The way out, where there is a conflict.
    pub proposed_resolution: Option<Resolution>,
}

/// Checks `initiator` against `responder`: share of the required values that both declare, less the penalty for conflicts.
/// Required are `task_values`, or else all values of either.
pub fn check(
    initiator: &AlignmentCard,
    responder: &AlignmentCard,
    task_values: Option<&[String]>,
) -> Coherence {
    let (mine, theirs) = (
        distinct(&initiator.values.declared),
        distinct(&responder.values.declared),
    );
    let (matched, only_mine): (Vec<&str>, Vec<&str>) =
        mine.iter().partition(|value| theirs.contains(value));
    let only_theirs = theirs.iter().filter(|value| !mine.contains(value)).copied();
    let unmatched: Vec<&str> = only_mine.into_iter().chain(only_theirs).collect();
    let conflicts = conflicts(&mine, &theirs, initiator, responder);
    let (required, kept) = match task_values {
        None => (matched.len() + unmatched.len(), matched.len()),
        Some(values) => {
            let values = distinct(values);
            let kept = matched.iter().filter(|value| values.contains(value));
            (values.len(), kept.count())
        }
    };
    let exact = score(kept, conflicts.len(), required.max(1));
    let compatible = conflicts.is_empty() && exact >= MIN_COHERENCE;
    let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
    Coherence {
        compatible,
        score: rounded(exact),
        proceed: compatible,
        conditions: Vec::new(),
        proposed_resolution: (!conflicts.is_empty()).then(|| Resolution {
            kind: "escalate_to_principals".to_owned(),
            reason: "Value conflict requires human decision".to_owned(),
        }),
        value_alignment: ValueAlignment {
            matched: owned(matched),
            unmatched: owned(unmatched),
            conflicts,
        },
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of values on cards, which are far below 2^52"
)]
fn score(kept: usize, conflicts: usize, required: usize) -> f64 {
    let required = required as f64;
    let penalty = (CONFLICT_PENALTY * (conflicts as f64 / required)).min(1.0);
    ((kept as f64 / required) * (1.0 - penalty)).clamp(0.0, 1.0)
}

fn conflicts(
    mine: &[&str],
    theirs: &[&str],
    initiator: &AlignmentCard,
    responder: &AlignmentCard,
) -> Vec<Conflict> {
    let rejected = |list: &[String], value: &str| list.iter().any(|other| other == value);
    let conflict = |mine: &str, theirs: &str, description: String| Conflict {
        initiator_value: mine.to_owned(),
        responder_value: theirs.to_owned(),
        conflict_type: "incompatible".to_owned(),
        description,
    };
    let by_responder = mine
        .iter()
        .filter(|value| rejected(&responder.values.conflicts_with, value))
        .map(|value| {
            let what = format!("Initiator's '{value}' is in responder's conflicts_with");
            conflict(value, BY_CONFLICTS_WITH, what)
        });
    let by_initiator = theirs
        .iter()
        .filter(|value| rejected(&initiator.values.conflicts_with, value))
        .map(|value| {
            let what = format!("Responder's '{value}' is in initiator's conflicts_with");
            conflict(BY_CONFLICTS_WITH, value, what)
        });
    by_responder.chain(by_initiator).collect()
}

/// Each value once, in the order of its first place.
fn distinct(values: &[String]) -> Vec<&str> {
    let mut seen: Vec<&str> = Vec::with_capacity(values.len());
    for value in values {
        if !seen.contains(&value.as_str()) {
            seen.push(value);
        }
    }
    seen
}

/// To four places, half up.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0 + 0.5).floor() / 10_000.0
}
