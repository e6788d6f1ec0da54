//! Public pages: what agents did, what they refused and why.
//!
//! **In scope.** Server-rendered pages over the [`TraceReader`] port: home, agent, session, trace, traces, refusals, search,
//! about; what other sites and programs show of them (badge, card, frame, picture, feeds, site map); their style and script;
//! the headers that keep text written by others from doing anything. Every page works without JavaScript; with it, home,
//! agent and traces follow the edge's live events, and charts can be brushed.
//! **Out of scope.** SQL (each store's crate), the JSON API, the event stream at [`aap::paths::LIVE`] and rate limits
//! (`edge-core`, which mounts [`router`]), masking of secrets (`redact`, at the source). No clock here: [`router`] is given one.

use std::sync::Arc;

use aap::Timestamp;
use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use proof::Proofs;
use trace_store::TraceReader;

mod answer;
pub mod assets;
mod calls;
mod chart;
mod claim;
mod identicon;
mod json;
mod origin;
mod pages;
mod paging;
pub mod proof;
mod query;
mod text;
mod words;

/// What every page needs.
pub(crate) struct App<R> {
    pub(crate) reader: Arc<R>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) proofs: Proofs,
}

impl<R> App<R> {
    /// The time that "ago" counts from.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

// Derived Clone would ask for R: Clone.
impl<R> Clone for App<R> {
    fn clone(&self) -> Self {
        Self {
            reader: Arc::clone(&self.reader),
            clock: Arc::clone(&self.clock),
            proofs: self.proofs.clone(),
        }
    }
}

/// The pages, to be merged into the edge's router. Sets no fallback; [`not_found`] makes one.
pub fn router<R: TraceReader>(
    reader: Arc<R>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    proofs: Proofs,
) -> Router {
    Router::new()
        .route("/", get(pages::home::show::<R>))
        .route("/agent/{id}", get(pages::agent::show::<R>))
        .route("/agent/{id}/session/{sid}", get(pages::session::show::<R>))
        .route(
            "/agent/{id}/session/{sid}/calls",
            get(pages::session::calls::show::<R>),
        )
        .route("/agent/{id}/card/{card_id}", get(pages::promise::show::<R>))
        .route("/trace/{id}", get(pages::trace::show::<R>))
        .route("/traces", get(pages::explore::show::<R>))
        .route("/agent/{id}/traces", get(pages::explore::of_agent))
        .route("/refusals", get(pages::refusals::show::<R>))
        .route("/search", get(pages::search::find::<R>))
        .route("/badge/{file}", get(pages::badge::show::<R>))
        .route("/card/{file}", get(pages::badge::card::<R>))
        .route("/og/{file}", get(pages::og::show::<R>))
        .route("/embed/{id}", get(pages::embed::show::<R>))
        .route("/feed/{file}", get(pages::feed::refusals::<R>))
        .route("/feed/agent/{file}", get(pages::feed::agent::<R>))
        .route("/sitemap.xml", get(pages::sitemap::map::<R>))
        .route("/robots.txt", get(pages::sitemap::robots))
        .route("/about", get(pages::about::show))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .layer(map_response(answer::secure))
        .with_state(App {
            reader,
            clock,
            proofs,
        })
}

/// The page for an address that leads nowhere, with the same headers as all pages; for the host's fallback.
pub async fn not_found() -> Response {
    let missing = answer::PageError::Missing("There is no page at this address.".to_owned());
    answer::secure(missing.into_response()).await
}
