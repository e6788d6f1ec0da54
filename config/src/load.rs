//! From the files and the environment to a [`Config`], or to the error that says what to change.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::agent::Agent;
use crate::env::Env;
use crate::error::{ConfigError, in_plain_words};
use crate::home::Home;
use crate::identity::IdentityKeys;
use crate::mcp::{self, McpSection, McpServer};
use crate::named::in_order;
use crate::otlp::Otlp;
use crate::overrides::{Overrides, override_with, utf8};
use crate::providers::{self, ProviderSection};
use crate::publish::Publish;
use crate::sections::{Conscience, Edge, Gateway, Sidecar, Spool};
use crate::settings::Settings;
use crate::sources::Sources;
use crate::tools::{self, HttpFetch, Webhook};

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who the agent is; none before `init`.
    pub identity: Option<IdentityKeys>,
    /// Section `gateway`.
    pub gateway: Gateway,
    /// Section `agent`.
    pub agent: Agent,
    /// Sections `providers.NAME`, in the order in which they stand; [`Config::providers`] makes providers of them.
    pub(crate) providers: Vec<ProviderSection>,
    /// Section `http_fetch`.
    pub http_fetch: HttpFetch,
    /// Sections `mcp.NAME`; [`Config::mcp_servers`] tells them.
    pub(crate) mcp: Vec<Result<McpServer, Arc<ConfigError>>>,
    /// Sections `webhooks.NAME`.
    pub webhooks: Vec<Webhook>,
    /// `AI_PROVIDER_PRIORITY`: which providers are asked first, with commas or blanks between them.
    pub priority: Option<String>,
    /// Section `sidecar`.
    pub sidecar: Sidecar,
    /// Section `edge`.
    pub edge: Edge,
    /// Section `conscience`.
    pub conscience: Conscience,
    /// Section `publish`.
    pub publish: Publish,
    /// Section `spool`.
    pub spool: Spool,
    /// Section `otlp`.
    pub otlp: Otlp,
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
    agent: Agent,
    #[serde(deserialize_with = "in_order")]
    providers: Vec<ProviderSection>,
    #[serde(rename = "http_fetch")]
    http_fetch: HttpFetch,
    #[serde(deserialize_with = "in_order")]
    mcp: Vec<McpSection>,
    #[serde(deserialize_with = "in_order")]
    webhooks: Vec<Webhook>,
    sidecar: Sidecar,
    edge: Edge,
    conscience: Conscience,
    publish: Publish,
    spool: Spool,
    otlp: Otlp,
}

/// Tells what is wrong where it was said: in a file, or by a variable.
pub(crate) struct Faults<'a> {
    file: &'a Path,
    sources: &'a Sources,
    set_by: &'a HashMap<String, String>,
}

impl Faults<'_> {
    pub(crate) fn at(&self, path: &str, problem: String) -> ConfigError {
        // What is wrong may stand within the key that a variable has set.
        let mut keys = self.set_by.iter();
        let set = keys.find(|(key, _)| {
            path.strip_prefix(key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        match set {
            Some((_, name)) => ConfigError::Variable {
                name: name.clone(),
                problem,
            },
            None => self.sources.wrong(self.file, path, problem),
        }
    }
}

impl Config {
    /// Loads the files of the home that `env` names, as far as there are any, and what `env` overrides.
    ///
    /// # Errors
    /// [`ConfigError`] says where and what is wrong.
    pub fn load(env: &dyn Env) -> Result<Self, ConfigError> {
        let home = Home::from_env(env)?;
        let file = home.config_file();
        Self::of(
            &file,
            Sources::read(&file, Some(&home.operator_file()))?,
            env,
        )
    }

    /// The same with another file in the place of both, which must exist.
    ///
    /// # Errors
    /// [`ConfigError`] says where and what is wrong.
    pub fn load_file(file: &Path, env: &dyn Env) -> Result<Self, ConfigError> {
        std::fs::metadata(file).map_err(|source| ConfigError::Io {
            path: file.to_owned(),
            what: "read",
            source,
        })?;
        Self::of(file, Sources::read(file, None)?, env)
    }

    fn of(file: &Path, mut sources: Sources, env: &dyn Env) -> Result<Self, ConfigError> {
        let mut members = std::mem::take(&mut sources.members);
        let Overrides { set_by, warnings } = override_with(env, &mut members)?;
        sources.warnings.extend(warnings);
        let faults = Faults {
            file,
            sources: &sources,
            set_by: &set_by,
        };

        let document: Document =
            serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
                let path = error.path().to_string();
                let path = if path == "." { "" } else { &path };
                faults.at(path, in_plain_words(&error.inner().to_string()))
            })?;
        providers::check(&document.providers, &faults)?;
        tools::check(&document.webhooks, &faults)?;
        let mcp = mcp::servers(document.mcp, &faults, env)?;
        let identity = identity(
            &faults,
            document.agent_id,
            document.created_at,
            document.version,
        )?;
        let settings =
            Settings::read(|name| env.var(name).map(|value| utf8(name, &value)).transpose())?;
        Ok(Self {
            identity,
            gateway: document.gateway,
            agent: document.agent,
            providers: document.providers,
            http_fetch: document.http_fetch,
            mcp,
            webhooks: document.webhooks,
            priority: settings.priority,
            sidecar: document.sidecar,
            edge: document.edge,
            conscience: document.conscience,
            publish: document.publish,
            spool: document.spool,
            otlp: document.otlp,
            enabled: settings.enabled,
            batch_size: settings.batch_size,
            timeout: settings.timeout,
            api_url: settings.api_url,
            home: Home::from_env(env)?,
            warnings: sources.warnings,
        })
    }
}

/// All three keys, or none.
fn identity(
    faults: &Faults<'_>,
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
                return Err(faults.at("agentId", problem));
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
            Err(faults.at(missing, problem))
        }
    }
}
