//! Secrets that only a whole command line tells: `["curl", "-u", "me:hunter2"]`, `["mysql", "-p", "hunter2"]`.

use serde_json::Value;

use crate::limits::{MAX_ARGV_BYTES, MAX_ARGV_ITEMS, MAX_ROUNDS};
use crate::mask::{Hide, UNSETTLED, is_cut, placeholder};
use crate::redacted::Masks;
use crate::scan::scan;

/// The items of an array of strings and numbers with what is secret in them, read as one line, masked. None where nothing is.
///
/// Numbers belong to the line: `["mysql", "--port", 3306, "-p", "hunter2"]`. Without them one that is published as a string,
/// because a double cannot hold it, would let a second reading see a line where the first saw none. For the same reason nothing
/// is a line that was cut: it was read when it was whole, if it was one.
pub(crate) fn masked(items: &[Value], hide: Hide<'_>, masks: &mut Masks) -> Option<Vec<Value>> {
    if !(2..=MAX_ARGV_ITEMS).contains(&items.len()) {
        return None;
    }
    let mut texts = words(items)?;
    for round in 0..=MAX_ROUNDS {
        let hits = scan(&texts.join(" "), hide.zeal());
        if hits.is_empty() {
            return (round > 0).then(|| line(items, texts));
        }
        let mut start = 0;
        texts = texts
            .iter()
            .map(|text| {
                let range = start..start + text.len();
                start = range.end + 1;
                let mut masked = String::with_capacity(text.len());
                let mut from = range.start;
                for hit in &hits {
                    let (begin, end) = (hit.range.start.max(from), hit.range.end.min(range.end));
                    if begin < end {
                        masked.push_str(&text[from - range.start..begin - range.start]);
                        masked.push_str(&placeholder(hit.rule));
                        from = end;
                    }
                }
                masked.push_str(&text[from - range.start..]);
                masked
            })
            .collect();
        for hit in hits {
            masks.add(hit.rule);
        }
    }
    masks.add(UNSETTLED);
    Some(vec![placeholder(UNSETTLED).into(); items.len()])
}

/// The words of the line. None if something else is among them, one was cut, or they are too long to be one.
fn words(items: &[Value]) -> Option<Vec<String>> {
    let mut left = MAX_ARGV_BYTES;
    let word = |item: &Value| {
        let word = match item {
            Value::String(text) if text.len() < left && !is_cut(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        left = left.checked_sub(word.len() + 1)?;
        Some(word)
    };
    items.iter().map(word).collect()
}

/// The items with what their words became; a number that nothing was masked in stays one.
fn line(items: &[Value], words: Vec<String>) -> Vec<Value> {
    items
        .iter()
        .zip(words)
        .map(|(item, word)| match item {
            Value::Number(number) if number.to_string() == word => item.clone(),
            _ => word.into(),
        })
        .collect()
}
