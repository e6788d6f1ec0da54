//! HTTP: who may come in, the page, and the chat's API.

use std::sync::Arc;

use aap::Gate;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use tokio_util::sync::CancellationToken;

pub(crate) mod answer;
mod approvals;
mod chat;
pub(crate) mod door;
pub(crate) mod hosts;
mod measure;
mod openai;
mod page;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod probe;
mod sessions;
mod upload;
mod waiting;
mod webhooks;

use crate::agent::{Agent, Setup};
use crate::limits::{MAX_BODY_BYTES, MAX_CHAT_BODY_BYTES, MAX_COMPLETION_BODY_BYTES};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::protocol::{self, Sockets};
use crate::serve::ServeError;
use crate::sessions::Sessions;
use crate::tools::{Toolbox, Workspace};
use door::Door;
use hosts::Hosts;
pub use hosts::check_host;
use webhooks::Webhooks;

/// What every handler shares.
pub(crate) struct Room {
    pub(crate) agent: Arc<Agent>,
    pub(crate) door: Arc<Door>,
    pub(crate) hosts: Hosts,
    webhooks: Webhooks,
    /// Ends running calls when a stop has waited long enough.
    pub(crate) stop: CancellationToken,
    /// The open sockets of `/ws`.
    pub(crate) sockets: Sockets,
    pub(crate) metrics: Arc<Metrics>,
}

/// The gateway's routes for a listener on `port`.
///
/// # Errors
/// [`ServeError`] says which option is wrong.
pub fn router(gate: Gate, options: &Options, port: u16) -> Result<Router, ServeError> {
    stoppable_router(
        gate,
        options,
        port,
        CancellationToken::new(),
        Sockets::default(),
    )
    .map(|stoppable| stoppable.router)
}

/// Routes, and what goes on beside them.
pub(crate) struct Stoppable {
    pub(crate) router: Router,
    /// To be closed after it.
    pub(crate) toolbox: Arc<Toolbox>,
    /// Its lock can be changed.
    pub(crate) door: Arc<Door>,
}

/// [`router`], whose running calls end with `stop`.
pub(crate) fn stoppable_router(
    gate: Gate,
    options: &Options,
    port: u16,
    stop: CancellationToken,
    sockets: Sockets,
) -> Result<Stoppable, ServeError> {
    let workspace = Workspace::open(&options.workspace)
        .map_err(|error| ServeError::Workspace(options.workspace.clone(), error))?;
    let url = &options.dashboard_url;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(ServeError::DashboardUrl(url.clone()));
    }
    let sessions = match &options.database {
        Some(path) => Sessions::open(path),
        None => Sessions::in_memory(),
    };
    let metrics = Arc::clone(&options.metrics);
    if let Some(model) = &options.model {
        let listening = protocol::Listening::new(sockets.clone(), Arc::clone(&metrics) as _);
        model.observe(Arc::new(listening));
    }
    let toolbox = Arc::new(Toolbox::new(workspace, &options.tools));
    let agent = Agent::new(Setup {
        gate,
        toolbox: Arc::clone(&toolbox),
        model: options.model.clone(),
        thinking: options.thinking,
        sessions: sessions?,
        workspace: options.workspace.clone(),
        dashboard_url: url.clone(),
        answer_within: options.answer_within,
        context_tokens: options.context_tokens,
        metrics: Arc::clone(&metrics),
        clock: Arc::clone(&options.clock),
    });
    let door = Arc::new(Door::new(&options.token, port)?);
    let room = Arc::new(Room {
        agent: Arc::new(agent),
        door: Arc::clone(&door),
        hosts: Hosts::new(port, &options.extra_hosts)?,
        webhooks: Webhooks::new(&options.webhooks)?,
        stop,
        sockets,
        metrics,
    });
    let openai = Router::new()
        .route("/v1/models", get(openai::models))
        .route("/v1/models/{*id}", get(openai::one_model))
        .route("/v1/{*rest}", any(openai::nothing))
        .route(
            "/v1/chat/completions",
            post(openai::completions).layer(DefaultBodyLimit::max(MAX_COMPLETION_BODY_BYTES)),
        )
        .method_not_allowed_fallback(openai::wrong_method)
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            openai::require,
        ));
    let router = Router::new()
        .route(
            "/api/chat",
            post(chat::chat).layer(DefaultBodyLimit::max(MAX_CHAT_BODY_BYTES)),
        )
        .route("/api/sessions", get(sessions::list))
        .route(
            "/api/sessions/{key}",
            get(sessions::said).delete(sessions::delete),
        )
        .route(
            "/api/sessions/{key}/pictures/{message}/{number}",
            get(sessions::picture),
        )
        .route("/api/approvals", get(approvals::list))
        .route("/api/approvals/{id}", post(approvals::answer))
        .route("/metrics", get(measure::metrics))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            door::require,
        ))
        .merge(openai)
        .route(
            "/webhooks/{source}",
            post(webhooks::receive).layer(DefaultBodyLimit::max(webhooks::BODY_LIMIT)),
        )
        .route("/", get(page::page))
        .route("/assets/{name}", get(page::asset))
        .route("/ws", get(protocol::open))
        .route("/health", get(answer::health))
        .method_not_allowed_fallback(answer::wrong_method)
        .fallback(answer::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            hosts::guard,
        ))
        .layer(middleware::map_response(answer::harden))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&room),
            measure::measure,
        ))
        .with_state(room);
    Ok(Stoppable {
        router,
        toolbox,
        door,
    })
}
