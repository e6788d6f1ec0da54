//! The whole router over a connection that a Durable Object keeps: what `Reader` and `LiveHub` have in common.

use std::cell::OnceCell;
use std::sync::Arc;

use axum::Router;
use edge_core::Live;
use worker::{Env, Request, Response, Result};

use super::held::Held;
use super::limiter::Counting;
use super::links::Links;
use super::store::Store;

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
        let held = Held::new(self.env.clone(), std::rc::Rc::clone(&settings), || {});
        let links = Links::Held(held);
        let store = Store::new(self.env.clone(), std::rc::Rc::clone(&settings), links);
        let live = Arc::clone(&self.live);
        let router = edge_core::router(super::ports(&settings, store, limiter, live));
        Ok(self.router.get_or_init(|| router).clone())
    }
}
