//! Results of tools as text, the way a model reads them best: names and values a line each, long texts as they are.
//!
//! JSON would write each line break and quote of a file as two characters, and models copy what they see.

use std::fmt::Write as _;

use serde_json::Value;

/// A tool's result as text.
pub(crate) fn text(result: &Value) -> String {
    match result {
        Value::String(all) => all.clone(),
        Value::Object(members) => {
            let mut text = String::new();
            let (long, short): (Vec<_>, Vec<_>) =
                members.iter().partition(|(_, value)| is_long(value));
            for (name, value) in short.into_iter().chain(long) {
                member(&mut text, name, value);
            }
            text.truncate(text.trim_end_matches('\n').len());
            text
        }
        other => other.to_string(),
    }
}

fn member(text: &mut String, name: &str, value: &Value) {
    // Writing to a String does not fail.
    let _ = match value {
        Value::String(words) if words.contains('\n') => writeln!(text, "{name}:\n{words}"),
        Value::String(word) => writeln!(text, "{name}: {word}"),
        Value::Array(rows) if !rows.is_empty() => {
            let _ = writeln!(text, "{name}:");
            for row in rows {
                let _ = writeln!(text, "{row}");
            }
            Ok(())
        }
        other => writeln!(text, "{name}: {other}"),
    };
}

/// Whether a value gets lines of its own.
fn is_long(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\n'),
        Value::Array(rows) => !rows.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_stand_as_they_are_and_last() {
        let told = text(&json!({"stdout": "a \"b\"\nc\n", "stderr": "", "n": 1}));
        assert_eq!(told, "stderr: \nn: 1\nstdout:\na \"b\"\nc");
        let told = text(&json!({"entries": [{"name": "a"}, {"name": "b"}], "more": []}));
        assert_eq!(
            told,
            "more: []\nentries:\n{\"name\":\"a\"}\n{\"name\":\"b\"}"
        );
        assert_eq!(text(&json!("as\nit is\n")), "as\nit is\n");
        assert_eq!(text(&Value::Null), "null");
    }
}
