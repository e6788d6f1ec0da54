//! Tools of MCP servers: programs that the operator names, started by the gateway and spoken to over their standard input
//! and output. The protocol is `rmcp`'s.
//!
//! **In scope.** Which tools they have ([`Servers::tools`]), one call ([`McpTool`]), and keeping them running
//! ([`server::Server`]). A call is judged as any other, by the name `mcp__SERVER__TOOL`.
//!
//! A server is not trusted more than a command: it gets no more of the gateway's environment, and ends with the gateway.

use std::sync::Arc;

use aap::{Admitted, ToolCall};
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};
use tokio::time::timeout;

mod answer;
mod server;
mod settings;
mod starting;

pub use settings::{McpServer, OddServer};

use super::{Failure, Output, Running, Tool, Workspace};
use crate::limits::{MCP_CALL_TIME, MCP_START_TIME};
use server::Server;

/// What every name of these tools begins with.
const PREFIX: &str = "mcp__";

/// All servers of a gateway. They end with it.
#[derive(Default)]
pub(super) struct Servers(Vec<Arc<Server>>);

impl Servers {
    /// Starts `servers` in the background; without a runtime there is nothing that could.
    pub(super) fn start(servers: &[McpServer], workspace: &Workspace) -> Self {
        let start = |settings: &McpServer| Server::start(settings.clone(), workspace.root());
        Self(servers.iter().map(start).collect())
    }

    /// The tools that they told of, also of those that are being started again.
    pub(super) fn tools(&self) -> Vec<Arc<dyn Tool>> {
        self.0.iter().flat_map(|server| server.tools()).collect()
    }

    /// Waits until the server that a tool of this name would belong to has told its tools, or could not be started.
    pub(super) async fn settled(&self, tool: &str) {
        if let Some(server) = self.of(tool) {
            // A server that takes longer is told by `why_not`.
            let _ = timeout(MCP_START_TIME, server.settled()).await;
        }
    }

    /// Why there is no tool of this name, if it would belong to a server.
    pub(super) fn why_not(&self, tool: &str) -> Option<String> {
        self.of(tool)?.trouble()
    }

    /// Ends all servers, with everything that they started.
    pub(super) fn close(&self) {
        for server in &self.0 {
            server.close();
        }
    }

    fn of(&self, tool: &str) -> Option<&Arc<Server>> {
        let rest = tool.strip_prefix(PREFIX)?;
        self.0.iter().find(|server| {
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
    /// The name that models and traces know it by.
    offered: String,
    /// The server's own name for it.
    own: String,
    description: String,
    schema: Value,
    example: String,
}

impl McpTool {
    async fn call(&self, call: &ToolCall) -> Result<Output, Failure> {
        let name = self.server.name();
        let Value::Object(arguments) = call.params.clone() else {
            return Err(Failure::new(format!(
                "{} takes an object, for example {}",
                self.offered, self.example
            )));
        };
        let peer = self.server.peer().await.map_err(Failure::new)?;
        let mut request = CallToolRequestParams::new(self.own.clone());
        request.arguments = Some(arguments);
        // Letting go of this tells the server that nobody waits any more.
        let answered = timeout(MCP_CALL_TIME, peer.call_tool_once(request)).await;
        match answered {
            Ok(Ok(answer)) => answer::read(name, answer),
            Ok(Err(error)) => Err(Failure::new(answer::trouble(name, &error))),
            Err(_) => Err(Failure::new(format!(
                "the MCP server `{name}` did not answer within {} s; it was told to stop",
                MCP_CALL_TIME.as_secs()
            ))),
        }
    }
}

impl Tool for McpTool {
    fn name(&self) -> &str {
        &self.offered
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn schema(&self) -> Value {
        self.schema.clone()
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
