//! How an agent acted up to now: what an alert's direction is told by. The constants are those in the bodies of AAP 2.0's
//! `inferDriftDirection` and `buildDriftIndicators`, the same in both SDKs.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::likeness::{escalated, values};
use super::{DriftDirection, DriftIndicator, rounded};
use crate::card::AlignmentCard;

/// Traces at either end whose escalation rates are compared.
const RATE_TRACES: usize = 3;
/// Undeclared values above this share of all are value drift.
const UNDECLARED_SHARE: f64 = 0.3;
/// A mean confidence below this is misalignment with the principal, if the card declares their benefit.
const LOW_CONFIDENCE: f64 = 0.5;
/// The early escalation rate that leaves room for a fall.
const EARLY_RATE: f64 = 0.1;
/// The change of the escalation rate that is worth telling.
const RATE_CHANGE: f64 = 0.05;

/// What the direction is told by: everything up to now.
#[derive(Default)]
pub(super) struct History<'a> {
    early: Vec<bool>,
    late: VecDeque<bool>,
    values: BTreeMap<&'a str, usize>,
}

impl<'a> History<'a> {
    pub(super) fn add(&mut self, trace: &'a Value) {
        let escalated = escalated(trace);
        if self.early.len() < RATE_TRACES {
            self.early.push(escalated);
        }
        if self.late.len() == RATE_TRACES {
            self.late.pop_front();
        }
        self.late.push_back(escalated);
        for value in values(trace) {
            *self.values.entry(value).or_insert(0) += 1;
        }
    }

    /// Shares of the first and of the last traces that asked.
    fn rates(&self) -> (f64, f64) {
        (share(self.early.iter()), share(self.late.iter()))
    }

    pub(super) fn direction(
        &self,
        card: &AlignmentCard,
        streak: &[(&Value, f64)],
    ) -> DriftDirection {
        let (early, late) = self.rates();
        if early > EARLY_RATE && late < early * 0.5 {
            return DriftDirection::AutonomyExpansion;
        }
        let used: usize = self.values.values().sum();
        let undeclared = self
            .values
            .iter()
            .filter(|(value, _)| !card.declares(value));
        let undeclared: usize = undeclared.map(|(_, count)| count).sum();
        if ratio(undeclared, used) > UNDECLARED_SHARE {
            return DriftDirection::ValueDrift;
        }
        let confidence = |trace: &Value| {
            trace
                .pointer("/decision/confidence")
                .and_then(Value::as_f64)
        };
        let sum: f64 = streak
            .iter()
            .map(|(trace, _)| confidence(trace).unwrap_or(1.0))
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "three")]
        let unsure = sum / (streak.len() as f64) < LOW_CONFIDENCE;
        if card.declares("principal_benefit") && unsure {
            return DriftDirection::PrincipalMisalignment;
        }
        DriftDirection::Unknown
    }

    pub(super) fn rate_change(&self) -> Option<DriftIndicator> {
        let (early, late) = self.rates();
        ((early - late).abs() > RATE_CHANGE).then(|| DriftIndicator {
            indicator: "escalation_rate_change",
            baseline: rounded(early, 2),
            current: rounded(late, 2),
            description: format!(
                "Escalation rate changed from {:.0}% to {:.0}%",
                early * 100.0,
                late * 100.0
            ),
        })
    }
}

fn share<'a>(flags: impl ExactSizeIterator<Item = &'a bool>) -> f64 {
    let all = flags.len();
    ratio(flags.filter(|flag| **flag).count(), all)
}

/// 0 of nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of what one page of traces holds"
)]
fn ratio(part: usize, all: usize) -> f64 {
    if all == 0 {
        0.0
    } else {
        part as f64 / all as f64
    }
}
