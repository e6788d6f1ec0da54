//! From the files and the environment to a [`Config`], or to the error that says what to change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::Agent;
use crate::document;
use crate::env::Env;
use crate::error::ConfigError;
use crate::faults::{Faults, Origins};
use crate::home::Home;
use crate::identity::IdentityKeys;
use crate::mcp::{self, Found};
use crate::otlp::Otlp;
use crate::overrides::{override_with, utf8};
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
    pub(crate) mcp: Vec<Found>,
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
    /// Who said all that; [`Config::fault`] tells it.
    pub(crate) origins: Arc<Origins>,
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
        let overrides = override_with(env, &mut members);
        let mut warnings = std::mem::take(&mut sources.warnings);
        warnings.extend(overrides.warnings);
        let mut found = std::mem::take(&mut sources.faults);
        found.extend(overrides.faults);
        let origins = Origins {
            file: file.to_owned(),
            sources,
            set_by: overrides.set_by,
        };
        let mut faults = Faults::new(origins, found);

        let document = document::read(members, &mut faults);
        providers::check(&document.providers, &mut faults);
        tools::check(&document.webhooks, &mut faults);
        let mcp = mcp::servers(document.mcp, &mut faults, env);
        let identity = identity(
            &mut faults,
            document.agent_id,
            document.created_at,
            document.version,
        );
        let var = |name: &str| env.var(name).map(|value| utf8(name, &value)).transpose();
        let settings = Settings::read(var, faults.all());
        let origins = faults.unless_any()?;
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
            warnings,
            origins: Arc::new(origins),
        })
    }

    /// A fault of the key at `path` that only who uses it can see, with the file and the line, or the variable, that has set it.
    /// `problem` says what is wrong and what to do.
    pub fn fault(&self, path: &str, problem: impl Into<String>) -> ConfigError {
        self.origins.later(path, problem.into())
    }
}

/// All three keys, or none.
fn identity(
    faults: &mut Faults,
    agent_id: Option<String>,
    created_at: Option<String>,
    version: Option<String>,
) -> Option<IdentityKeys> {
    match (agent_id, created_at, version) {
        (None, None, None) => None,
        (Some(agent_id), Some(created_at), Some(version)) => {
            let hyphenated = agent_id.len() == uuid::fmt::Hyphenated::LENGTH;
            if !hyphenated || uuid::Uuid::parse_str(&agent_id).is_err() {
                let problem =
                    format!("\"{agent_id}\" is no UUID: `smoltbot init` writes the right one");
                faults.add("agentId", problem);
            }
            Some(IdentityKeys {
                agent_id,
                created_at,
                version,
            })
        }
        (agent_id, created_at, _) => {
            let missing = match (agent_id, created_at) {
                (None, _) => "agentId",
                (_, None) => "createdAt",
                _ => "version",
            };
            let problem = "is missing: agentId, createdAt and version go together, and `smoltbot init` writes them".to_owned();
            let unreadable = ["agentId", "createdAt", "version"];
            // One that could not be read is there.
            if !unreadable.iter().any(|key| faults.is_broken(key)) {
                faults.add(missing, problem);
            }
            None
        }
    }
}
