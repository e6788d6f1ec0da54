//! `OpenClaw`: a plugin. It is written out below smoltbot's home, and `openclaw.json` is told to load it, with the keys that
//! `openclaw plugins install --link` and `openclaw plugins enable` set. Its own command is not used for this: it rewrites the
//! file without its comments, and leaves files behind that its `uninstall` does not take away.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Asked, shared};
use crate::json::{self, Want};
use crate::machine::Machine;
use crate::plan::{Change, Plan, Takeout, settings};
use crate::plugins;

/// The first version that the plugin was tried with.
pub(super) const NEEDS: [u64; 3] = [2026, 9, 0];
/// The plugin's id.
const ID: &str = "smoltbot";

/// Its directory, and those of its profiles.
pub(super) fn places(machine: &Machine) -> Vec<PathBuf> {
    if let Some(named) = machine.named_by("OPENCLAW_STATE_DIR") {
        return if named.is_dir() {
            vec![named]
        } else {
            Vec::new()
        };
    }
    let main = machine.home().join(".openclaw");
    let mut places: Vec<PathBuf> = Vec::new();
    if let Ok(entries) = std::fs::read_dir(machine.home()) {
        places.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(".openclaw-") && path.join("openclaw.json").is_file()
        }));
    }
    places.sort();
    if main.is_dir() {
        places.insert(0, main);
    }
    places
}

pub(super) fn plan(place: &Path, asked: &Asked<'_>, plan: &mut Plan) -> Result<(), String> {
    let named = asked.machine.named_by("OPENCLAW_CONFIG_PATH");
    let path = named.unwrap_or_else(|| place.join("openclaw.json"));
    let said = shared::peek(&path);
    let plugins = &said["plugins"];
    let names_us = |list: &Value| {
        list.as_array()
            .is_some_and(|list| list.iter().any(|id| id == ID))
    };
    // Somebody has installed it with OpenClaw's own command: then there is a copy of it, which stays theirs.
    let copied = place.join("extensions").join(ID).is_dir();
    let directory = asked.smoltbot.home.join("plugins/openclaw");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<Vec<_>>();
    let mut wants = Vec::new();
    if !copied {
        for (name, content) in plugins::OPENCLAW {
            let file = directory.join(name);
            let before = settings(&file)?;
            let known = plan.changes.iter().any(|change| change.path == file);
            if before.as_deref() != Some(content) && !known {
                plan.changes.push(Change {
                    path: file,
                    before,
                    after: content.to_owned(),
                    takeout: Takeout::File,
                });
            }
        }
        wants.push(Want::Element {
            path: keys(&["plugins", "load", "paths"]),
            value: json!(text(&directory)),
            mark: text(&directory),
        });
        plan.plugin = Some(directory.join("index.js"));
    }
    if plugins["allow"].is_array() && !names_us(&plugins["allow"]) {
        wants.push(Want::Element {
            path: keys(&["plugins", "allow"]),
            value: json!(ID),
            mark: ID.to_owned(),
        });
    }
    let config =
        json!({ "home": text(&asked.smoltbot.home), "command": text(&asked.smoltbot.program) });
    if plugins["entries"][ID].is_object() {
        wants.push(Want::Key {
            path: keys(&["plugins", "entries", ID, "enabled"]),
            value: json!(true),
        });
        wants.push(Want::Key {
            path: keys(&["plugins", "entries", ID, "config"]),
            value: config,
        });
    } else {
        wants.push(Want::Key {
            path: keys(&["plugins", "entries", ID]),
            value: json!({ "enabled": true, "config": config }),
        });
    }
    let before = settings(&path)?;
    let wrong = |error| format!("{}: {error}; nothing was changed", path.display());
    let mut now = before.clone().unwrap_or_default();
    if let Some(old) = plugins["entries"][ID]["config"]["command"].as_str()
        && asked.before.is_some_and(|earlier| {
            earlier.files.iter().any(|file| file.path == path)
                && old != text(&asked.smoltbot.program)
        })
    {
        now = json::replace_strings(&now, old, &text(&asked.smoltbot.program)).map_err(wrong)?;
    }
    let (after, undo) = json::insert(&now, &wants).map_err(wrong)?;
    shared::push(plan, path.clone(), before, after, undo);
    if plugins["enabled"] == false {
        plan.advice.push(format!(
            "its plugins are switched off: `plugins.enabled` is false in {}. Change that",
            path.display()
        ));
    }
    if names_us(&plugins["deny"]) {
        plan.advice.push(format!(
            "`plugins.deny` in {} names smoltbot. Take it out there",
            path.display()
        ));
    }
    if plugins["entries"][ID]["enabled"] == false {
        plan.advice.push(
            "the plugin is switched off: run `openclaw plugins enable smoltbot --accept-capabilities`".to_owned(),
        );
    }
    if plan.changes.iter().any(|change| change.path == path) {
        plan.notes.push(
            "a gateway that runs loads the plugin when it starts again: `openclaw gateway restart`"
                .to_owned(),
        );
    }
    Ok(())
}
