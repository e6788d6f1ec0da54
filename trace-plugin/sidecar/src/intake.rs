//! The intake for foreign agents: HTTP on a Unix socket, and on loopback where it is switched on.
//!
//! `POST /v1/hook/{agent}` takes what that agent's hook writes (one JSON object, or several) and answers with a
//! [`crate::dialect::Reply`]; with `?answer=plain`, as agents want it that post their hooks themselves (Claude Code's
//! `type: "http"`), with what that agent would read on standard output. The socket is the owner's alone (0600), so no token is asked for there; over loopback TCP it is.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aap::{AgentId, Timestamp};
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dialect::{Dialect, Reply};
use crate::hook::MAX_HOOK_BYTES;
use crate::plugin::Recorder;

/// The header by which a client says until when, in milliseconds since the epoch, it waits for an answer. What is read later is
/// neither judged nor recorded.
pub const UNTIL: &str = "smoltbot-until";

/// Why the intake cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Another sidecar answers there.
    #[error(
        "another smoltbot sidecar is listening on {0}: stop it first, or use another SMOLTBOT_HOME"
    )]
    Taken(PathBuf),
    /// The socket cannot be made.
    #[error("{path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Opens the socket at `path` for its owner alone. A socket that nobody listens on is taken over.
///
/// # Errors
/// [`IntakeError`].
pub fn bind(path: &Path) -> Result<UnixListener, IntakeError> {
    let wrong = |source| IntakeError::Io {
        path: path.to_owned(),
        source,
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(IntakeError::Taken(path.to_owned()));
    }
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(wrong(error)),
    }
    let listener = UnixListener::bind(path).map_err(wrong)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(wrong)?;
    Ok(listener)
}

fn router(recorder: Arc<Recorder>) -> Router {
    Router::new()
        .route("/v1/hook/{agent}", post(take))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(MAX_HOOK_BYTES + 1))
        .with_state(recorder)
}

/// Serves the socket until `shutdown`.
///
/// # Errors
/// What the operating system says.
pub async fn serve_unix(
    listener: UnixListener,
    recorder: Arc<Recorder>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, router(recorder))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// Serves loopback TCP until `shutdown`; every request must show the token that `tokens` tells at that moment.
///
/// # Errors
/// What the operating system says.
pub async fn serve_tcp(
    listener: TcpListener,
    recorder: Arc<Recorder>,
    tokens: watch::Receiver<String>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let app = router(recorder).layer(middleware::from_fn_with_state(tokens, authorised));
    axum::serve(listener, app)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

async fn authorised(
    State(tokens): State<watch::Receiver<String>>,
    request: Request,
    next: Next,
) -> Response {
    // A page in a browser must not reach us, token or not.
    let foreign = request.headers().contains_key(header::ORIGIN);
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if foreign || !shown.is_some_and(|shown| same(shown, &tokens.borrow())) {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "show the token of ~/.smoltbot as `Authorization: Bearer …`"})),
        )
            .into_response();
    }
    next.run(request).await
}

/// Compares without telling by its time how much was right.
fn same(one: &str, other: &str) -> bool {
    aap::chain::Digest::of(one.as_bytes()) == aap::chain::Digest::of(other.as_bytes())
}

async fn take(
    State(recorder): State<Arc<Recorder>>,
    UrlPath(agent): UrlPath<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let plain = match query.as_deref() {
        None | Some("") => false,
        Some("answer=plain") => true,
        Some(other) => {
            let error = format!("`?{other}` is not understood; `?answer=plain` is");
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
        }
    };
    let Some(dialect) = Dialect::parse(&agent) else {
        let known: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        let error = format!(
            "`{agent}` is not an agent that smoltbot understands; it understands {}",
            known.join(", ")
        );
        return (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response();
    };
    let until = headers.get(UNTIL).and_then(|until| until.to_str().ok());
    let until = until.and_then(|until| until.parse().ok());
    let until = until.map(Timestamp::from_millis);
    match recorder.hook(dialect, body.into(), until).await {
        Some(reply) if plain => plainly(reply),
        Some(reply) => Json(reply).into_response(),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"error": "the sidecar is stopping, or it is too late to answer"})),
        )
            .into_response(),
    }
}

/// The answer itself. What would stand on standard error goes to the log: nobody else reads it.
fn plainly(reply: Reply) -> Response {
    for line in reply.stderr.lines() {
        tracing::warn!("{line}");
    }
    ([(header::CONTENT_TYPE, "application/json")], reply.stdout).into_response()
}

/// What a sidecar says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// Whose sidecar it is.
    pub agent_id: AgentId,
    /// Its process.
    pub pid: u32,
    /// Its program's version.
    pub version: String,
}

async fn health(State(recorder): State<Arc<Recorder>>) -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        agent_id: recorder.judge().card().agent_id,
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
