//! HTTP: who may come in, the page, and the chat's API.

use std::sync::Arc;

use aap::Gate;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod answer;
mod approvals;
mod chat;
mod door;
mod hosts;
mod page;

use crate::chat::Chat;
use crate::limits::{MAX_BODY_BYTES, MAX_CONCURRENT_CALLS};
use crate::options::Options;
use crate::serve::ServeError;
use crate::tools::{Toolbox, Workspace};
use door::Door;
use hosts::Hosts;

/// What every handler shares.
struct Room {
    chat: Chat,
    door: Door,
    hosts: Hosts,
    calls: Arc<Semaphore>,
    /// Ends running calls when a stop has waited long enough.
    stop: CancellationToken,
}

/// The gateway's routes for a listener on `port`.
///
/// # Errors
/// [`ServeError`] says which option is wrong.
pub fn router(gate: Gate, options: &Options, port: u16) -> Result<Router, ServeError> {
    stoppable_router(gate, options, port, CancellationToken::new())
}

/// [`router`], whose running calls end with `stop`.
pub(crate) fn stoppable_router(
    gate: Gate,
    options: &Options,
    port: u16,
    stop: CancellationToken,
) -> Result<Router, ServeError> {
    let workspace = Workspace::open(&options.workspace)
        .map_err(|error| ServeError::Workspace(options.workspace.clone(), error))?;
    let url = &options.dashboard_url;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(ServeError::DashboardUrl(url.clone()));
    }
    let room = Arc::new(Room {
        chat: Chat::new(gate, Toolbox::new(workspace), url, options.answer_within),
        door: Door::new(&options.token, port)?,
        hosts: Hosts::new(port, &options.extra_hosts)?,
        calls: Arc::new(Semaphore::new(MAX_CONCURRENT_CALLS)),
        stop,
    });
    Ok(Router::new()
        .route("/api/chat", post(chat::chat))
        .route("/api/approvals", get(approvals::list))
        .route("/api/approvals/{id}", post(approvals::answer))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            door::require,
        ))
        .route("/", get(page::page))
        .route("/assets/chat.css", get(page::css))
        .route("/assets/chat.js", get(page::js))
        .route("/assets/mark.svg", get(page::mark))
        .route("/health", get(answer::health))
        .fallback(answer::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            hosts::guard,
        ))
        .layer(middleware::map_response(answer::harden))
        .with_state(room))
}
