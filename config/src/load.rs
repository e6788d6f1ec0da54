//! From a file and the environment to a [`Config`], or to the error that says what to change.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::env::Env;
use crate::error::{ConfigError, in_plain_words};
use crate::home::Home;
use crate::identity::IdentityKeys;
use crate::places::Places;
use crate::sections::{Conscience, Edge, Gateway, Publish, Sidecar};
use crate::settings::{self, Settings};

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who the agent is; none before `init`.
    pub identity: Option<IdentityKeys>,
    /// Section `gateway`.
    pub gateway: Gateway,
    /// Section `sidecar`.
    pub sidecar: Sidecar,
    /// Section `edge`.
    pub edge: Edge,
    /// Section `conscience`.
    pub conscience: Conscience,
    /// Section `publish`.
    pub publish: Publish,
    /// `SMOLTBOT_ENABLED`; true.
    pub enabled: bool,
    /// `SMOLTBOT_BATCH_SIZE`: traces of a batch; 10, from 1 to 500.
    pub batch_size: usize,
    /// `SMOLTBOT_TIMEOUT`, in milliseconds there; 10 s.
    pub timeout: Duration,
    /// `SMOLTBOT_API_URL`: the edge's base URL, without a slash at the end.
    pub api_url: Option<String>,
    /// Where everything is kept.
    pub home: Home,
    /// What is odd and does no harm, such as a `SMOLTBOT_` variable that means nothing.
    pub warnings: Vec<String>,
}

/// The file's shape.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "an object"
)]
struct Document {
    agent_id: Option<String>,
    created_at: Option<String>,
    version: Option<String>,
    gateway: Gateway,
    sidecar: Sidecar,
    edge: Edge,
    conscience: Conscience,
    publish: Publish,
}

/// The sections, as in `SMOLTBOT_<SECTION>__<KEY>`.
const SECTIONS: [&str; 5] = ["gateway", "sidecar", "edge", "conscience", "publish"];

impl Config {
    /// Loads the file of the home that `env` names, if there is one, and what `env` overrides.
    ///
    /// # Errors
    /// [`ConfigError`] says where and what is wrong.
    pub fn load(env: &dyn Env) -> Result<Self, ConfigError> {
        let file = Home::from_env(env)?.config_file();
        match fs::read(&file) {
            Ok(bytes) => Self::of(&file, bytes, env),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::of(&file, b"{}".to_vec(), env)
            }
            Err(source) => Err(ConfigError::Io {
                path: file,
                what: "read",
                source,
            }),
        }
    }

    /// The same with another file, which must exist.
    ///
    /// # Errors
    /// [`ConfigError`] says where and what is wrong.
    pub fn load_file(file: &Path, env: &dyn Env) -> Result<Self, ConfigError> {
        let bytes = fs::read(file).map_err(|source| ConfigError::Io {
            path: file.to_owned(),
            what: "read",
            source,
        })?;
        Self::of(file, bytes, env)
    }

    fn of(file: &Path, bytes: Vec<u8>, env: &dyn Env) -> Result<Self, ConfigError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.split(|&b| b == b'\n').count();
            wrong_at(
                file,
                (line, 1),
                "",
                "is not UTF-8: save the file as UTF-8".to_owned(),
            )
        })?;
        let (mut members, places) = parse(file, &text)?;
        let Overrides { set_by, warnings } = override_with(env, &mut members)?;

        let document: Document =
            serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
                let path = error.path().to_string();
                let problem = in_plain_words(&error.inner().to_string());
                match set_by.get(&path) {
                    Some(name) => ConfigError::Variable {
                        name: name.clone(),
                        problem,
                    },
                    None => wrong_at(
                        file,
                        places.find(&path),
                        if path == "." { "" } else { &path },
                        problem,
                    ),
                }
            })?;
        let identity = identity(
            file,
            &places,
            document.agent_id,
            document.created_at,
            document.version,
        )?;
        let settings =
            Settings::read(|name| env.var(name).map(|value| utf8(name, &value)).transpose())?;
        Ok(Self {
            identity,
            gateway: document.gateway,
            sidecar: document.sidecar,
            edge: document.edge,
            conscience: document.conscience,
            publish: document.publish,
            enabled: settings.enabled,
            batch_size: settings.batch_size,
            timeout: settings.timeout,
            api_url: settings.api_url,
            home: Home::from_env(env)?,
            warnings,
        })
    }
}

/// Reads the text of a file as a JSON object without doubles.
pub(crate) fn parse(file: &Path, text: &str) -> Result<(Map<String, Value>, Places), ConfigError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or(&problem);
        wrong_at(
            file,
            (error.line(), error.column().max(1)),
            "",
            format!("is not JSON: {problem}"),
        )
    })?;
    let places = Places::of(text);
    if let Some((key, line, column)) = &places.double {
        return Err(wrong_at(
            file,
            (*line, *column),
            key,
            "is there twice: take one out".to_owned(),
        ));
    }
    match value {
        Value::Object(members) => Ok((members, places)),
        _ => Err(wrong_at(
            file,
            (1, 1),
            "",
            "is no JSON object: begin it with { and end it with }".to_owned(),
        )),
    }
}

fn wrong_at(
    file: &Path,
    (line, column): (usize, usize),
    key: &str,
    problem: String,
) -> ConfigError {
    ConfigError::File {
        path: file.to_owned(),
        line,
        column,
        key: key.to_owned(),
        problem,
    }
}

/// What the environment has set.
struct Overrides {
    /// The variable by the key's path.
    set_by: HashMap<String, String>,
    warnings: Vec<String>,
}

/// Puts `SMOLTBOT_<SECTION>__<KEY>` over what the file says.
fn override_with(
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
        let (section, key) = rest.split_once("__").unwrap_or((rest, ""));
        let section = section.to_ascii_lowercase();
        if !SECTIONS.contains(&section.as_str()) || !rest.contains("__") {
            if !settings::NAMES.contains(&name) {
                overrides.warnings.push(format!(
                    "environment variable {name} means nothing to smoltbot; config keys are set as SMOLTBOT_<SECTION>__<KEY>"
                ));
            }
            continue;
        }
        let key = key.to_ascii_lowercase();
        let value = typed(&key, utf8(name, value)?);
        // A section that is no object is the file's error, and is told when the document is read.
        let section_members = members
            .entry(section.clone())
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(section_members) = section_members {
            section_members.insert(key.clone(), value);
        }
        overrides
            .set_by
            .insert(format!("{section}.{key}"), name.to_owned());
    }
    Ok(overrides)
}

/// A variable's text as the type of its key: limits and milliseconds are numbers, packs a list with commas.
fn typed(key: &str, text: String) -> Value {
    if key == "packs" {
        return text.split(',').map(str::trim).collect();
    }
    let is_number = key.starts_with("limit_") || key.ends_with("_ms");
    match text.trim().parse::<i64>() {
        Ok(number) if is_number => number.into(),
        _ => text.into(),
    }
}

fn utf8(name: &str, value: &OsStr) -> Result<String, ConfigError> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| ConfigError::Variable {
            name: name.to_owned(),
            problem: "is not UTF-8".to_owned(),
        })
}

/// All three keys, or none.
fn identity(
    file: &Path,
    places: &Places,
    agent_id: Option<String>,
    created_at: Option<String>,
    version: Option<String>,
) -> Result<Option<IdentityKeys>, ConfigError> {
    match (agent_id, created_at, version) {
        (None, None, None) => Ok(None),
        (Some(agent_id), Some(created_at), Some(version)) => {
            let hyphenated = agent_id.len() == uuid::fmt::Hyphenated::LENGTH;
            if !hyphenated || uuid::Uuid::parse_str(&agent_id).is_err() {
                let problem =
                    format!("\"{agent_id}\" is no UUID: `smoltbot init` writes the right one");
                return Err(wrong_at(file, places.find("agentId"), "agentId", problem));
            }
            Ok(Some(IdentityKeys {
                agent_id,
                created_at,
                version,
            }))
        }
        (agent_id, created_at, _) => {
            let missing = match (agent_id, created_at) {
                (None, _) => "agentId",
                (_, None) => "createdAt",
                _ => "version",
            };
            let problem = "is missing: agentId, createdAt and version go together, and `smoltbot init` writes them".to_owned();
            Err(wrong_at(file, (1, 1), missing, problem))
        }
    }
}
