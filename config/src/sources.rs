//! The two files that a configuration is read from, as one: `config.json`, which smoltbot writes its identity into, and
//! `smoltbot.toml`, which is the operator's alone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{ConfigError, in_plain_words};
use crate::json_file;
use crate::places::Places;
use crate::toml_file;

/// The sections, as in `SMOLTBOT_<SECTION>__<KEY>`.
pub(crate) const SECTIONS: [&str; 12] = [
    "gateway",
    "agent",
    "providers",
    "http_fetch",
    "mcp",
    "webhooks",
    "sidecar",
    "edge",
    "conscience",
    "publish",
    "spool",
    "otlp",
];

/// Keys whose values are secrets, wherever they stand.
const SECRETS: [&str; 6] = [
    "token",
    "database_url",
    "headers",
    "env",
    "api_key",
    "secret",
];

/// One file's keys and where they stand.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    places: Places,
}

/// What the files say.
#[derive(Debug)]
pub(crate) struct Sources {
    files: Vec<Source>,
    /// Everything that any of them says.
    pub(crate) members: Map<String, Value>,
    /// What is odd about them.
    pub(crate) warnings: Vec<String>,
    /// What is wrong, and is not among the members.
    pub(crate) faults: Vec<ConfigError>,
}

impl Sources {
    /// Reads both; one that is not there says nothing.
    pub(crate) fn read(json: &Path, toml: Option<&Path>) -> Result<Self, ConfigError> {
        let mut sources = Self {
            files: Vec::new(),
            members: Map::new(),
            warnings: Vec::new(),
            faults: Vec::new(),
        };
        // The operator's sections come first, as the order of providers counts.
        if let Some(toml) = toml
            && let Some(text) = text(toml)?
        {
            let (members, places) = toml_file::parse(toml, &text)?;
            sources.add(toml, members, places)?;
            sources.only_sections();
        }
        if let Some(text) = text(json)? {
            let (members, places) = json_file::parse(json, &text)?;
            sources.add(json, members, places)?;
        }
        Ok(sources)
    }

    /// How much of `path` any file says something at, in bytes; 0 when none does at any of its parents.
    pub(crate) fn depth(&self, path: &str) -> usize {
        let depths = self.files.iter().map(|file| file.places.deepest(path).0);
        depths.max().unwrap_or_default()
    }

    /// Where `path` stands, or its closest parent that is anywhere.
    fn find(&self, path: &str) -> Option<(&Path, (usize, usize))> {
        let found = self.files.iter().map(|file| {
            let (depth, place) = file.places.deepest(path);
            (depth, file.path.as_path(), place)
        });
        let deepest = found.reduce(|one, other| if other.0 > one.0 { other } else { one });
        let found = deepest.filter(|(depth, ..)| *depth > 0);
        found.map(|(_, file, place)| (file, place))
    }

    /// An error at the place of `path`. In the words of TOML where it stands in TOML.
    pub(crate) fn wrong(&self, none: &Path, path: &str, problem: String) -> ConfigError {
        let (file, (line, column)) = self.find(path).unwrap_or((none, (1, 1)));
        let problem = if file.extension().is_some_and(|end| end == "toml") {
            problem.replace("expected an object", "expected a table")
        } else {
            problem
        };
        ConfigError::File {
            path: file.to_owned(),
            line,
            column,
            key: path.to_owned(),
            problem,
        }
    }

    fn add(
        &mut self,
        path: &Path,
        members: Map<String, Value>,
        places: Places,
    ) -> Result<(), ConfigError> {
        if let Some(key) = first_secret(&members, "")
            && others_can_read(path)
        {
            self.warnings.push(format!(
                "{path}: other users of this machine can read {key}: run `chmod 600 {path}`",
                path = path.display()
            ));
        }
        let added = Source {
            path: path.to_owned(),
            places,
        };
        if let Some(both) = merge(&mut self.members, members, "") {
            let (line, column) = added.places.deepest(&both).1;
            let there = format!("{}:{line}:{column}", added.path.display());
            let problem = format!("stands in {there} too: take one of them out");
            return Err(self.wrong(&added.path, &both, problem));
        }
        self.files.push(added);
        Ok(())
    }

    /// The identity is no operator's business.
    fn only_sections(&mut self) {
        let unknown = |key: &&String| !SECTIONS.contains(&key.as_str());
        let unknown: Vec<String> = self.members.keys().filter(unknown).cloned().collect();
        for key in unknown {
            let problem = if ["agentId", "createdAt", "version"].contains(&key.as_str()) {
                "belongs to the identity, which `smoltbot init` writes into config.json: take it out"
                    .to_owned()
            } else {
                in_plain_words(&format!(
                    "unknown field `{key}`, expected one of `{}`",
                    SECTIONS.join("`, `")
                ))
            };
            self.members.shift_remove(&key);
            let fault = self.wrong(Path::new(""), &key, problem);
            self.faults.push(fault);
        }
    }
}

/// Adds what `more` says; the path of the first key that both have.
fn merge(members: &mut Map<String, Value>, more: Map<String, Value>, path: &str) -> Option<String> {
    for (key, value) in more {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match (members.get_mut(&key), value) {
            (None, value) => {
                members.insert(key, value);
            }
            (Some(Value::Object(there)), Value::Object(value)) => {
                if let Some(both) = merge(there, value, &path) {
                    return Some(both);
                }
            }
            (Some(_), _) => return Some(path),
        }
    }
    None
}

fn text(file: &Path) -> Result<Option<String>, ConfigError> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ConfigError::Io {
                path: file.to_owned(),
                what: "read",
                source,
            });
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            Err(ConfigError::File {
                path: file.to_owned(),
                line: before.split(|&b| b == b'\n').count(),
                column: 1,
                key: String::new(),
                problem: "is not UTF-8: save the file as UTF-8".to_owned(),
            })
        }
    }
}

/// The path of a secret, if there is one.
fn first_secret(members: &Map<String, Value>, path: &str) -> Option<String> {
    members.iter().find_map(|(key, value)| {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            _ if SECRETS.contains(&key.as_str()) => Some(path),
            Value::Object(members) => first_secret(members, &path),
            _ => None,
        }
    })
}

/// Whether anybody else may read the file: its own mode allows it, and its directory lets them in.
fn others_can_read(file: &Path) -> bool {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |found| found.mode());
    let directory = file.parent().map_or(0, mode);
    (mode(file) & 0o040 != 0 && directory & 0o010 != 0)
        || (mode(file) & 0o004 != 0 && directory & 0o001 != 0)
}
