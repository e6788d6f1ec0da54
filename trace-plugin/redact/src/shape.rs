//! The shape of a value: keys, types and lengths, no content.

use serde_json::{Map, Value};

use crate::limits::{MAX_SHAPE_DEPTH, MAX_SHAPE_KEY_BYTES, MAX_SHAPE_NODES};
use crate::mask::{Hide, mask_and_cut};
use crate::redacted::Masks;
use crate::walk::{CUT_KEY, insert, is_cut_count, mark_cut};

/// Draws shapes, as many nodes as are left.
pub(crate) struct Shaper<'a> {
    pub(crate) hide: Hide<'a>,
    pub(crate) masks: &'a mut Masks,
    left: usize,
}

impl<'a> Shaper<'a> {
    pub(crate) fn new(hide: Hide<'a>, masks: &'a mut Masks) -> Self {
        Self {
            hide,
            masks,
            left: MAX_SHAPE_NODES,
        }
    }

    /// `{"command": "[string, 11 chars]"}`.
    pub(crate) fn shape(&mut self, value: &Value, depth: usize) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Bool(_) => "[boolean]".into(),
            Value::Number(_) => "[number]".into(),
            Value::String(text) if is_shape(text) => text.as_str().into(),
            Value::String(text) => counted("string", text.chars().count(), "char").into(),
            Value::Array(items) => counted("array", items.len(), "item").into(),
            Value::Object(members) if depth >= MAX_SHAPE_DEPTH => {
                counted("object", members.len(), "key").into()
            }
            Value::Object(members) => self.members(members, depth),
        }
    }

    fn members(&mut self, members: &Map<String, Value>, depth: usize) -> Value {
        let mut shaped = Map::new();
        for (at, (key, value)) in members.iter().enumerate() {
            if key == CUT_KEY && is_cut_count(value) {
                shaped.insert(key.clone(), value.clone());
                continue;
            }
            if self.left == 0 {
                mark_cut(&mut shaped, members.len() - at);
                break;
            }
            self.left -= 1;
            let key = mask_and_cut(key, MAX_SHAPE_KEY_BYTES, self.hide, self.masks);
            let shape = self.shape(value, depth + 1);
            insert(&mut shaped, key, shape);
        }
        Value::Object(shaped)
    }
}

fn counted(kind: &str, count: usize, unit: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("[{kind}, {count} {unit}{plural}]")
}

/// Whether a text is one of our shapes, which says nothing and stays as it is.
pub(crate) fn is_shape(text: &str) -> bool {
    if matches!(text, "[boolean]" | "[number]") {
        return true;
    }
    let Some((kind, rest)) = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']')?.split_once(", "))
    else {
        return false;
    };
    let Some((count, unit)) = rest.split_once(' ') else {
        return false;
    };
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    matches!(
        (kind, unit),
        ("string", "char") | ("array", "item") | ("object", "key")
    ) && count.len() <= 20
        && !count.is_empty()
        && count.bytes().all(|b| b.is_ascii_digit())
}
