//! What a trace tells of what was masked in it: rules and how often, never a value, its length or its beginning.

use redact::Masked;
use serde_json::{Map, Value, json};

/// The key in a trace's metadata.
pub(super) const KEY: &str = "redactions";

/// How often each rule masked something: `{"github-pat": 1}`.
pub(super) fn counted(masked: &[&[Masked]]) -> Value {
    let mut all = Map::new();
    for masked in masked {
        count(&mut all, masked);
    }
    Value::Object(all)
}

/// Adds to what a trace's metadata tells already.
pub(super) fn add(metadata: &mut Map<String, Value>, masked: &[Masked]) {
    if masked.is_empty() {
        return;
    }
    let told = metadata
        .entry(KEY)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(all) = told {
        count(all, masked);
    }
}

fn count(all: &mut Map<String, Value>, masked: &[Masked]) {
    for mask in masked {
        let before = all.get(mask.rule).and_then(Value::as_u64).unwrap_or(0);
        all.insert(mask.rule.to_owned(), json!(before + u64::from(mask.count)));
    }
}
