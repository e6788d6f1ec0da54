//! `OpenCode`: a plugin file in `plugins/` of its directory, which it loads at its start.

use std::path::{Path, PathBuf};

use super::Asked;
use crate::machine::Machine;
use crate::plan::{Change, Plan, Takeout, settings};
use crate::plugins;

pub(super) fn place(machine: &Machine) -> PathBuf {
    machine.named_by("OPENCODE_CONFIG_DIR").unwrap_or_else(|| {
        let config = machine.named_by("XDG_CONFIG_HOME");
        config
            .unwrap_or_else(|| machine.home().join(".config"))
            .join("opencode")
    })
}

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    // It loads both; who has the older one only goes on with it.
    let directory = if place.join("plugin").is_dir() && !place.join("plugins").is_dir() {
        "plugin"
    } else {
        "plugins"
    };
    let path = place.join(directory).join("smoltbot.js");
    let before = settings(&path)?;
    let after = plugins::opencode(asked.smoltbot);
    if before.as_deref() != Some(&after) {
        plan.changes.push(Change {
            path: path.clone(),
            before,
            after,
            takeout: Takeout::File,
        });
    }
    plan.plugin = Some(path);
    Ok(())
}
