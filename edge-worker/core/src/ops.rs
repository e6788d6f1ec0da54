//! For operators and machines: liveness, readiness, metrics, and paths that are none.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use trace_store::{TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::Edge;
use crate::limiter::Limiter;

/// Media type of Prometheus's text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The process answers.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The store answers, too.
pub(crate) async fn ready<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
) -> Result<Json<Value>, Problem> {
    edge.ports.store.ready().await?;
    Ok(Json(json!({ "status": "ready" })))
}

/// Everything counted in this process.
pub(crate) async fn metrics<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
) -> impl IntoResponse {
    let text = (edge.ports.render_metrics)();
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text)
}

/// Below `/v1`, but nothing there.
pub(crate) async fn no_route() -> Problem {
    Problem::NoRoute
}

/// A path of the API with a method that it does not have; the router adds `Allow`.
pub(crate) async fn wrong_method() -> Problem {
    Problem::WrongMethod
}
