//! What the operator decides about tools.

use super::{Allowed, McpServer};

/// How the tools of a gateway are set up; by default nothing is allowed that is not safe everywhere.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Places that `http_fetch` may reach although they are not on the public internet.
    pub fetch_allow: Vec<Allowed>,
    /// MCP servers whose tools are the agent's, each with a name of its own.
    pub mcp_servers: Vec<McpServer>,
}
