//! `GET /metrics`, and what goes around every handler to fill it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Room;
use super::answer::problem;
use crate::metrics;

/// Measures, and counts, by route.
pub(super) async fn measure(
    State(room): State<Arc<Room>>,
    request: Request,
    next: Next,
) -> Response {
    // The pattern, never the path: clients cannot make up labels.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let begun = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    room.metrics
        .request(route, &method, response.status(), begun.elapsed());
    response
}

/// Everything that is counted, as Prometheus reads it.
pub(super) async fn metrics(State(room): State<Arc<Room>>) -> Response {
    let open = metrics::Open {
        runs: room.agent.runs_under_way(),
        ..room.sockets.open()
    };
    // Making it takes a while the first time.
    let rendering = tokio::task::spawn_blocking(move || room.metrics.render(open));
    let Ok(text) = rendering.await else {
        let what = "the metrics could not be put together; the gateway's log says why";
        return problem(StatusCode::INTERNAL_SERVER_ERROR, what);
    };
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, kind)], text).into_response()
}
