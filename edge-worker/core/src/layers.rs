//! What goes around every handler: measuring, the network's limit, headers.

use std::sync::Arc;
use std::time::Duration;

use aap::limits::MAX_BATCH_BYTES;
use axum::extract::{Extension, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use trace_store::{TraceReader, TraceWriter};

use crate::body::check_declared_size;
use crate::edge::{Caller, Decisions, Edge};
use crate::limiter::{LimitKey, Limiter, write_headers};
use crate::{ClientNet, Problem};

/// How long a browser may remember what the API allows other sites: a day.
const PREFLIGHT_AGE: Duration = Duration::from_hours(24);

/// Measures, and counts, by route.
pub(crate) async fn measure<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    path: Option<Extension<MatchedPath>>,
    request: Request,
    next: Next,
) -> Response {
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = method_name(request.method());
    let begun = (edge.ports.monotonic)();
    let response = next.run(request).await;
    let took = (edge.ports.monotonic)().saturating_sub(begun);
    let status = response.status().as_str().to_owned();
    metrics::histogram!("smoltbot_edge_request_seconds", "route" => route, "method" => method, "status" => status)
        .record(took.as_secs_f64());
    response
}

/// A method's name as a label; clients cannot make up labels.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Size as declared, then the network's limit; hands the caller on, and writes the limits' headers.
pub(crate) async fn network<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = check_declared_size(request.headers(), MAX_BATCH_BYTES) {
        return problem.into_response();
    }
    let unknown = ClientNet([0, 0, 0, 0].into());
    let network = request
        .extensions()
        .get()
        .copied()
        .unwrap_or(unknown)
        .into();
    let decisions = Decisions::default();
    let mut response = match edge.allow(LimitKey::Network(network), &decisions).await {
        Ok(()) => {
            let decisions = decisions.clone();
            request
                .extensions_mut()
                .insert(Caller { network, decisions });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    write_headers(&decisions.take(), response.headers_mut());
    response
}

/// Answers preflights. Any site may write: there are no credentials that it could abuse, and an answer tells nothing new.
/// Whether it may read, too, is the host's decision.
pub(crate) async fn api<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    request: Request,
    next: Next,
) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    if !reads || edge.ports.readable_by_other_sites {
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set(header::REFERRER_POLICY, "no-referrer");
    if preflight {
        set(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PUT, OPTIONS",
        );
        set(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Content-Type, Content-Encoding, Accept, Last-Event-ID",
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(PREFLIGHT_AGE.as_secs()),
        );
    } else {
        set(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "RateLimit, RateLimit-Policy, Retry-After",
        );
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        problem.into_response()
    }
}
