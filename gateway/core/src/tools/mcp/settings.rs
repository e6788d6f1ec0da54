//! Which MCP servers there are.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::{MAX_MCP_NAME_CHARS, MCP_CALL_TIME, MCP_START_TIME};

/// An MCP server whose tools are the agent's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpServer {
    name: String,
    /// How it is spoken to.
    pub way: McpWay,
    /// How long it may take to start and tell its tools; [`MCP_START_TIME`].
    pub start_within: Duration,
    /// How long it may take for one call; [`MCP_CALL_TIME`].
    pub call_within: Duration,
}

/// How an MCP server is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpWay {
    /// The gateway starts a program, and speaks with it over its standard input and output.
    Program(McpProgram),
    /// It runs elsewhere, and speaks Streamable HTTP.
    Http(McpEndpoint),
}

/// A program that is an MCP server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct McpProgram {
    /// The program, by its name or path.
    pub command: String,
    /// Its arguments. Never printed.
    pub args: Vec<String>,
    /// What it gets besides the little that commands get of the gateway's environment. Never printed.
    pub env: BTreeMap<String, String>,
    /// Where it starts; the workspace if nothing is said.
    pub cwd: Option<PathBuf>,
}

/// Where an MCP server is on the web.
#[derive(Clone, PartialEq, Eq)]
pub struct McpEndpoint {
    url: Url,
    headers: HeaderMap,
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
    /// Nowhere to go. The URL may hold a key and is not repeated.
    #[error("the URL of the MCP server `{0}` is no http or https URL")]
    Url(String),
    /// No header of HTTP. Its value may be a key and is not repeated.
    #[error("the MCP server `{0}` cannot be sent the header `{1}`")]
    Header(String, String),
}

impl McpServer {
    /// A program with no more environment than a command has, in the workspace.
    ///
    /// # Errors
    /// [`OddServer`] says what cannot be.
    pub fn new(
        name: impl Into<String>,
        command: impl Into<String>,
        args: Vec<String>,
    ) -> Result<Self, OddServer> {
        let command = command.into();
        Self::program(
            name,
            McpProgram {
                command,
                args,
                ..McpProgram::default()
            },
        )
    }

    /// A program.
    ///
    /// # Errors
    /// [`OddServer`] says what cannot be.
    pub fn program(name: impl Into<String>, program: McpProgram) -> Result<Self, OddServer> {
        let name = name.into();
        if program.command.is_empty() && is_name(&name) {
            return Err(OddServer::NoCommand(name));
        }
        Self::by(name, McpWay::Program(program))
    }

    /// A server at `url`, which is sent `headers` with each request.
    ///
    /// # Errors
    /// [`OddServer`] says what cannot be.
    pub fn at(
        name: impl Into<String>,
        url: &str,
        headers: &BTreeMap<String, String>,
    ) -> Result<Self, OddServer> {
        let name = name.into();
        let url = Url::parse(url).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| OddServer::Url(name.clone()))?;
        let mut all = HeaderMap::new();
        for (of, value) in headers {
            let odd = || OddServer::Header(name.clone(), of.clone());
            let of = HeaderName::try_from(of.as_str()).map_err(|_| odd())?;
            if OURS.contains(&of.as_str()) {
                return Err(odd());
            }
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| odd())?;
            value.set_sensitive(true);
            all.insert(of, value);
        }
        Self::by(name, McpWay::Http(McpEndpoint { url, headers: all }))
    }

    fn by(name: String, way: McpWay) -> Result<Self, OddServer> {
        if !is_name(&name) {
            return Err(OddServer::Name(name));
        }
        Ok(Self {
            name,
            way,
            start_within: MCP_START_TIME,
            call_within: MCP_CALL_TIME,
        })
    }

    /// Its name, as in its tools' names.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Headers that the protocol itself sets.
const OURS: [&str; 7] = [
    "accept",
    "content-type",
    "content-length",
    "host",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
];

fn is_name(name: &str) -> bool {
    (1..=MAX_MCP_NAME_CHARS).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        && !name.contains("__")
        && !name.starts_with('_')
        && !name.ends_with('_')
}

impl McpEndpoint {
    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What it is sent with each request.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl fmt::Debug for McpProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arguments and environment are where people put keys.
        f.debug_struct("McpProgram")
            .field("command", &self.command)
            .field("args", &self.args.len())
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .finish()
    }
}

impl fmt::Debug for McpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // So are paths, queries and headers.
        f.debug_struct("McpEndpoint")
            .field("host", &self.url.host_str())
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
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
    fn places_and_headers_are_such_as_http_has() {
        let made = |url: &str, headers: &[(&str, &str)]| {
            let headers = headers
                .iter()
                .map(|(of, value)| ((*of).to_owned(), (*value).to_owned()));
            McpServer::at("a", url, &headers.collect())
        };
        assert!(
            made(
                "https://mcp.example.com/mcp?k=v",
                &[("Authorization", "Bearer x")]
            )
            .is_ok()
        );
        for url in ["", "mcp.example.com", "file:///x", "ws://a/"] {
            assert_eq!(made(url, &[]), Err(OddServer::Url("a".to_owned())), "{url}");
        }
        for (of, value) in [
            ("a b", "x"),
            ("x", "a\nb"),
            ("Mcp-Session-Id", "x"),
            ("host", "x"),
        ] {
            let odd = OddServer::Header("a".to_owned(), of.to_owned());
            assert_eq!(made("http://127.0.0.1:1/", &[(of, value)]), Err(odd));
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut program = McpProgram {
            command: "x".to_owned(),
            args: vec!["--key=SECRET".to_owned()],
            ..McpProgram::default()
        };
        program.env.insert("KEY".to_owned(), "SECRET".to_owned());
        let program = McpServer::program("a", program).unwrap();
        let headers = BTreeMap::from([("x-key".to_owned(), "SECRET".to_owned())]);
        let endpoint = McpServer::at("b", "https://h.example/SECRET?k=SECRET", &headers).unwrap();
        let printed = format!("{program:?} {endpoint:?}");
        assert!(
            printed.contains("KEY") && printed.contains("x-key") && printed.contains("h.example"),
            "{printed}"
        );
        assert!(!printed.contains("SECRET"), "{printed}");
    }
}
