//! The sections `mcp.NAME`: MCP servers whose tools are the agent's.
//!
//! Texts may say `${NAME}` where a key belongs: it stands for that environment variable. One that is not set is told to whoever
//! starts the servers, and to nobody else: a hook runs in the environment of another agent, and needs none of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::env::Env;
use crate::error::ConfigError;
use crate::faults::Faults;
use crate::load::Config;
use crate::named::Named;
use crate::overrides::utf8;
use crate::secret::Secret;
use crate::sections::absolute;

/// Characters of a server's name, which is part of each of its tools' names. What else it must look like is `gateway`'s business;
/// the rule is the same.
pub const MAX_MCP_NAME_CHARS: usize = 24;
/// The longest time that an MCP server may be waited for, in seconds: a day.
pub const MAX_MCP_SECONDS: u64 = 24 * 3600;

/// A section as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub(crate) struct McpSection {
    #[serde(skip)]
    name: String,
    enabled: bool,
    command: Option<String>,
    args: Vec<Secret<String>>,
    #[serde(deserialize_with = "pairs")]
    env: BTreeMap<String, Secret<String>>,
    #[serde(deserialize_with = "absolute")]
    cwd: Option<PathBuf>,
    url: Option<Secret<String>>,
    #[serde(deserialize_with = "pairs")]
    headers: BTreeMap<String, Secret<String>>,
    #[serde(deserialize_with = "seconds")]
    start_timeout_seconds: Option<u64>,
    #[serde(deserialize_with = "seconds")]
    call_timeout_seconds: Option<u64>,
}

impl Default for McpSection {
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            command: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            url: None,
            headers: BTreeMap::new(),
            start_timeout_seconds: None,
            call_timeout_seconds: None,
        }
    }
}

/// An MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServer {
    /// Its name, as in its tools' names, `mcp__NAME__TOOL`.
    pub name: String,
    /// How it is spoken to.
    pub way: McpWay,
    /// How long it may take to start; the gateway's own time if nothing is said.
    pub start_within: Option<Duration>,
    /// How long it may take for one call; the gateway's own time if nothing is said.
    pub call_within: Option<Duration>,
}

/// How an MCP server is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpWay {
    /// The gateway starts it and speaks with it over its standard input and output.
    Program {
        /// The program, by its name or path.
        command: String,
        /// Its arguments.
        args: Vec<Secret<String>>,
        /// What it gets of environment besides what all commands get.
        env: BTreeMap<String, Secret<String>>,
        /// Where it starts; the workspace.
        cwd: Option<PathBuf>,
    },
    /// It runs elsewhere, and speaks Streamable HTTP.
    Http {
        /// Where it is.
        url: Secret<String>,
        /// Headers of each request.
        headers: BTreeMap<String, Secret<String>>,
    },
}

impl Config {
    /// The MCP servers that are not switched off, in the order of the files, with their keys out of the environment.
    ///
    /// # Errors
    /// The variables that they name and that are not set, each of them.
    pub fn mcp_servers(&self) -> Result<Vec<McpServer>, Vec<Arc<ConfigError>>> {
        let (mut servers, mut faults) = (Vec::new(), Vec::new());
        for server in &self.mcp {
            match server {
                Ok(server) => servers.push(server.clone()),
                Err(missing) => faults.extend(missing.iter().cloned()),
            }
        }
        if faults.is_empty() {
            Ok(servers)
        } else {
            Err(faults)
        }
    }
}

/// A server, or what of the environment it lacks.
pub(crate) type Found = Result<McpServer, Vec<Arc<ConfigError>>>;

/// What the sections say. The inner errors are for who starts the servers.
pub(crate) fn servers(sections: Vec<McpSection>, faults: &mut Faults, env: &dyn Env) -> Vec<Found> {
    let mut servers = Vec::new();
    for section in sections {
        if let Err((path, problem)) = section.check() {
            faults.add(&path, problem);
        } else if section.enabled {
            servers.push(section.server(faults, env));
        }
    }
    servers
}

impl McpSection {
    /// What is wrong whatever the environment holds, by its path.
    fn check(&self) -> Result<(), (String, String)> {
        let at = format!("mcp.{}", self.name);
        let wrong = |key: &str, problem: &str| {
            let path = if key.is_empty() {
                at.clone()
            } else {
                format!("{at}.{key}")
            };
            Err((path, problem.to_owned()))
        };
        let name = &self.name;
        if name.len() > MAX_MCP_NAME_CHARS
            || name.contains("__")
            || name.starts_with('_')
            || name.ends_with('_')
        {
            let problem = format!(
                "is no name that fits into mcp__NAME__TOOL: write up to {MAX_MCP_NAME_CHARS} small letters, digits, - and single _"
            );
            return wrong("", &problem);
        }
        match (&self.command, &self.url) {
            (None, None) => {
                return wrong(
                    "",
                    "has neither a command to start nor a url: write one of them",
                );
            }
            (Some(_), Some(_)) => {
                return wrong("", "has both a command and a url: take one of them out");
            }
            (Some(command), None) if command.trim().is_empty() => {
                return wrong("command", "names no program");
            }
            (Some(_), None) if !self.headers.is_empty() => {
                return wrong("headers", "go with a url; a command gets env");
            }
            (Some(_), None) => {}
            (None, Some(_)) => {
                for (key, there) in [
                    ("args", !self.args.is_empty()),
                    ("env", !self.env.is_empty()),
                    ("cwd", self.cwd.is_some()),
                ] {
                    if there {
                        return wrong(key, "goes with a command, and this server has a url");
                    }
                }
            }
        }
        for variable in self.env.keys() {
            if variable.is_empty() || variable.contains(['=', '\0']) {
                return wrong("env", &format!("\"{variable}\" is no variable's name"));
            }
        }
        for header in self.headers.keys() {
            let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if header.is_empty() || !header.chars().all(fits) {
                return wrong("headers", &format!("\"{header}\" is no header's name"));
            }
        }
        Ok(())
    }

    fn server(self, faults: &Faults, env: &dyn Env) -> Found {
        let at = format!("mcp.{}", self.name);
        let mut missing = Vec::new();
        let mut filled = |key: String, text: &Secret<String>| match fill(text.expose(), env) {
            Ok(text) => Secret::new(text),
            Err(problem) => {
                let path = format!("{at}.{key}");
                missing.push(Arc::new(faults.at(&path, problem)));
                Secret::new(String::new())
            }
        };
        let way = if let Some(text) = &self.url {
            let url = filled("url".to_owned(), text);
            let headers = self.headers.iter();
            let headers = headers
                .map(|(name, text)| (name.clone(), filled(format!("headers.{name}"), text)))
                .collect();
            let host = ["http://", "https://"]
                .iter()
                .find_map(|scheme| url.strip_prefix(scheme));
            // One that is empty was told to be, above.
            let odd = host.is_none_or(|host| host.is_empty() || host.starts_with(['/', ':']));
            if odd && (text.is_empty() || !url.is_empty()) {
                let problem = "is no URL: write it like https://mcp.example.com/mcp".to_owned();
                missing.push(Arc::new(faults.at(&format!("{at}.url"), problem)));
            }
            McpWay::Http { url, headers }
        } else {
            let args = self.args.iter().enumerate();
            let args = args.map(|(number, text)| filled(format!("args[{number}]"), text));
            let args = args.collect();
            let env = self.env.iter();
            let env = env.map(|(name, text)| (name.clone(), filled(format!("env.{name}"), text)));
            McpWay::Program {
                command: self.command.unwrap_or_default(),
                args,
                env: env.collect(),
                cwd: self.cwd,
            }
        };
        if !missing.is_empty() {
            return Err(missing);
        }
        Ok(McpServer {
            name: self.name,
            way,
            start_within: self.start_timeout_seconds.map(Duration::from_secs),
            call_within: self.call_timeout_seconds.map(Duration::from_secs),
        })
    }
}

/// `text` with the variables that it names; `$${` stands for `${` itself.
fn fill(text: &str, env: &dyn Env) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        filled.push_str(before);
        let inside = &rest[at + 2..];
        let name = inside.split_once('}').map_or("", |(name, _)| name);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            // What stands there may be half a key, and is not repeated.
            return Err(
                "has a ${ without the name of a variable and a }; $${ stands for ${ itself"
                    .to_owned(),
            );
        }
        let Some(value) = env.var(name) else {
            return Err(format!(
                "the environment variable {name} is not set: set it where the gateway is started"
            ));
        };
        filled.push_str(&utf8(name, &value).map_err(|error| error.to_string())?);
        rest = &inside[name.len() + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

impl Named for McpSection {
    const WHAT: &str = "MCP servers";
    const WHOSE: &str = "server's";

    fn named(self, name: String) -> Self {
        Self { name, ..self }
    }
}

/// Names and texts: an object in the file, `NAME=VALUE` with commas between several in a variable. Values are secrets, so that no
/// error repeats one.
fn pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret<String>>, D::Error> {
    let wrong =
        || D::Error::custom("holds what is no text: write texts in quotation marks, by name");
    match Value::deserialize(deserializer)? {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, Secret::new(text))),
                _ => Err(wrong()),
            })
            .collect(),
        Value::String(text) => text
            .split(',')
            .map(|pair| {
                let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
                Ok((name.trim().to_owned(), Secret::new(value.to_owned())))
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=MAX_MCP_SECONDS).contains(&seconds) {
        return Ok(Some(seconds));
    }
    Err(D::Error::custom(format_args!(
        "{seconds} is out of range: write 1 to {MAX_MCP_SECONDS} seconds"
    )))
}
