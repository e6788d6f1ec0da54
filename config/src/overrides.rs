//! Variables that go before what the files say: `SMOLTBOT_<SECTION>__<KEY>`.

use std::collections::HashMap;
use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::env::Env;
use crate::error::ConfigError;
use crate::settings;
use crate::sources::SECTIONS;

/// What the environment has set.
pub(crate) struct Overrides {
    /// The variable by the key's path.
    pub(crate) set_by: HashMap<String, String>,
    pub(crate) warnings: Vec<String>,
}

/// Puts `SMOLTBOT_<SECTION>__<KEY>` over what the file says.
pub(crate) fn override_with(
    env: &dyn Env,
    members: &mut Map<String, Value>,
) -> Result<Overrides, ConfigError> {
    let mut overrides = Overrides {
        set_by: HashMap::new(),
        warnings: Vec::new(),
    };
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
        let (section, key) = lower.split_once("__").unwrap_or((&lower, ""));
        if !SECTIONS.contains(&section) || !rest.contains("__") {
            if !settings::NAMES.contains(&name) {
                overrides.warnings.push(format!(
                    "environment variable {name} means nothing to smoltbot; config keys are set as SMOLTBOT_<SECTION>__<KEY>"
                ));
            }
            continue;
        }
        // Keys of sections with names are a level deeper.
        let (table, key) = match (section, key.split_once("__")) {
            ("providers" | "webhooks" | "mcp", Some((name, key))) => (vec![section, name], key),
            ("providers" | "webhooks" | "mcp", None) => {
                return Err(ConfigError::Variable {
                    name: name.to_owned(),
                    problem: format!(
                        "names no key: write it like {name}__KEY, with a name of its own before the key"
                    ),
                });
            }
            _ => (vec![section], key),
        };
        let value = typed(key, utf8(name, value)?);
        put(members, &table, key, value);
        overrides
            .set_by
            .insert(format!("{}.{key}", table.join(".")), name.to_owned());
    }
    Ok(overrides)
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
        .ok_or_else(|| ConfigError::Variable {
            name: name.to_owned(),
            problem: "is not UTF-8".to_owned(),
        })
}
