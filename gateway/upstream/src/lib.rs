//! A server that speaks as Anthropic, OpenAI or Ollama do, and says what a test tells it to.
//!
//! **In scope.** Real sockets and the three real wire formats: text, thoughts, calls of tools, usage, errors, and every fault that a
//! provider can have (late, silent, cut, rubbish, huge). Requests are written down.
//!
//! **Out of scope.** Thinking. The crate `gateway` has the clients; nothing that ships depends on this crate.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use model_upstream::{Answer, Upstream, Wire};
//! use serde_json::json;
//!
//! // The first request gets a call of a tool, every later one gets words.
//! let upstream = Upstream::start(Wire::Anthropic, |asked| match asked.number {
//!     0 => Answer::new().think("Let me look.").call("list_files", json!({"path": "."})),
//!     _ => Answer::text("There are two files."),
//! })
//! .await?;
//! let base = upstream.url(); // `providers.anthropic.base_url`
//! // … let a client ask …
//! assert_eq!(upstream.requests()[0].body["stream"], true);
//! # Ok(()) }
//! ```
//!
//! One after the other by number: [`Upstream::script`]. What an answer can be: [`Answer`]. To hold an answer at a point until the
//! test lets it go on, without sleeping: [`Gate`].

mod answer;
mod connection;
mod gate;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use answer::{Answer, Tokens};
pub use gate::Gate;
pub use wire::Wire;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    /// How many connections were made before the one that it came on.
    pub connection: usize,
    /// The path and query that it went to.
    pub path: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Its body; null if that was no JSON.
    pub body: Value,
}

impl Asked {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) type Responder = dyn Fn(&Asked) -> Answer + Send + Sync;

pub(crate) struct Shared {
    pub(crate) wire: Wire,
    pub(crate) respond: Box<Responder>,
    pub(crate) requests: Mutex<Vec<Asked>>,
}

/// A running server on a loopback port of its own. It and its connections end when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Starts one that answers each request with what `respond` makes of it.
    ///
    /// # Errors
    /// No loopback port can be had.
    pub async fn start(
        wire: Wire,
        respond: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            wire,
            respond: Box::new(respond),
            requests: Mutex::default(),
        });
        let accepting = tokio::spawn(connection::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Starts one that gives `answers` in order, and the last of them to every further request.
    ///
    /// # Errors
    /// No loopback port can be had, or there are no answers.
    pub async fn script(wire: Wire, answers: Vec<Answer>) -> io::Result<Self> {
        if answers.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a script without answers",
            ));
        }
        Self::start(wire, move |asked| {
            answers[asked.number.min(answers.len() - 1)].clone()
        })
        .await
    }

    /// What the provider's base URL must be set to: for OpenAI's wire with `/v1`, as its own is written.
    pub fn url(&self) -> String {
        let path = match self.shared.wire {
            Wire::OpenAi => "/v1",
            Wire::Anthropic | Wire::Ollama => "",
        };
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Asked> {
        let requests = self.shared.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // Its connections are in the task's own set, and go with it.
        self.accepting.abort();
    }
}
