//! Variables that go before what the files say: `SMOLTBOT_<SECTION>__<KEY>`.
//!
//! A file is ours alone, the environment is not: other versions of this program read it, and systems put names of theirs into it. So
//! a section that nobody knows is a warning here. One that is nearly one of ours is a misspelling, and wrong: what it was to set, a
//! token or a pack of rules, is not set.

use std::collections::HashMap;
use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::env::Env;
use crate::error::{ConfigError, nearest};
use crate::settings;
use crate::sources::SECTIONS;

/// What the environment has set.
#[derive(Default)]
pub(crate) struct Overrides {
    /// The variable by the key's path.
    pub(crate) set_by: HashMap<String, String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) faults: Vec<ConfigError>,
}

/// Puts `SMOLTBOT_<SECTION>__<KEY>` over what the file says.
pub(crate) fn override_with(env: &dyn Env, members: &mut Map<String, Value>) -> Overrides {
    let mut overrides = Overrides::default();
    let mut vars = env.vars();
    vars.sort();
    for (name, value) in &vars {
        let Some(name) = name.to_str() else {
            continue;
        };
        let Some(rest) = name.strip_prefix("SMOLTBOT_") else {
            continue;
        };
        let lower = rest.to_ascii_lowercase();
        let split = lower.split_once("__");
        let Some((section, key)) = split.filter(|(section, _)| SECTIONS.contains(section)) else {
            if let Some(problem) = split.and_then(|(section, _)| misspelt(section)) {
                overrides.faults.push(wrong(name, problem));
            } else if !settings::NAMES.contains(&name) {
                overrides.warnings.push(means_nothing(name, &lower));
            }
            continue;
        };
        match set(section, key, name, value, members) {
            Ok(path) => {
                overrides.set_by.insert(path, name.to_owned());
            }
            Err(fault) => overrides.faults.push(fault),
        }
    }
    overrides
}

/// Sets what one variable says; the key's path.
fn set(
    section: &str,
    key: &str,
    name: &str,
    value: &OsStr,
    members: &mut Map<String, Value>,
) -> Result<String, ConfigError> {
    // Keys of sections with names are a level deeper.
    let (table, key) = match (section, key.split_once("__")) {
        ("providers" | "webhooks" | "mcp", Some((name, key))) => (vec![section, name], key),
        ("providers" | "webhooks" | "mcp", None) => {
            let problem = format!(
                "names no key: write it like {name}__KEY, with a name of its own before the key"
            );
            return Err(wrong(name, problem));
        }
        _ => (vec![section], key),
    };
    let value = typed(key, utf8(name, value)?);
    put(members, &table, key, value);
    Ok(format!("{}.{key}", table.join(".")))
}

/// What is wrong with the name of a section that is nearly one of ours.
fn misspelt(section: &str) -> Option<String> {
    let meant = nearest(section, &SECTIONS)?.to_ascii_uppercase();
    Some(format!(
        "there is no section {section}; did you mean SMOLTBOT_{meant}__…? Sections are {}",
        SECTIONS.join(", ")
    ))
}

/// That a variable is nobody's, and whose it may be meant to be. `rest` is what stands behind `SMOLTBOT_`, in small letters.
fn means_nothing(name: &str, rest: &str) -> String {
    // One `_` where two belong.
    let joined = SECTIONS.iter().find_map(|section| {
        let key = rest.strip_prefix(section)?.strip_prefix('_')?;
        let (section, key) = (section.to_ascii_uppercase(), key.to_ascii_uppercase());
        (!key.starts_with('_')).then(|| format!("SMOLTBOT_{section}__{key}"))
    });
    let hint = match joined.or_else(|| nearest(name, &settings::NAMES).map(str::to_owned)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "config keys are set as SMOLTBOT_<SECTION>__<KEY>".to_owned(),
    };
    format!("environment variable {name} means nothing to smoltbot; {hint}")
}

fn wrong(name: &str, problem: String) -> ConfigError {
    ConfigError::Variable {
        name: name.to_owned(),
        problem,
    }
}

/// Sets `key` of the table at that path. What is no table there is the file's error, and is told when the document is read.
fn put(members: &mut Map<String, Value>, table: &[&str], key: &str, value: Value) {
    let mut members = members;
    for name in table {
        let inner = members
            .entry(*name)
            .or_insert_with(|| Value::Object(Map::new()));
        match inner {
            Value::Object(inner) => members = inner,
            _ => return,
        }
    }
    members.insert(key.to_owned(), value);
}

/// A variable's text as the type of its key: limits, times and sizes are numbers, packs, hosts, places, models and arguments a list with commas, tools pairs
/// of name and level, `on_demand` and `enabled` a yes or no.
fn typed(key: &str, text: String) -> Value {
    if ["packs", "extra_hosts", "models", "allow", "args"].contains(&key) {
        return text.split(',').map(str::trim).collect();
    }
    if key == "tools" {
        // `exec=none,mcp__*=shape`; what is no pair is told as such.
        let pairs = text.split(',').map(|pair| {
            let (tool, level) = pair.split_once('=').unwrap_or((pair, ""));
            (tool.trim().to_owned(), level.trim().into())
        });
        return Value::Object(pairs.collect());
    }
    if ["on_demand", "enabled"].contains(&key)
        && let Ok(yes) = text.trim().parse::<bool>()
    {
        return yes.into();
    }
    let is_number = key.starts_with("limit_")
        || key.ends_with("_ms")
        || key.ends_with("_seconds")
        || key.ends_with("_bytes")
        || key.ends_with("_tokens");
    match text.trim().parse::<i64>() {
        Ok(number) if is_number => number.into(),
        _ => text.into(),
    }
}

pub(crate) fn utf8(name: &str, value: &OsStr) -> Result<String, ConfigError> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| wrong(name, "is not UTF-8".to_owned()))
}
