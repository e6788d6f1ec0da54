//! Codex: command hooks in `hooks.json` of its directory, or in `config.toml` where the person keeps hooks there: with both, Codex
//! complains at each start.
//!
//! It skips a hook until its person has trusted it, and again after each change of it.

use std::path::Path;

use serde_json::{Value, json};
use toml_edit::{Document, Item};

use super::{Asked, shared};
use crate::block;
use crate::plan::{Change, Plan, Takeout, settings};

/// What it runs hooks for.
const EVENTS: [&str; 3] = ["PreToolUse", "PostToolUse", "Stop"];
/// Seconds that a hook may take.
const TIMEOUT: u64 = 10;

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let path = place.join("config.toml");
    let before = settings(&path)?;
    let text = before.clone().unwrap_or_default();
    let wrong = |error: &toml_edit::TomlError| {
        // The first line of its message says where, the last one what.
        let said = error.to_string();
        let place = said.lines().next().unwrap_or_default();
        format!(
            "{}: {place}: {}; nothing was changed",
            path.display(),
            error.message()
        )
    };
    let config =
        Document::parse(text.trim_start_matches('\u{feff}')).map_err(|error| wrong(&error))?;
    let get = |table: &str, key: &str| config.get(table).and_then(|table| table.get(key));
    for feature in ["hooks", "codex_hooks"] {
        if get("features", feature).and_then(Item::as_bool) == Some(false) {
            plan.advice.push(format!(
                "its hooks are switched off: `features.{feature}` is false in {}. Remove that line",
                path.display()
            ));
        }
    }
    let json_path = place.join("hooks.json");
    let hooks_table = config.get("hooks").and_then(Item::as_table_like);
    let inline = hooks_table.is_some_and(|hooks| hooks.iter().any(|(key, _)| key != "state"));
    // An array that is written in one piece cannot be added to from the end of the file.
    let extensible = !inline
        || EVENTS
            .iter()
            .all(|event| get("hooks", event).is_none_or(toml_edit::Item::is_array_of_tables))
            && config
                .get("hooks")
                .is_none_or(|hooks| hooks.as_inline_table().is_none());
    if inline && extensible && !json_path.exists() {
        let after = block::insert(&text, &lines(&plan.command));
        Document::parse(after.trim_start_matches('\u{feff}')).map_err(|error| wrong(&error))?;
        if after != text {
            plan.changes.push(Change {
                path: path.clone(),
                before,
                after,
                takeout: Takeout::Block,
            });
        }
    } else {
        shared::hooks(
            json_path.clone(),
            "codex",
            &EVENTS,
            hook,
            Vec::new(),
            asked,
            plan,
        )?;
        if inline {
            plan.notes.push(
                "it warns at its start that there are hooks in config.toml and in hooks.json; it runs both".to_owned(),
            );
        }
    }
    let source = if inline && extensible && !json_path.exists() {
        &path
    } else {
        &json_path
    };
    if !is_trusted(&config, source) {
        plan.advice.push(
            "Codex skips hooks until you trust them: start `codex`, type /hooks, and trust the three of smoltbot".to_owned(),
        );
    }
    Ok(())
}

/// Whether the person has trusted a hook before a tool call from `source`. Whether it was this very one only Codex knows.
fn is_trusted(config: &Document<&str>, source: &Path) -> bool {
    let state = config.get("hooks").and_then(|hooks| hooks.get("state"));
    let prefix = format!("{}:pre_tool_use:", source.display());
    state.and_then(Item::as_table_like).is_some_and(|state| {
        state
            .iter()
            .any(|(key, told)| key.starts_with(&prefix) && told.get("trusted_hash").is_some())
    })
}

fn hook(_event: &str, command: &str) -> Value {
    json!({ "hooks": [{ "type": "command", "command": command, "timeout": TIMEOUT }] })
}

/// The same as tables of TOML.
fn lines(command: &str) -> String {
    let command = Value::from(command).to_string();
    EVENTS
        .map(|event| {
            format!(
                "[[hooks.{event}]]\n[[hooks.{event}.hooks]]\ntype = \"command\"\ncommand = {command}\ntimeout = {TIMEOUT}\n"
            )
        })
        .join("\n")
}
