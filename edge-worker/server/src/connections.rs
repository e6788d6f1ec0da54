//! Connections: accepted, bounded in number and in time, and ended in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use edge_core::{ClientNet, Live};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use crate::stall::Stall;

/// How long a request's headers may take to arrive; also how long a connection may rest between requests.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running requests may take after the shutdown begins.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections open at once; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4096;
/// How long accepting rests when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's headers that are kept, and of a body that are read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Accepts and serves until `shutdown`; then drains.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    live: &Live,
    shutdown: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Cancelled when the drain has taken too long.
    let kill = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else {
            continue;
        };
        let (router, shutdown, kill) = (router.clone(), shutdown.clone(), kill.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = connection(stream, peer, router, shutdown) => {}
                () = kill.cancelled() => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    live.close();
    tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(connections = tasks.len(), "cut off after {DRAIN_TIMEOUT:?}");
        kill.cancel();
        tasks.wait().await;
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<Accepted> {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) {
    // Answers are small and written at once: waiting for more would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ClientNet(peer.ip()));
        // A router is ready at all times: its `Service::poll_ready` says so.
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER_BYTES);
    let serving = builder.serve_connection(TokioIo::new(Stall::new(stream)), service);
    let mut serving = std::pin::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
