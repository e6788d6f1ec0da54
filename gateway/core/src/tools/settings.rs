//! What the operator decides about tools.

use std::time::Duration;

use super::{Allowed, McpServer};
use crate::limits::SHELL_START;

/// How the tools of a gateway are set up; by default nothing is allowed that is not safe everywhere.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Places that `http_fetch` may reach although they are not on the public internet.
    pub fetch_allow: Vec<Allowed>,
    /// MCP servers whose tools are the agent's, each with a name of its own.
    pub mcp_servers: Vec<McpServer>,
    /// How long a shell of `bash` may take to open; [`SHELL_START`].
    pub shell_start: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fetch_allow: Vec::new(),
            mcp_servers: Vec::new(),
            shell_start: SHELL_START,
        }
    }
}
