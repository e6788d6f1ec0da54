//! Tools of MCP servers that the operator names: programs that the gateway starts and speaks to over their standard input and
//! output, and servers on the web. The protocol is `rmcp`'s.
//!
//! **In scope.** Which tools they have ([`Servers::tools`]), one call ([`McpTool`]), and keeping them running
//! ([`server::Server`]). A call is judged as any other, by the name `mcp__SERVER__TOOL`.
//!
//! A server is not trusted more than a command: it gets no more of the gateway's environment, and ends with the gateway. What it
//! says of its tools is looked at ([`schema`]) before a model is told.

use std::sync::Arc;

use aap::{Admitted, ToolCall};
use futures_util::future::join_all;
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

mod answer;
mod schema;
mod server;
mod settings;
mod starting;
mod web;

pub use settings::{McpEndpoint, McpProgram, McpServer, McpWay, OddServer};

use super::{Failure, Output, Running, Tool, Workspace};
use crate::limits::MCP_FIRST_WAIT;
use crate::model::ToolSpec;
use server::Server;

/// What every name of these tools begins with.
const PREFIX: &str = "mcp__";

/// All servers of a gateway. They end with it.
pub(super) struct Servers {
    all: Vec<Arc<Server>>,
    since: Instant,
    /// Counts up when one begins to run, or does not any more.
    news: watch::Sender<u64>,
}

impl Servers {
    /// Starts `servers` in the background; without a runtime there is nothing that could.
    pub(super) fn start(servers: &[McpServer], workspace: &Workspace) -> Self {
        let news = watch::Sender::new(1);
        let start =
            |settings: &McpServer| Server::start(settings.clone(), workspace.root(), news.clone());
        Self {
            all: servers.iter().map(start).collect(),
            since: Instant::now(),
            news,
        }
    }

    /// Waits until all have told their tools or could not be started, but no longer than [`MCP_FIRST_WAIT`] after their start:
    /// whoever says something at once has their tools, and whoever hangs holds nobody up.
    pub(super) async fn begun(&self) {
        let all = join_all(self.all.iter().map(|server| server.settled()));
        // Who takes longer is told of later.
        let _ = timeout_at(self.since + MCP_FIRST_WAIT, all).await;
    }

    /// The tools that they told of, also of those that are being started again.
    pub(super) fn tools(&self) -> Vec<Arc<dyn Tool>> {
        self.all.iter().flat_map(|server| server.tools()).collect()
    }

    /// Counts up when one begins to run, or does not any more.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Their names, and whether each runs; none while one is started for the first time.
    pub(super) fn states(&self) -> Vec<(&str, Option<bool>)> {
        let servers = self.all.iter();
        servers
            .map(|server| (server.name(), server.runs()))
            .collect()
    }

    /// Waits until the server that a tool of this name would belong to has told its tools, or could not be started.
    pub(super) async fn settled(&self, tool: &str) {
        if let Some(server) = self.of(tool) {
            server.settled().await;
        }
    }

    /// Why there is no tool of this name, if it would belong to a server.
    pub(super) fn why_not(&self, tool: &str) -> Option<String> {
        self.of(tool)?.trouble()
    }

    /// Ends all servers, with everything that they started.
    pub(super) fn close(&self) {
        for server in &self.all {
            server.close();
        }
    }

    fn of(&self, tool: &str) -> Option<&Arc<Server>> {
        let rest = tool.strip_prefix(PREFIX)?;
        self.all.iter().find(|server| {
            let rest = rest.strip_prefix(server.name());
            rest.is_some_and(|rest| rest.starts_with("__"))
        })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.close();
    }
}

/// One tool of a server.
pub(super) struct McpTool {
    server: Arc<Server>,
    /// As models and traces know it.
    spec: Arc<ToolSpec>,
    /// The server's own name for it.
    own: String,
    example: String,
}

impl McpTool {
    async fn call(&self, call: &ToolCall) -> Result<Output, Failure> {
        let name = self.server.name();
        let Value::Object(arguments) = call.params.clone() else {
            return Err(Failure::new(format!(
                "{} takes an object, for example {}",
                self.spec.name, self.example
            )));
        };
        let peer = self.server.peer().await.map_err(Failure::new)?;
        let mut request = CallToolRequestParams::new(self.own.clone());
        request.arguments = Some(arguments);
        // Letting go of this tells the server that nobody waits any more.
        let within = self.server.call_within();
        let answered = timeout(within, peer.call_tool_once(request)).await;
        match answered {
            Ok(Ok(answer)) => answer::read(name, answer),
            Ok(Err(error)) => {
                if answer::is_gone(&error) {
                    self.server.lost(answer::trouble(name, &error));
                }
                Err(Failure::new(answer::trouble(name, &error)))
            }
            Err(_) => Err(Failure::new(format!(
                "the MCP server `{name}` did not answer within {} s; it was told to stop",
                within.as_secs_f64()
            ))),
        }
    }
}

impl Tool for McpTool {
    fn name(&self) -> &str {
        &self.spec.name
    }

    fn description(&self) -> &str {
        &self.spec.description
    }

    fn schema(&self) -> Value {
        self.spec.schema.clone()
    }

    fn spec(&self) -> Arc<ToolSpec> {
        Arc::clone(&self.spec)
    }

    fn example(&self) -> &str {
        &self.example
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        _workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(self.call(admitted.call()))
    }
}

/// Arguments of the right shape for a schema, to be filled in.
fn example_of(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let filled = names.map(|name| {
        let value = match schema
            .pointer(&format!("/properties/{name}/type"))
            .and_then(Value::as_str)
        {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("…"),
        };
        (name.to_owned(), value)
    });
    Value::Object(filled.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_have_what_a_schema_requires() {
        let schema = json!({
            "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "array"}},
            "required": ["b", "a", "odd/name"],
        });
        assert_eq!(example_of(&schema), r#"{"b":1,"a":"…","odd/name":"…"}"#);
        assert_eq!(example_of(&json!({})), "{}");
    }
}
