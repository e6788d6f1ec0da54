//! The one character that no store can hold: Postgres has no text and no JSON with U+0000 in it, so nothing takes it.

use serde_json::Value;

/// How written JSON spells it. Other texts may hold these six characters too, after a backslash of their own.
const WRITTEN: &str = "\\u0000";

/// Whether `written` may hold it; a quick look.
pub(crate) fn is_written(written: &str) -> bool {
    written.as_bytes().contains(&b'\\') && written.contains(WRITTEN)
}

/// Where in `value`, of which `written` is the JSON text, a text or a key holds it; a path such as `action.parameters.list[2]`.
pub(crate) fn find(value: &Value, written: &str) -> Option<String> {
    if !is_written(written) {
        return None;
    }
    let path = search(value)?;
    let path = path.strip_prefix('.').unwrap_or(&path);
    Some(path.escape_debug().to_string())
}

/// What is said of it.
pub(crate) fn complaint(place: &str) -> String {
    format!("{place} holds a NUL character (U+0000), which cannot be stored; replace it")
}

fn search(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("[{index}]{}", search(item)?))),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            if key.contains('\0') {
                return Some(format!(".{key}"));
            }
            Some(format!(".{key}{}", search(value)?))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_is_named_and_what_only_looks_like_it_is_left_alone() {
        for (value, place) in [
            (
                json!({"a": {"list": [1, {"b": "x\0"}]}}),
                Some("a.list[1].b"),
            ),
            (json!({"a": {"x\0y": 1}}), Some("a.x\\0y")),
            (json!({"a": "\\u0000", "b": ["\\", "u0000"]}), None),
            (json!(null), None),
        ] {
            assert_eq!(
                find(&value, &value.to_string()).as_deref(),
                place,
                "{value}"
            );
        }
        assert!(complaint("tool_name").starts_with("tool_name holds a NUL character"));
    }
}
