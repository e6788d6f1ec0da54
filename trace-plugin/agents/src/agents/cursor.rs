//! Cursor: command hooks in `hooks.json` of its directory.
//!
//! The three hooks for every tool, which have an id for each call, and none of the older ones for each kind of tool: with both,
//! every command would be recorded twice.

use std::path::Path;

use serde_json::{Value, json};

use super::{Asked, shared};
use crate::json::Want;
use crate::plan::Plan;

/// What it runs hooks for.
const EVENTS: [&str; 5] = [
    "preToolUse",
    "postToolUse",
    "postToolUseFailure",
    "stop",
    "sessionEnd",
];

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let path = place.join("hooks.json");
    let version = Want::Key {
        path: vec!["version".to_owned()],
        value: json!(1),
    };
    shared::hooks(
        path.clone(),
        "cursor",
        &EVENTS,
        hook,
        vec![version],
        asked,
        plan,
    )?;
    let version = &shared::peek(&path)["version"];
    if !version.is_null() && *version != 1 {
        plan.advice.push(format!(
            "{} has version {version}; these hooks are of version 1. Look in Cursor's settings, under Hooks, whether it takes them",
            path.display()
        ));
    }
    Ok(())
}

fn hook(_event: &str, command: &str) -> Value {
    json!({ "command": command })
}
