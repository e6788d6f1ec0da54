//! Claude Code: command hooks in `settings.json` of its directory.
//!
//! It reads hooks when a session starts; sessions that run go on without. `SessionEnd` and `Stop` tell when open calls have no
//! more end to come.

use std::path::Path;

use serde_json::{Value, json};

use super::{Asked, shared};
use crate::plan::Plan;

/// The first version with hooks.
pub(super) const NEEDS: [u64; 3] = [1, 0, 38];
/// What it runs hooks for.
const EVENTS: [&str; 5] = [
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "SessionEnd",
];
/// Seconds that a hook may take. Ours takes milliseconds; its own default would let a stuck one hold a call for ten minutes.
const TIMEOUT: u64 = 10;
/// Where a company's rules for it are.
const MANAGED: [&str; 2] = [
    "/etc/claude-code/managed-settings.json",
    "/Library/Application Support/ClaudeCode/managed-settings.json",
];

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let path = place.join("settings.json");
    shared::hooks(
        path.clone(),
        "claude-code",
        &EVENTS,
        hook,
        Vec::new(),
        asked,
        plan,
    )?;
    if shared::peek(&path)["disableAllHooks"] == true {
        plan.advice.push(format!(
            "its hooks are switched off: `disableAllHooks` in {}. Remove that key",
            path.display()
        ));
    }
    if let Some(managed) = MANAGED
        .iter()
        .find(|managed| shared::peek(Path::new(managed))["allowManagedHooksOnly"] == true)
    {
        plan.advice.push(format!(
            "it runs only hooks that {managed} names (`allowManagedHooksOnly`); whoever manages this machine must add them there"
        ));
    }
    Ok(())
}

fn hook(event: &str, command: &str) -> Value {
    let hooks = json!([{ "type": "command", "command": command, "timeout": TIMEOUT }]);
    if event.ends_with("ToolUse") || event.ends_with("Failure") {
        json!({ "matcher": "*", "hooks": hooks })
    } else {
        json!({ "hooks": hooks })
    }
}
