//! What the chat is made of, out of the configuration: its models, its tools, and who may send it webhooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use gateway::model::{Model, Thinking};
use gateway::tools::{Allowed, McpProgram, McpServer, Settings};
use gateway::{Webhook, WebhookAuth};
use smoltbot_config::{Config, ConfigError, McpWay, Secret};

use crate::models::Models;
use crate::settings::Faults;

/// Everything that a gateway is told of, ready to be used.
pub(crate) struct Chat {
    pub(crate) models: Models,
    /// All of them as one; none where nobody is configured.
    pub(crate) router: Option<Arc<dyn Model>>,
    pub(crate) thinking: Thinking,
    pub(crate) tools: Settings,
    pub(crate) webhooks: Vec<Webhook>,
}

impl Chat {
    /// As the configuration and the environment say.
    ///
    /// # Errors
    /// All that is wrong: a model or a provider that is not there, a variable that is not set, a place that is none.
    pub(crate) fn of(config: &Config) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let models = faults.of(Models::of(config)).unwrap_or_default();
        let router = faults.of(models.router()).flatten();
        for host in &config.gateway.extra_hosts {
            if let Err(error) = gateway::check_host(host) {
                faults.add(&config.fault("gateway.extra_hosts", error.to_string()));
            }
        }
        let chat = Self {
            router,
            thinking: thinking(config),
            tools: tools(config, &mut faults),
            webhooks: webhooks(config, &mut faults),
            models,
        };
        faults.unless_any(chat)
    }
}

/// How long models think when nobody says.
fn thinking(config: &Config) -> Thinking {
    let named = |level: &Thinking| level.name() == config.agent.thinking;
    // The configuration takes no other word.
    Thinking::ALL.into_iter().find(named).unwrap_or_default()
}

/// How the tools are set up.
fn tools(config: &Config, faults: &mut Faults) -> Settings {
    let mut fetch_allow = Vec::new();
    for (at, place) in config.http_fetch.allow.iter().enumerate() {
        match place.parse::<Allowed>() {
            Ok(place) => fetch_allow.push(place),
            Err(error) => {
                let path = format!("http_fetch.allow[{at}]");
                faults.add(&config.fault(&path, error.to_string()));
            }
        }
    }
    Settings {
        fetch_allow,
        mcp_servers: mcp_servers(config, faults),
        ..Settings::default()
    }
}

/// The MCP servers whose tools are the agent's.
fn mcp_servers(config: &Config, faults: &mut Faults) -> Vec<McpServer> {
    let found = config.mcp_servers().unwrap_or_else(|missing| {
        for fault in &missing {
            faults.add(fault);
        }
        Vec::new()
    });
    let servers = found.into_iter().map(|from| {
        let path = format!("mcp.{}", from.name);
        let server = mcp_server(from);
        server.map_err(|odd| config.fault(&path, odd.to_string()))
    });
    let servers: Vec<Result<McpServer, ConfigError>> = servers.collect();
    let servers = servers.into_iter().filter_map(|server| faults.of(server));
    servers.collect()
}

fn mcp_server(from: smoltbot_config::McpServer) -> Result<McpServer, gateway::tools::OddServer> {
    let exposed = |pairs: BTreeMap<String, Secret<String>>| -> BTreeMap<String, String> {
        let pairs = pairs.into_iter();
        pairs
            .map(|(name, text)| (name, text.expose().clone()))
            .collect()
    };
    let mut server = match from.way {
        McpWay::Program {
            command,
            args,
            env,
            cwd,
        } => {
            let args = args.iter().map(|arg| arg.expose().clone()).collect();
            let env = exposed(env);
            McpServer::program(
                &from.name,
                McpProgram {
                    command,
                    args,
                    env,
                    cwd,
                },
            )
        }
        McpWay::Http { url, headers } => McpServer::at(&from.name, url.expose(), &exposed(headers)),
    }?;
    if let Some(within) = from.start_within {
        server.start_within = within;
    }
    if let Some(within) = from.call_within {
        server.call_within = within;
    }
    Ok(server)
}

/// Who may send webhooks.
fn webhooks(config: &Config, faults: &mut Faults) -> Vec<Webhook> {
    let sources = config.webhooks.iter().filter_map(|source| {
        // The configuration lets neither be missing.
        let secret = source.secret.as_ref()?.expose().clone();
        let webhook = Webhook {
            name: source.name.clone(),
            auth: match source.auth? {
                smoltbot_config::WebhookAuth::HmacSha256 => WebhookAuth::HmacSha256(secret),
                smoltbot_config::WebhookAuth::Bearer => WebhookAuth::Bearer(secret),
            },
        };
        if let Err(error) = webhook.check() {
            let path = format!("webhooks.{}.secret", source.name);
            faults.add(&config.fault(&path, error.to_string()));
        }
        Some(webhook)
    });
    sources.collect()
}
