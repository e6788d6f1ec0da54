//! The client's side over HTTP (Streamable HTTP of MCP 2025-03-26 and later): one address, a session and a server of its own for
//! each client that says `initialize`.
//!
//! In scope: who may come in (`door`), sessions and their ends (`session`), which message goes into which answer (`streams`), and
//! HTTP itself (`http`). Not in scope: what becomes of a call, which is the same as on standard input and output (`relay`).
//! Streams cannot be resumed: an answer that nobody reads any more is recorded, and gone.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::upstream::Http;
use crate::{Ask, Options, ProxyError};

mod door;
mod http;
mod session;
mod streams;

/// What bounds clients over HTTP. Messages are bounded by [`crate::MAX_FRAME_BYTES`].
pub mod limits {
    use std::time::Duration;

    /// Sessions at once, each with a server of its own; one more is answered 503.
    pub const MAX_SESSIONS: usize = 64;
    /// Requests of one session whose answers are awaited; one more is answered 429.
    pub const MAX_REQUESTS: usize = 1000;
    /// Connections at once; more wait to be accepted.
    pub const MAX_CONNECTIONS: usize = 256;
    /// Messages of a server that wait for a client to listen; a request beyond that is answered with an error, other messages
    /// are dropped, and the log says so.
    pub const MAX_WAITING: usize = 256;
    /// Bytes of such messages.
    pub const MAX_WAITING_BYTES: usize = 1024 * 1024;
    /// A session whose client says nothing and reads nothing for that long is ended.
    pub const RESTS_FOR: Duration = Duration::from_mins(30);
    /// How long a request's headers may take to arrive; also how long a connection may rest between requests.
    pub const HEADERS_WITHIN: Duration = Duration::from_secs(30);
    /// How long a request's body may take to arrive; later it is answered 408.
    pub const BODY_WITHIN: Duration = Duration::from_mins(1);
    /// An answer that takes longer than that comes as a stream, so that the client sees that somebody works at it.
    pub const STREAMS_AFTER: Duration = Duration::from_secs(1);
    /// How often a stream on which nothing comes says that it is there.
    pub const SAYS_EVERY: Duration = Duration::from_secs(15);
    /// A stream whose reader takes nothing for that long, while something waits, is ended.
    pub const STALLS_FOR: Duration = Duration::from_secs(10);
}

/// How long answers may take to be read when the proxy ends.
const DRAINS_WITHIN: Duration = Duration::from_secs(2);
/// How long accepting rests when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Those limits; others in tests only.
#[derive(Debug, Clone, Copy)]
struct Limits {
    sessions: usize,
    requests: usize,
    connections: usize,
    waiting: usize,
    waiting_bytes: usize,
    rest: Duration,
    headers: Duration,
    body: Duration,
    streams_after: Duration,
    says_every: Duration,
    stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: limits::MAX_SESSIONS,
            requests: limits::MAX_REQUESTS,
            connections: limits::MAX_CONNECTIONS,
            waiting: limits::MAX_WAITING,
            waiting_bytes: limits::MAX_WAITING_BYTES,
            rest: limits::RESTS_FOR,
            headers: limits::HEADERS_WITHIN,
            body: limits::BODY_WITHIN,
            streams_after: limits::STREAMS_AFTER,
            says_every: limits::SAYS_EVERY,
            stall: limits::STALLS_FOR,
        }
    }
}

/// The server behind the proxy.
#[derive(Debug, Clone)]
pub enum Server {
    /// A program on pipes; one is started for each session.
    Command(Vec<OsString>),
    /// An address that speaks Streamable HTTP, and headers for it.
    Url {
        /// The address.
        url: String,
        /// Names and values.
        headers: Vec<(String, String)>,
    },
}

/// Where clients come in.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address; port 0 is any that is free.
    pub address: SocketAddr,
    /// What clients show as `Authorization: Bearer`; without it only this machine's own may come.
    pub token: Option<String>,
}

/// Opens the address.
///
/// # Errors
/// [`ProxyError`] when others than this machine's own could come in without a token, or it is taken.
pub async fn bind(listen: &Listen) -> Result<TcpListener, ProxyError> {
    let address = listen.address;
    if listen.token.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(ProxyError::Http(format!(
            "{address} can be reached from other machines, and there is no token: give --token, or listen on 127.0.0.1"
        )));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| ProxyError::Http(format!("{address} cannot be listened on: {error}")))
}

/// Serves clients until `until`, then ends all sessions with their servers. `options` names each conversation anew.
///
/// # Errors
/// [`ProxyError`] when the server's address is none.
pub async fn serve(
    listener: TcpListener,
    token: Option<String>,
    server: Server,
    ask: Ask,
    options: impl Fn() -> Options + Send + Sync + 'static,
    until: impl Future<Output = ()>,
) -> Result<(), ProxyError> {
    let limits = Limits::default();
    serve_within(listener, token, server, ask, options, until, limits).await
}

async fn serve_within(
    listener: TcpListener,
    token: Option<String>,
    server: Server,
    ask: Ask,
    options: impl Fn() -> Options + Send + Sync + 'static,
    until: impl Future<Output = ()>,
    limits: Limits,
) -> Result<(), ProxyError> {
    if let Server::Url { url, headers } = &server {
        // What is wrong with it is said now, not to the first client.
        Http::new(url, headers, mpsc::channel(1).0)?;
    }
    let room = Arc::new(http::Room::new(server, ask, Box::new(options), limits));
    let door = door::Door::new(token);
    let app = http::router(room.clone(), door);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let closing = CancellationToken::new();
    let mut connections = JoinSet::new();
    tokio::pin!(until);
    loop {
        let slot = tokio::select! {
            () = &mut until => break,
            slot = slots.clone().acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            () = &mut until => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (app, closing) = (app.clone(), closing.clone());
                connections.spawn(async move {
                    connection(stream, app, closing, limits).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    room.close().await;
    closing.cancel();
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAINS_WITHIN, all).await.is_err() {
        tracing::warn!("some answers were not read to their end");
    }
    Ok(())
}

async fn connection(stream: TcpStream, app: Router, closing: CancellationToken, limits: Limits) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
