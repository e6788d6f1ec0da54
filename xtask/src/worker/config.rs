//! What xtask reads in `wrangler.jsonc`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

/// The file.
pub(crate) fn read() -> Result<Value> {
    let file = super::home().join("wrangler.jsonc");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&without_comments(&text))
        .with_context(|| format!("{} is not JSON with comments", file.display()))
}

/// The classes of the default environment's Durable Objects.
pub(crate) fn classes(config: &Value) -> BTreeSet<String> {
    config["durable_objects"]["bindings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|binding| binding["class_name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Line comments become spaces; what stands in a string is none.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut quoted, mut escaped, mut end) = (false, false, line.len());
        for (at, c) in line.char_indices() {
            match c {
                '"' if !escaped => quoted = !quoted,
                '/' if !quoted && line[at..].starts_with("//") => {
                    end = at;
                    break;
                }
                _ => {}
            }
            escaped = quoted && c == '\\' && !escaped;
        }
        plain.push_str(&line[..end]);
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_at_the_line_and_never_start_in_a_string() {
        let text = "{ // a \"b\n\"url\": \"https://x\\\"//y\", // z\n\"n\": 1 }";
        let value: Value = serde_json::from_str(&without_comments(text)).unwrap();
        assert_eq!(value, serde_json::json!({"url": "https://x\"//y", "n": 1}));
    }
}
