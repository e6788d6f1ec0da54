//! What there is: agents, models, commands, and what of the config anybody may see.

use serde_json::{Value, json};

use super::{AGENT, Client};
use crate::protocol::fault::Fault;

/// `agents.list`.
pub(super) fn agents() -> Value {
    json!({"defaultId": AGENT, "mainKey": "main", "scope": "per-sender",
        "agents": [{"id": AGENT, "name": "smoltbot"}]})
}

/// `commands.list`.
pub(super) fn commands() -> Value {
    let command = |name: &str, what: &str, arguments: bool| {
        json!({"name": name, "nativeName": name, "textAliases": [format!("/{name}")], "description": what,
            "source": "native", "scope": "both", "acceptsArgs": arguments})
    };
    json!({"commands": [
        command("help", "What can be said to the gateway itself", false),
        command("tools", "The tools, and what they take", false),
        command("run", "Calls a tool: /run TOOL JSON", true),
    ]})
}

impl Client {
    /// `status`.
    pub(super) async fn status(&self) -> Result<Value, Fault> {
        let room = &self.0.room;
        Ok(json!({
            "runtimeVersion": env!("CARGO_PKG_VERSION"),
            "uptimeMs": room.sockets.uptime_ms(),
            "clients": room.sockets.clients(),
            "runs": room.agent.under_way().len(),
            "defaultAgentId": AGENT,
            "model": self.model().await?,
        }))
    }

    /// `models.list`: those that are known by name, the one that is used where nobody says which among them; a provider may
    /// have more.
    pub(super) async fn models(&self) -> Result<Value, Fault> {
        let agent = &self.0.room.agent;
        let mut names = agent.models();
        if let Some(chosen) = agent.default_name().await?
            && !names.contains(&chosen)
        {
            names.insert(0, chosen);
        }
        let model = |name: &String| {
            let (provider, id) = match name.split_once('/') {
                Some((provider, id)) => (Some(provider), id),
                None => (agent.provider(), name.as_str()),
            };
            json!({"id": id, "name": id, "provider": provider})
        };
        let models: Vec<Value> = names.iter().map(model).collect();
        Ok(json!({ "models": models }))
    }

    /// `config.get`: no file and no secret is shown.
    pub(super) async fn config(&self) -> Result<Value, Fault> {
        let model = self.model().await?;
        Ok(json!({"exists": false, "valid": true, "issues": [],
            "config": {"agents": {"defaults": {"model": {"primary": model}}, "list": [{"id": AGENT}]}}}))
    }

    /// The model that is used where nobody says which.
    pub(super) async fn model(&self) -> Result<Option<String>, Fault> {
        Ok(self.0.room.agent.default_name().await?)
    }
}
