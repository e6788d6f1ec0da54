//! The Durable Object `LiveHub`: serves live events, and is woken when something was stored.

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::reading::Reading;

/// There is one.
pub(super) const NAME: &str = "live";
/// The host under which `Writer`s wake it; no client's request has it.
const INSIDE: &str = "https://live/wake";

/// See the module.
#[durable_object(fetch)]
pub struct LiveHub {
    reading: Reading,
    _state: State,
}

impl std::fmt::Debug for LiveHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveHub").finish_non_exhaustive()
    }
}

impl DurableObject for LiveHub {
    fn new(state: State, env: Env) -> Self {
        Self {
            reading: Reading::new(env),
            _state: state,
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        if request.inner().url() == INSIDE {
            self.reading.wake();
            return Response::empty();
        }
        self.reading.answer(request).await
    }
}
