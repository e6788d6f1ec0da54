//! The role that people chat with.

use std::sync::Arc;
use std::time::Duration;

use aap::Gate;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace_plugin::{Recorder, TracePlugin};

use super::{Role, Stack};
use crate::agent::{self, Agent};
use crate::chat::Chat;
use crate::cli::Behind;
use crate::output;

impl Stack {
    /// Serves the chat. The agent's workspace is there.
    pub(crate) fn start_gateway(
        &mut self,
        agent: &Agent,
        recorder: &Arc<Recorder>,
        chat: Chat,
        listener: TcpListener,
        dashboard: &str,
        behind: &Behind,
    ) -> anyhow::Result<()> {
        let tokens = self.tokens(agent)?;
        let token = tokens.borrow().clone();
        let workspace = agent::workspace(&agent.config);
        let budget = Duration::from_millis(agent.config.conscience.budget_ms);
        let gate = Gate::new(Arc::new(TracePlugin::new(Arc::clone(recorder), budget)));
        let address = listener.local_addr()?;
        output::line(&format!("model      {}", chat.models.told()))?;
        if !chat.tools.mcp_servers.is_empty() {
            let servers = chat.tools.mcp_servers.iter();
            let names = servers.map(gateway::tools::McpServer::name);
            let names: Vec<&str> = names.collect();
            self.say(&format!("mcp        {}", names.join(", ")))?;
        }
        let options = gateway::Options {
            tokens: Some(tokens),
            extra_hosts: agent.config.gateway.extra_hosts.clone(),
            model: chat.router,
            thinking: chat.thinking,
            webhooks: chat.webhooks,
            tools: chat.tools,
            database: Some(agent::conversations(&agent.config)),
            context_tokens: agent.config.agent.context_tokens,
            ..gateway::Options::new(&token, workspace, dashboard)
        };
        let stop = CancellationToken::new();
        let serving = gateway::serve(listener, gate, options, stop.clone());
        // First in the list: whoever asks for calls stops before whoever records them.
        let task = tokio::spawn(async move { Ok(serving.await?) });
        self.roles.insert(
            0,
            Role {
                name: "gateway",
                stop,
                task,
            },
        );
        if behind.background.is_some() {
            // A log is no place for what opens it.
            return output::line(&format!(
                "gateway    http://{address} (`smoltbot status` shows the way in)"
            ));
        }
        output::line(&format!(
            "gateway    {}",
            gateway::page_url(address, &token)
        ))
    }
}
