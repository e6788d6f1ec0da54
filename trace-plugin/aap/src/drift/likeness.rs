//! What a trace is compared by, and how alike it is to the first ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// One thing that a trace has or has not: what it is, and its name.
type Feature<'a> = (&'static str, &'a str);

fn features(trace: &Value) -> BTreeSet<Feature<'_>> {
    let named = [
        ("action", "/action/type"),
        ("category", "/action/category"),
        ("action_name", "/action/name"),
    ];
    let mut found: BTreeSet<_> = named
        .into_iter()
        .filter_map(|(what, pointer)| Some((what, text(trace, pointer)?)))
        .collect();
    found.extend(values(trace).map(|value| ("value", value)));
    if trace.get("escalation").is_some_and(Value::is_object) {
        found.insert((
            "escalation",
            if escalated(trace) {
                "required"
            } else {
                "not_required"
            },
        ));
        let status = text(trace, "/escalation/escalation_status");
        found.extend(status.map(|status| ("escalation", status)));
    }
    let flags = items(trace, "/decision/alternatives_considered")
        .flat_map(|option| items(option, "/flags"));
    found.extend(flags.filter_map(Value::as_str).map(|flag| ("flag", flag)));
    found
}

/// How often each feature occurs among the first traces. The cosine does not change with scale, so counts do for means, exactly.
pub(super) struct Baseline<'a> {
    counts: BTreeMap<Feature<'a>, u32>,
    square: u32,
}

impl<'a> Baseline<'a> {
    pub(super) fn of(traces: impl Iterator<Item = &'a Value>) -> Self {
        let mut counts = BTreeMap::new();
        for feature in traces.flat_map(features) {
            *counts.entry(feature).or_insert(0) += 1;
        }
        let square = counts.values().map(|count| count * count).sum();
        Self { counts, square }
    }

    /// The cosine between a trace's features and the counts, 0 to 1; 0 when either has none.
    pub(super) fn similarity(&self, trace: &Value) -> f64 {
        let features = features(trace);
        let shared: u32 = features
            .iter()
            .filter_map(|feature| self.counts.get(feature))
            .sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a trace of 64 KiB has fewer than 2^16 features"
        )]
        let norm = (f64::from(self.square) * features.len() as f64).sqrt();
        if norm == 0.0 {
            0.0
        } else {
            f64::from(shared) / norm
        }
    }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Ids of the applied values; one that was applied twice comes twice.
pub(super) fn values(trace: &Value) -> impl Iterator<Item = &str> {
    items(trace, "/decision/values_applied")
        .filter_map(|value| value.as_str().or_else(|| value.get("id")?.as_str()))
}

pub(super) fn escalated(trace: &Value) -> bool {
    trace
        .pointer("/escalation/required")
        .and_then(Value::as_bool)
        == Some(true)
}
