//! Gemini CLI: command hooks in `settings.json` of its directory. It waits for each hook.

use std::path::Path;

use serde_json::{Value, json};

use super::{Asked, shared};
use crate::plan::Plan;

/// The first version in which hooks are on by default.
pub(super) const NEEDS: [u64; 3] = [0, 26, 0];
/// What it runs hooks for: a call, the end of a turn, the end of a session.
const EVENTS: [&str; 4] = ["BeforeTool", "AfterTool", "AfterAgent", "SessionEnd"];
/// Milliseconds that a hook may take.
const TIMEOUT_MS: u64 = 10_000;
/// What people see it as.
const NAME: &str = "smoltbot";

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let path = place.join("settings.json");
    shared::hooks(
        path.clone(),
        "gemini",
        &EVENTS,
        hook,
        Vec::new(),
        asked,
        plan,
    )?;
    let said = shared::peek(&path);
    let off = if said["hooksConfig"]["enabled"] == false {
        Some("`hooksConfig.enabled` is false")
    } else if said["hooks"]["enabled"] == false {
        Some("`hooks.enabled` is false")
    } else if said["tools"]["enableHooks"] == false {
        Some("`tools.enableHooks` is false")
    } else {
        let names = said["hooksConfig"]["disabled"].as_array();
        let ours = |name: &Value| name == NAME || *name == *plan.command;
        names
            .is_some_and(|names| names.iter().any(ours))
            .then_some("`hooksConfig.disabled` names smoltbot")
    };
    if let Some(off) = off {
        plan.advice.push(format!(
            "its hooks are switched off: {off} in {}. Change that",
            path.display()
        ));
    }
    Ok(())
}

fn hook(event: &str, command: &str) -> Value {
    let hooks =
        json!([{ "name": NAME, "type": "command", "command": command, "timeout": TIMEOUT_MS }]);
    if event.ends_with("Tool") {
        json!({ "matcher": "*", "hooks": hooks })
    } else {
        json!({ "hooks": hooks })
    }
}
