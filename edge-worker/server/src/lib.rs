//! The edge router on a native server.
//!
//! **In scope.** Connections and their time limits, the counts behind the rate limits ([`limits`]), the process's metrics
//! recorder ([`metrics`]), packed answers, clocks, the DNS ([`Dns`]), an orderly end. **Out of scope.** What requests mean (`edge-core`), the store behind it,
//! configuration and signals (`smoltbot`).
//!
//! The client's address is that of the connection. Headers such as `X-Forwarded-For` are not believed: behind a reverse
//! proxy all requests count for the proxy's network, whose limit has to be raised or turned off there.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aap::Timestamp;
use connections::Bounds;
pub use edge_core::Live;
use edge_core::Ports;
use governor::clock::MonotonicClock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace_store::{TraceReader, TraceWriter};

mod connections;
mod dns;
pub mod limits;
pub mod metrics;
mod pack;
mod stall;

pub use connections::{DRAIN_TIMEOUT, HEADER_TIMEOUT, MAX_CONNECTIONS};
pub use dns::Dns;
pub use limits::{Counts, Limits};
pub use stall::WRITE_TIMEOUT;

/// How often keys that no longer count are forgotten and histograms are summed up.
pub const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Why the edge does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The metrics' recorder cannot be made.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics::MetricsError),
    /// The listener cannot say where it listens.
    #[error("the listener is not usable: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves until `shutdown`, then drains: running requests end within [`DRAIN_TIMEOUT`], live streams at once.
///
/// # Errors
/// [`ServeError`] when it cannot begin; once it serves, a client's errors are that client's.
pub async fn serve<S: TraceReader + TraceWriter>(
    listener: TcpListener,
    store: Arc<S>,
    limits: Limits,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let live = Arc::new(Live::new());
    serve_with(listener, store, limits, live, Dns::Off, shutdown).await
}

/// The same with live streams that others may wake, too, whoever hears that another process has stored something; and with
/// somebody to ask for what proves agents' links.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with<S: TraceReader + TraceWriter>(
    listener: TcpListener,
    store: Arc<S>,
    limits: Limits,
    live: Arc<Live>,
    dns: Dns,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    let counts = Counts::new(limits, MonotonicClock);
    let render = metrics::recorder()?;
    let ports = Ports {
        store,
        limiter: Arc::clone(&counts),
        clock: Arc::new(now),
        monotonic: Arc::new(monotonic),
        sleep: Arc::new(|span| Box::pin(tokio::time::sleep(span))),
        render_metrics: Arc::new(move || render.render()),
        live: Arc::clone(&live),
        readable_by_other_sites: !address.ip().to_canonical().is_loopback(),
        proofs: dns.proofs(),
    };
    let router = edge_core::router(ports).layer(axum::middleware::from_fn(pack::answers));
    tracing::info!(%address, "the edge listens");
    let sweeping = async {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            counts.sweep();
            metrics::upkeep();
        }
    };
    tokio::select! {
        () = connections::run(listener, router, &live, shutdown, Bounds::default()) => {}
        () = sweeping => {}
    }
    tracing::info!(%address, "the edge has stopped");
    Ok(())
}

/// The time of day.
fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Time since the first call.
fn monotonic() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed()
}
