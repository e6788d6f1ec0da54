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

use crate::stall::{Stall, WRITE_TIMEOUT};

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

/// What bounds connections; other than the default in tests only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) header: Duration,
    pub(crate) write: Duration,
    pub(crate) drain: Duration,
    pub(crate) connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            header: HEADER_TIMEOUT,
            write: WRITE_TIMEOUT,
            drain: DRAIN_TIMEOUT,
            connections: MAX_CONNECTIONS,
        }
    }
}

/// Accepts and serves until `shutdown`; then drains.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    live: &Live,
    shutdown: CancellationToken,
    bounds: Bounds,
) {
    let tasks = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(bounds.connections));
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
                () = connection(stream, peer, router, shutdown, bounds) => {}
                () = kill.cancelled() => {}
            }
            drop(slot);
        });
    }
    drop(listener);
    live.close();
    tasks.close();
    if tokio::time::timeout(bounds.drain, tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = tasks.len(),
            "cut off after {:?}",
            bounds.drain
        );
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
    bounds: Bounds,
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
        .header_read_timeout(bounds.header)
        .max_buf_size(BUFFER_BYTES);
    let serving = builder.serve_connection(TokioIo::new(Stall::new(stream, bounds.write)), service);
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

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);
    const SOON: Duration = Duration::from_millis(20);

    struct Edge {
        address: SocketAddr,
        shutdown: CancellationToken,
        task: JoinHandle<()>,
    }

    async fn edge(bounds: Bounds) -> Edge {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(async |_: Bytes| "ok"));
        let shutdown = CancellationToken::new();
        let ended = shutdown.clone();
        let task = tokio::spawn(async move {
            run(listener, router, &Live::new(), ended, bounds).await;
        });
        Edge {
            address,
            shutdown,
            task,
        }
    }

    async fn connect(edge: &Edge, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(edge.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn end(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut text))
            .await
            .unwrap()
            .unwrap();
        text
    }

    const WHOLE: &str = "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\n{}";

    #[tokio::test]
    async fn headers_that_do_not_come_end_the_connection() {
        let edge = edge(Bounds {
            header: SOON,
            ..Bounds::default()
        })
        .await;
        let mut slow = connect(&edge, "POST / HTTP/1.1\r\nHost: ed").await;
        end(&mut slow).await;
        let mut resting = connect(&edge, WHOLE).await;
        assert!(
            end(&mut resting).await.ends_with("ok"),
            "answered, and closed when nothing more came"
        );
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_cannot_hold_the_shutdown_up() {
        let edge = edge(Bounds {
            drain: SOON,
            ..Bounds::default()
        })
        .await;
        let mut stuck = connect(&edge, &WHOLE[..WHOLE.len() - 1]).await;
        let mut other = connect(&edge, WHOLE).await;
        let mut first = [0; 12];
        other.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        edge.shutdown.cancel();
        timeout(PATIENCE, edge.task).await.unwrap().unwrap();
        let mut rest = Vec::new();
        let cut_off = stuck.read_to_end(&mut rest).await;
        assert!(
            cut_off.is_err() || rest.is_empty(),
            "it never had an answer"
        );
    }

    #[tokio::test]
    async fn connections_beyond_the_bound_wait_for_their_turn() {
        let edge = edge(Bounds {
            connections: 1,
            ..Bounds::default()
        })
        .await;
        let mut first = connect(&edge, WHOLE).await;
        let mut buffer = [0; 1024];
        assert!(first.read(&mut buffer).await.unwrap() > 0);
        let mut second = connect(&edge, WHOLE).await;
        for _ in 0..10 {
            first.write_all(WHOLE.as_bytes()).await.unwrap();
            assert!(first.read(&mut buffer).await.unwrap() > 0);
        }
        assert!(
            second.try_read(&mut buffer).is_err(),
            "not before the first one leaves"
        );
        drop(first);
        let read = timeout(PATIENCE, second.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(read > 0);
    }
}
