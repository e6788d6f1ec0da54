//! What the app tells a gateway.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, now_ms};
use crate::limits::{DEFAULT_ANSWER_WITHIN, DEFAULT_CONTEXT_TOKENS, DEFAULT_DRAIN};
use crate::metrics::Metrics;
use crate::model::{Model, Thinking};
use crate::tools::Settings;
use crate::webhook::Webhook;

/// How a gateway is set up.
#[derive(Clone)]
pub struct Options {
    /// What clients must show; at least [`crate::limits::MIN_TOKEN_BYTES`] long. Never printed.
    pub token: String,
    /// Tells another token when there is one: the gateway takes that one alone from then on, and closes what the one before has
    /// opened. One that is too short or not plain changes nothing, and is told in the log.
    pub tokens: Option<watch::Receiver<String>>,
    /// The existing directory that the tools work in.
    pub workspace: PathBuf,
    /// Base URL of the dashboard, for links to traces, such as `http://127.0.0.1:8787`.
    pub dashboard_url: String,
    /// Names besides loopback that the gateway is reached by, `bot.example.com` or `bot.example.com:8443`; without a port,
    /// any port will do.
    pub extra_hosts: Vec<String>,
    /// How long a stop waits for running calls.
    pub drain: Duration,
    /// How long a person has to answer a question of the conscience.
    pub answer_within: Duration,
    /// The agent's models; without any it runs commands alone.
    pub model: Option<Arc<dyn Model>>,
    /// How long the model thinks when nobody says.
    pub thinking: Thinking,
    /// The file that keeps what was said; without one it is forgotten when the gateway stops.
    pub database: Option<PathBuf>,
    /// Tokens of a conversation from which on its older part is summarised.
    pub context_tokens: usize,
    /// Who may send webhooks; nobody.
    pub webhooks: Vec<Webhook>,
    /// How the tools are set up.
    pub tools: Settings,
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// The time of day, which the agent is told.
    pub clock: Clock,
}

impl Options {
    /// Options with no extra hosts, the default times and the default tools.
    pub fn new(
        token: impl Into<String>,
        workspace: impl Into<PathBuf>,
        dashboard_url: impl Into<String>,
    ) -> Self {
        Self {
            token: token.into(),
            tokens: None,
            workspace: workspace.into(),
            dashboard_url: dashboard_url.into(),
            extra_hosts: Vec::new(),
            drain: DEFAULT_DRAIN,
            answer_within: DEFAULT_ANSWER_WITHIN,
            model: None,
            thinking: Thinking::default(),
            database: None,
            context_tokens: DEFAULT_CONTEXT_TOKENS,
            webhooks: Vec::new(),
            tools: Settings::default(),
            metrics: Arc::default(),
            clock: Arc::new(now_ms),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("token", &"…")
            .field("follows_the_token", &self.tokens.is_some())
            .field("workspace", &self.workspace)
            .field("dashboard_url", &self.dashboard_url)
            .field("extra_hosts", &self.extra_hosts)
            .field("drain", &self.drain)
            .field("answer_within", &self.answer_within)
            .field("model", &self.model.as_ref().map(|model| model.provider()))
            .field("thinking", &self.thinking)
            .field("database", &self.database)
            .field("context_tokens", &self.context_tokens)
            .field("webhooks", &self.webhooks)
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
