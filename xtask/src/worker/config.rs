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

/// The ids of Hyperdrive configurations that were never filled in for the environment `env`.
pub(crate) fn placeholders(config: &Value, env: &str) -> Vec<String> {
    let bindings = config["env"][env]["hyperdrive"].as_array();
    let ids = bindings
        .into_iter()
        .flatten()
        .filter_map(|binding| binding["id"].as_str());
    // Cloudflare's are 32 hexadecimal digits.
    let filled = |id: &&str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    ids.filter(|id| !filled(id)).map(str::to_owned).collect()
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

    /// Every `"binding"`, `"name"` and `"class_name"` of an environment, where it stands.
    fn names(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members.iter().filter(|(key, _)| *key != "env") {
                    let path = format!("{path}/{key}");
                    match value.as_str() {
                        Some(text)
                            if ["binding", "name", "class_name", "tag"].contains(&key.as_str()) =>
                        {
                            found.push(format!("{path} {text}"));
                        }
                        _ => names(value, &path, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, path, found)),
            _ => {}
        }
    }

    #[test]
    fn every_environment_binds_what_the_top_level_binds() {
        let config = read().unwrap();
        let mut top = Vec::new();
        names(&config, "", &mut top);
        // The files are inherited.
        top.retain(|line| {
            !["/name smoltbot-edge", "/assets/binding FILES"].contains(&line.as_str())
        });
        assert!(top.len() > 8, "{top:?}");
        for env in ["staging", "production"] {
            let mut found = Vec::new();
            names(&config["env"][env], "", &mut found);
            assert_eq!(found, top, "{env}");
            assert_eq!(
                config["env"][env]["migrations"], config["migrations"],
                "{env}"
            );
            assert_eq!(
                placeholders(&config, env).len(),
                2,
                "an id of somebody's account"
            );
        }
    }

    /// Without it Cloudflare drops a batch that failed too often, though its sender was told that it waits.
    #[test]
    fn no_queued_batch_is_dropped_when_it_failed_too_often() {
        let config = read().unwrap();
        let mut letters = BTreeSet::new();
        for env in [
            &config,
            &config["env"]["staging"],
            &config["env"]["production"],
        ] {
            let queues = &env["queues"];
            let produced = &queues["producers"][0]["queue"];
            let consumer = &queues["consumers"][0];
            assert_eq!(&consumer["queue"], produced);
            let dead = consumer["dead_letter_queue"].as_str().unwrap();
            assert_eq!(dead, format!("{}-dead", produced.as_str().unwrap()));
            assert!(letters.insert(dead), "{dead} is of another environment");
            // The Worker tells of them, and knows them by their queue's name.
            let (of_letters, rest) = (&queues["consumers"][1], &queues["consumers"][2]);
            assert_eq!((&of_letters["queue"], rest), (&dead.into(), &Value::Null));
        }
    }

    #[test]
    fn every_class_is_migrated_to() {
        let config = read().unwrap();
        let migrated: BTreeSet<String> = config["migrations"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|step| {
                step["new_sqlite_classes"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter_map(|class| class.as_str().map(str::to_owned))
            .collect();
        assert_eq!(classes(&config), migrated);
    }

    #[test]
    fn ids_that_were_filled_in_are_no_placeholders() {
        let config = serde_json::json!({"env": {"x": {"hyperdrive": [{"id": "0123456789abcdef0123456789abcdef"}, {"id": "X_ID"}]}}});
        assert_eq!(placeholders(&config, "x"), ["X_ID"]);
    }

    #[test]
    fn comments_end_at_the_line_and_never_start_in_a_string() {
        let text = "{ // a \"b\n\"url\": \"https://x\\\"//y\", // z\n\"n\": 1 }";
        let value: Value = serde_json::from_str(&without_comments(text)).unwrap();
        assert_eq!(value, serde_json::json!({"url": "https://x\"//y", "n": 1}));
    }
}
