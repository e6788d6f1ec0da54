//! A proxy between an MCP client and its server: each `tools/call` is judged before it is passed on.
//!
//! In scope: MCP's framing (lines over stdio, Streamable HTTP towards a server and towards clients), which frames are tool calls, what becomes of a
//! refused one, and asking the person by `elicitation/create` where the client can. Everything else passes byte for byte,
//! in both directions, ids untouched. Not in scope: judging and recording. Whoever embeds this brings an [`Ask`], which takes the
//! events of the neutral shape that `trace_plugin::dialect` reads as `mcp`, and answers them.
//!
//! What a server could read in another way than this does is not passed on: a frame that is not JSON, or that has a key twice or
//! in other letters than MCP's, is answered with an error.

use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

mod frame;
mod listen;
mod message;
mod relay;
mod run;
mod upstream;

pub use listen::limits;
pub use listen::{Listen, Server, bind, serve};
pub use run::{run_command, run_url};

/// Longest frame that is read as a whole, in bytes: what a hook may bring. A longer one of the client is answered with an error, a
/// longer one of the server passes unread.
pub const MAX_FRAME_BYTES: usize = 32 * 1024 * 1024;
/// How long a person has to answer a question; as long as elsewhere.
pub const ASK_FOR: Duration = Duration::from_mins(5);
/// How long a server may take to end by itself once its client has gone; then it is told to (SIGTERM).
pub const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take after that; then it is killed.
pub const STOPS_WITHIN: Duration = Duration::from_secs(2);
/// Calls whose end is awaited. One that opens beyond that is passed on and its end not told: then it is traced as an orphan.
pub const MAX_OPEN_CALLS: usize = 10_000;
/// How long ends that are still being told are waited for when the proxy ends.
pub const TELLS_WITHIN: Duration = Duration::from_secs(2);

/// Takes an event, a line of JSON, and answers it with another. Blocking; called on threads that may block.
pub type Ask = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Whom the calls belong to.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the server is called in tools' names; what it says of itself unless given.
    pub name: Option<String>,
    /// Names this conversation; unique.
    pub session_id: String,
}

/// Where the client is.
#[derive(Debug)]
pub struct Client {
    /// What it says.
    pub input: OwnedFd,
    /// What it hears.
    pub output: OwnedFd,
}

impl Client {
    /// On standard input and output.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn standard() -> std::io::Result<Self> {
        Ok(Self {
            input: std::io::stdin().as_fd().try_clone_to_owned()?,
            output: std::io::stdout().as_fd().try_clone_to_owned()?,
        })
    }
}

/// Why the proxy ended.
#[derive(Debug)]
pub enum Ended {
    /// The server's process has ended.
    Server(ExitStatus),
    /// The client has gone, and so has the connection to the server.
    Client,
}

/// Why the proxy could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The server's program cannot be started.
    #[error("`{program}` cannot be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A stream or a signal cannot be used.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The HTTP client cannot be made, or the address is none.
    #[error("{0}")]
    Http(String),
}
