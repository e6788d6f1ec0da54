//! The one edge router, the same on every host.
//!
//! **In scope.** What the public HTTP API does: read a body, validate, verify, limit, append, acknowledge; list, show, count;
//! live events; problem details; the OpenAPI document. The pages of `dashboard` are merged in. **Out of scope.** What a trace
//! is and when it is valid (`aap`), what a secret is (`redact`), keeping traces (`trace-store` and its stores), sockets, clocks,
//! keeping count of requests and writing metrics out (the host: `edge-server`). Nothing here knows a driver, a clock or a
//! random source; the host brings them in [`Ports`].
//!
//! A write goes size → network → signature → agent → new agents → global → append. Each step costs more than the one
//! before, and nobody can use up an agent's limit without its key.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aap::Timestamp;
use aap::paths;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, get, post, put};
use dashboard::proof::Proofs;
use trace_store::{TraceReader, TraceWriter};

mod agents;
mod body;
mod card;
mod cards;
mod drift;
mod edge;
mod evidence;
mod export;
#[cfg(not(target_arch = "wasm32"))]
mod files;
mod handshake;
mod integrity;
mod layers;
pub mod limiter;
mod links;
pub mod live;
mod openapi;
mod ops;
mod otlp;
mod problem;
mod query;
mod shape;
mod stats;
mod submit;
#[cfg(test)]
mod tests;
mod traces;

pub use body::BODY_TIMEOUT;
pub use dashboard::proof;
pub use edge::KNOWN_AGENTS;
pub use export::{EXPORT_PAGE, MAX_EXPORT_TIME, MAX_EXPORTS, MAX_EXPORTS_PER_NETWORK};
#[cfg(not(target_arch = "wasm32"))]
pub use files::{File, files};
pub use limiter::{ClientNet, LimitDecision, LimitKey, Limiter, Limits, Network};
pub use live::Live;
pub use otlp::MAX_CALLS;
pub use problem::{PROBLEM_MEDIA_TYPE, Problem, RETRY_LATER};

use edge::Edge;

/// Resolves after a span of time.
pub type Sleep = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What a host brings.
pub struct Ports<S, L> {
    /// Where traces are kept.
    pub store: Arc<S>,
    /// Who keeps count of requests.
    pub limiter: Arc<L>,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Time since any fixed moment, never going back: what durations are measured with.
    pub monotonic: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Waiting.
    pub sleep: Sleep,
    /// The process's metrics in Prometheus's text format.
    pub render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The live streams; the host keeps a handle to close them.
    pub live: Arc<Live>,
    /// Whether pages of other sites may read the API in a browser. Not on a loopback address: what is there is its
    /// machine's own business, and every site that its user visits could ask.
    pub readable_by_other_sites: bool,
    /// Who looks up what proves the links that agents claim.
    pub proofs: Proofs,
}

/// The routes that never count against a limit.
fn unlimited<S: TraceReader + TraceWriter, L: Limiter>() -> Routes<S, L> {
    vec![
        (paths::HEALTH, get(ops::health)),
        (paths::READY, get(ops::ready::<S, L>)),
        (paths::METRICS, get(ops::metrics::<S, L>)),
    ]
}

/// The routes that do.
fn limited<S: TraceReader + TraceWriter, L: Limiter>() -> Routes<S, L> {
    vec![
        (
            paths::TRACES,
            post(submit::submit::<S, L>).get(traces::list::<S, L>),
        ),
        (paths::OTLP_TRACES, post(otlp::receive::<S, L>)),
        ("/v1/traces/{id}", get(traces::one::<S, L>)),
        ("/v1/agents/{id}", get(agents::one::<S, L>)),
        (
            "/v1/agents/{id}/card",
            put(card::put::<S, L>).get(card::get::<S, L>),
        ),
        ("/v1/agents/{id}/cards", get(cards::versions::<S, L>)),
        (
            "/v1/agents/{id}/cards/{card_id}",
            get(cards::version::<S, L>),
        ),
        (
            "/agents/{id}/.well-known/alignment-card.json",
            get(cards::well_known::<S, L>),
        ),
        (
            "/agents/{id}/.well-known/alignment-card-revocations.json",
            get(cards::well_known::<S, L>),
        ),
        (paths::WELL_KNOWN_CARD, get(cards::well_known::<S, L>)),
        (
            paths::WELL_KNOWN_REVOCATIONS,
            get(cards::well_known::<S, L>),
        ),
        (paths::HANDSHAKE, post(handshake::answer::<S, L>)),
        ("/v1/agents/{id}/sessions", get(agents::sessions::<S, L>)),
        (
            "/v1/agents/{id}/integrity",
            get(integrity::integrity::<S, L>),
        ),
        ("/v1/agents/{id}/drift", get(drift::drift::<S, L>)),
        (
            "/v1/agents/{id}/equivocations",
            get(agents::equivocations::<S, L>),
        ),
        ("/v1/agents/{id}/streams", get(agents::streams::<S, L>)),
        ("/v1/agents/{id}/links", get(links::links::<S, L>)),
        (paths::REFUSALS, get(traces::refusals::<S, L>)),
        (paths::STATS, get(stats::stats::<S, L>)),
        (paths::FACETS, get(stats::facets::<S, L>)),
        (paths::EXPORT, get(export::export::<S, L>)),
        (paths::LIVE, get(live::live::<S, L>)),
        (paths::OPENAPI, get(openapi::show)),
    ]
}

type Routes<S, L> = Vec<(&'static str, MethodRouter<Arc<Edge<S, L>>>)>;

fn of<S: TraceReader + TraceWriter, L: Limiter>(routes: Routes<S, L>) -> Router<Arc<Edge<S, L>>> {
    routes
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        })
        .method_not_allowed_fallback(ops::wrong_method)
}

/// The whole edge: API, live events, pages. Every request may carry a [`ClientNet`] among its extensions.
pub fn router<S: TraceReader + TraceWriter, L: Limiter>(ports: Ports<S, L>) -> Router {
    let (store, clock) = (Arc::clone(&ports.store), Arc::clone(&ports.clock));
    let pages = dashboard::router(store, clock, ports.proofs.clone());
    let edge = Arc::new(Edge::new(ports));
    let api = of(limited())
        .route("/v1", any(ops::no_route))
        .route("/v1/", any(ops::no_route))
        .route("/v1/{*rest}", any(ops::no_route))
        .route("/otlp/{*rest}", any(ops::no_route))
        .layer(from_fn_with_state(Arc::clone(&edge), layers::api))
        .with_state(Arc::clone(&edge))
        .merge(pages)
        .fallback(dashboard::not_found)
        .layer(from_fn_with_state(Arc::clone(&edge), layers::network));
    of(unlimited())
        .layer(from_fn_with_state(Arc::clone(&edge), layers::api))
        .with_state(Arc::clone(&edge))
        .merge(api)
        .layer(from_fn_with_state(edge, layers::measure))
}
