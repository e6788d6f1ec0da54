//! The Durable Object `Reader`: answers what is read, pages and API alike.

use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::reading::Reading;

/// See the module.
#[durable_object(fetch)]
pub struct Reader {
    reading: Reading,
    _state: State,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl DurableObject for Reader {
    fn new(state: State, env: Env) -> Self {
        Self {
            reading: Reading::new(env),
            _state: state,
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        self.reading.answer(request).await
    }
}
