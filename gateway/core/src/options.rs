//! What the app tells a gateway.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::{DEFAULT_ANSWER_WITHIN, DEFAULT_DRAIN};

/// How a gateway is set up.
#[derive(Clone)]
pub struct Options {
    /// What clients must show; at least [`crate::limits::MIN_TOKEN_BYTES`] long. Never printed.
    pub token: String,
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
}

impl Options {
    /// Options with no extra hosts and the default times.
    pub fn new(
        token: impl Into<String>,
        workspace: impl Into<PathBuf>,
        dashboard_url: impl Into<String>,
    ) -> Self {
        Self {
            token: token.into(),
            workspace: workspace.into(),
            dashboard_url: dashboard_url.into(),
            extra_hosts: Vec::new(),
            drain: DEFAULT_DRAIN,
            answer_within: DEFAULT_ANSWER_WITHIN,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("token", &"…")
            .field("workspace", &self.workspace)
            .field("dashboard_url", &self.dashboard_url)
            .field("extra_hosts", &self.extra_hosts)
            .field("drain", &self.drain)
            .field("answer_within", &self.answer_within)
            .finish()
    }
}
