//! Which MCP servers there are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::limits::MAX_MCP_NAME_CHARS;

/// An MCP server that the gateway starts.
#[derive(Clone, PartialEq, Eq)]
pub struct McpServer {
    name: String,
    /// The program, by its name or path.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it gets besides the little that commands get of the gateway's environment. Never printed.
    pub env: BTreeMap<String, String>,
    /// Where it starts; the workspace if nothing is said.
    pub cwd: Option<PathBuf>,
}

/// A server whose settings cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OddServer {
    /// It would not fit into a tool's name.
    #[error(
        "the MCP server's name `{0}` must be 1 to {MAX_MCP_NAME_CHARS} letters, digits, `-` and single `_`, as its tools are \
         called mcp__NAME__TOOL"
    )]
    Name(String),
    /// Nothing to start.
    #[error("the MCP server `{0}` has no command")]
    NoCommand(String),
}

impl McpServer {
    /// A server with no more environment than a command has, in the workspace.
    ///
    /// # Errors
    /// [`OddServer`] says what cannot be.
    pub fn new(
        name: impl Into<String>,
        command: impl Into<String>,
        args: Vec<String>,
    ) -> Result<Self, OddServer> {
        let (name, command) = (name.into(), command.into());
        let fits = (1..=MAX_MCP_NAME_CHARS).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            && !name.contains("__")
            && !name.starts_with('_')
            && !name.ends_with('_');
        if !fits {
            return Err(OddServer::Name(name));
        }
        if command.is_empty() {
            return Err(OddServer::NoCommand(name));
        }
        Ok(Self {
            name,
            command,
            args,
            env: BTreeMap::new(),
            cwd: None,
        })
    }

    /// Its name, as in its tools' names.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and environment are where people put keys.
        f.debug_struct("McpServer")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("args", &self.args.len())
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_those_of_tools() {
        let made = |name: &str, command: &str| McpServer::new(name, command, Vec::new());
        let longest = "x".repeat(MAX_MCP_NAME_CHARS);
        for name in ["files", "my-files_2", &longest] {
            assert!(made(name, "x").is_ok(), "{name}");
        }
        for name in ["", "a__b", "_a", "a_", "ä", "a b", &(longest.clone() + "x")] {
            assert_eq!(made(name, "x"), Err(OddServer::Name(name.to_owned())));
        }
        assert_eq!(made("a", ""), Err(OddServer::NoCommand("a".to_owned())));
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut server = McpServer::new("a", "x", vec!["--key=SECRET".to_owned()]).unwrap();
        server.env.insert("KEY".to_owned(), "SECRET".to_owned());
        let printed = format!("{server:?}");
        assert!(
            printed.contains("KEY") && !printed.contains("SECRET"),
            "{printed}"
        );
    }
}
