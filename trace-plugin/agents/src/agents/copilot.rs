//! GitHub Copilot CLI: it runs what every file in `hooks/` of its directory says; ours is a file of our own.

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
    "agentStop",
    "sessionEnd",
];
/// Seconds that a hook may take.
const TIMEOUT: u64 = 10;

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let path = place.join("hooks/smoltbot.json");
    let version = Want::Key {
        path: vec!["version".to_owned()],
        value: json!(1),
    };
    shared::hooks(
        path.clone(),
        "copilot",
        &EVENTS,
        hook,
        vec![version],
        asked,
        plan,
    )?;
    for file in [path, place.join("settings.json"), place.join("config.json")] {
        if shared::peek(&file)["disableAllHooks"] == true {
            plan.advice.push(format!(
                "its hooks are switched off: `disableAllHooks` in {}. Remove that key",
                file.display()
            ));
        }
    }
    Ok(())
}

fn hook(_event: &str, command: &str) -> Value {
    json!({ "type": "command", "bash": command, "timeoutSec": TIMEOUT })
}
