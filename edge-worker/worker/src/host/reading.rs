//! The whole router over a connection that a Durable Object keeps: what `Reader` and `LiveHub` have in common.

use std::cell::OnceCell;
use std::sync::Arc;

use axum::Router;
use edge_core::Live;
use trace_store_postgres::PostgresStore;
use worker::{Env, Request, Response, Result};

use super::held::Held;
use super::limiter::Counting;

/// A router, made when it is needed first.
pub(super) struct Reading {
    env: Env,
    live: Arc<Live>,
    router: OnceCell<Router>,
}

impl Reading {
    pub(super) fn new(env: Env) -> Self {
        super::metrics();
        Self {
            env,
            live: Arc::new(Live::new()),
            router: OnceCell::new(),
        }
    }

    /// Wakes the live streams of this router.
    pub(super) fn wake(&self) {
        self.live.wake();
    }

    pub(super) async fn answer(&self, request: Request) -> Result<Response> {
        super::web::answer(self.router()?, request).await
    }

    fn router(&self) -> Result<Router> {
        if let Some(router) = self.router.get() {
            return Ok(router.clone());
        }
        let settings = super::settings(&self.env).map_err(|error| error.to_string())?;
        let limiter = Counting::new(self.env.clone(), settings.limits);
        let store = PostgresStore::new(Held::new(self.env.clone(), settings, || {}));
        let router = edge_core::router(super::ports(store, limiter, Arc::clone(&self.live)));
        Ok(self.router.get_or_init(|| router).clone())
    }
}
