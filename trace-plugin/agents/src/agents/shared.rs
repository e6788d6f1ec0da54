//! What several agents have in common: events with groups of command hooks, in a JSON file.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Asked;
use crate::command::is_hook;
use crate::json::{self, Undo, Want};
use crate::plan::{Change, Plan, Takeout, settings};

/// Adds to `plan` that `path` shall hold one hook for each of `events`, made by `hook` from the command, and `more`. Hooks that
/// somebody put there by hand are as good as ours, and are left alone.
pub(super) fn hooks(
    path: PathBuf,
    name: &str,
    events: &[&str],
    hook: impl Fn(&str, &str) -> Value,
    more: Vec<Want>,
    asked: &Asked<'_>,
    plan: &mut Plan,
) -> Result<(), String> {
    let before = settings(&path)?;
    let mut text = before.clone().unwrap_or_default();
    let wrong = |error| format!("{}: {error}; nothing was changed", path.display());
    if let Some(earlier) = asked.before
        && earlier.command != plan.command
    {
        text = json::replace_strings(&text, &earlier.command, &plan.command).map_err(wrong)?;
    }
    let value = json::read(&text).map_err(wrong)?.unwrap_or_default();
    let mut wants = more;
    for event in events {
        let by_hand = by_hand(&value["hooks"][event], name);
        wants.push(Want::Element {
            path: vec!["hooks".to_owned(), (*event).to_owned()],
            value: hook(event, &plan.command),
            mark: by_hand.unwrap_or_else(|| plan.command.clone()),
        });
    }
    let (after, mut undo) = json::insert(&text, &wants).map_err(wrong)?;
    // What was there by hand is not ours to take out.
    undo.marks.retain(|mark| *mark == plan.command);
    undo.marks.dedup();
    push(plan, path, before, after, undo);
    Ok(())
}

/// Adds the change of `path` to `plan`, if there is one.
pub(super) fn push(
    plan: &mut Plan,
    path: PathBuf,
    before: Option<String>,
    after: String,
    undo: Undo,
) {
    if before.as_deref() != Some(&after) {
        plan.changes.push(Change {
            path,
            before,
            after,
            takeout: Takeout::Json(undo),
        });
    }
}

/// A hook of ours among `groups` that says another command than ours would.
fn by_hand(groups: &Value, name: &str) -> Option<String> {
    match groups {
        Value::String(command) => is_hook(command, name).then(|| command.clone()),
        Value::Array(items) => items.iter().find_map(|item| by_hand(item, name)),
        Value::Object(members) => members.values().find_map(|member| by_hand(member, name)),
        _ => None,
    }
}

/// What a JSON file says; null where there is none, or where it cannot be read, which is told elsewhere.
pub(super) fn peek(path: &Path) -> Value {
    let text = settings(path).ok().flatten().unwrap_or_default();
    json::read(&text).ok().flatten().unwrap_or_default()
}
