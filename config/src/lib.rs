//! Strict loading of `smoltbot.toml`, `config.json` and the `SMOLTBOT_` variables.
//!
//! **In scope.** Where things live ([`Home`]), what can be configured ([`Config`]), errors that name file, line and key or
//! the variable, secrets that never print ([`Secret`]), and writing the identity's keys without touching the rest.
//!
//! **Out of scope.** Keys and tokens themselves are made by `trace-plugin` and the app, listening is the app's, what a
//! publish level means is `redact`'s. Nothing is guessed: what is unknown or wrong stops the start.

mod agent;
mod document;
mod env;
mod error;
mod faults;
mod home;
mod identity;
mod json_file;
mod load;
mod mcp;
mod named;
mod otlp;
mod overrides;
mod places;
mod providers;
mod publish;
mod secret;
mod sections;
mod settings;
mod sources;
mod toml_file;
mod tools;

pub use agent::{Agent, DEFAULT_CONTEXT_TOKENS, MAX_CONTEXT_TOKENS, MIN_CONTEXT_TOKENS, THINKING};
pub use env::{Env, Process};
pub use error::ConfigError;
pub use home::{Home, MAX_SOCKET_PATH_BYTES};
pub use identity::IdentityKeys;
pub use load::Config;
pub use mcp::{MAX_MCP_NAME_CHARS, MAX_MCP_SECONDS, McpServer, McpWay};
pub use otlp::Otlp;
pub use providers::{DEFAULT_MODELS, KINDS, MAX_TIMEOUT_SECONDS, Provider, Timeouts};
pub use publish::{MAX_TOOL_BYTES, MAX_TOOL_LEVELS, Pii, Publish, PublishLevel, UnknownLevel};
pub use secret::Secret;
pub use sections::{
    Conscience, Dns, Edge, Gateway, MAX_BUDGET_MS, MAX_DOZE_SECONDS, MAX_IDLE_EXIT_SECONDS,
    MAX_SPOOL_BYTES, MIN_SPOOL_BYTES, PACKS, Sidecar, Spool,
};
pub use settings::{DEFAULT_BATCH_SIZE, DEFAULT_TIMEOUT_MS, MAX_BATCH_SIZE, MAX_TIMEOUT_MS};
pub use tools::{HttpFetch, Webhook, WebhookAuth};
