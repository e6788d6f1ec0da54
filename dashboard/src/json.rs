//! JSON laid out for reading: keys, texts and numbers in their colours, redaction marks highlighted.

use std::fmt::Write as _;

use serde_json::Value;

use crate::text::{Shown, block, line};

/// Characters of one text; the raw document below has all of it.
const TEXT_CHARS: usize = 4_000;
/// Characters of a key.
const KEY_CHARS: usize = 200;
/// Bytes of HTML of one value; what goes beyond is left to the raw document.
const MAX_BYTES: usize = 24 * 1024;
/// Characters of a raw document: more than `aap::limits::MAX_TRACE_BYTES` makes when indented.
const RAW_CHARS: usize = 256 * 1024;

/// Laid out and coloured.
pub(crate) fn pretty(value: &Value) -> Shown {
    let mut out = String::new();
    put(&mut out, value, 0);
    Shown::trusted(out)
}

/// Laid out, with nothing left out and nothing coloured.
pub(crate) fn raw(value: &Value) -> Shown {
    block(
        &serde_json::to_string_pretty(value).unwrap_or_default(),
        RAW_CHARS,
    )
}

fn put(out: &mut String, value: &Value, depth: usize) {
    if out.len() > MAX_BYTES {
        // Once is enough; every element that follows would say it again.
        if !out.ends_with("</i>") {
            out.push_str("<i class=cut>… the rest is in the raw trace</i>");
        }
        return;
    }
    match value {
        Value::Null => out.push_str("<i class=j0>null</i>"),
        Value::Bool(flag) => {
            let _ = write!(out, "<i class=jn>{flag}</i>");
        }
        Value::Number(number) => {
            let _ = write!(out, "<i class=jn>{number}</i>");
        }
        Value::String(text) => {
            let _ = write!(
                out,
                "<span class=js>&#34;{}&#34;</span>",
                block(text, TEXT_CHARS)
            );
        }
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(fields) if fields.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                next(out, index, depth + 1);
                put(out, item, depth + 1);
            }
            next(out, 0, depth);
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (index, (key, item)) in fields.iter().enumerate() {
                next(out, index, depth + 1);
                let _ = write!(out, "<b class=jk>{}</b>: ", line(key, KEY_CHARS));
                put(out, item, depth + 1);
            }
            next(out, 0, depth);
            out.push('}');
        }
    }
}

/// A comma unless it is the first, and a new line.
fn next(out: &mut String, index: usize, depth: usize) {
    if out.len() > MAX_BYTES {
        return;
    }
    if index > 0 {
        out.push(',');
    }
    out.push('\n');
    for _ in 0..depth.min(32) {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_and_keys_are_escaped() {
        let html = pretty(&json!({"<k>": "<script>", "n": [1, null, true]})).to_string();
        assert!(html.contains("&lt;k&gt;") && html.contains("&lt;script&gt;"));
        assert!(!html.contains("<script>"));
    }

    #[test]
    fn large_and_deep_values_stay_small() {
        let large = json!(vec!["x".repeat(3_000); 200]);
        assert!(pretty(&large).to_string().len() < 2 * MAX_BYTES);
        let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
        assert!(pretty(&deep).to_string().len() < 2 * MAX_BYTES);
    }
}
