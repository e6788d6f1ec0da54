//! The Durable Object `Writer`: holds one connection and makes the calls that it is handed on it, one after the other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use trace_store::StoreError;
use trace_store_postgres::rpc::{Function, Refused, serve};
use worker::wasm_bindgen_futures::spawn_local;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use super::held::Held;
use super::links::Links;
use super::rpc::{DATA, UNAVAILABLE};
use crate::settings::bindings;

/// Live streams are woken at most so often.
const WAKE_EVERY: Duration = Duration::from_millis(100);

/// See the module.
#[durable_object(fetch)]
pub struct Writer {
    env: Env,
    links: std::cell::OnceCell<Links>,
    _state: State,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl DurableObject for Writer {
    fn new(state: State, env: Env) -> Self {
        super::metrics();
        Self {
            env,
            links: std::cell::OnceCell::new(),
            _state: state,
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let path = request.path();
        let Some(function) = Function::named(path.trim_start_matches('/')) else {
            return Response::error(format!("no such function: {path}"), 404);
        };
        let arguments = match request.inner().body() {
            Some(_) => {
                String::from_utf8(request.bytes().await?).map_err(|error| error.to_string())?
            }
            None => String::new(),
        };
        let (told, status) = match serve(self.links()?, function, &arguments).await {
            Ok(told) => (told, 200),
            Err(Refused::Data(told)) => (told, DATA),
            Err(Refused::Store(StoreError::Unavailable(told))) => (told, UNAVAILABLE),
            Err(Refused::Store(error)) => (error.to_string(), 500),
        };
        Ok(Response::builder()
            .with_status(status)
            .fixed(told.into_bytes()))
    }
}

impl Writer {
    fn links(&self) -> Result<&Links> {
        if let Some(links) = self.links.get() {
            return Ok(links);
        }
        let settings = super::settings(&self.env).map_err(|error| error.to_string())?;
        let waker = Rc::new(Waker {
            env: self.env.clone(),
            waiting: Cell::new(false),
            last: Cell::new(0.0),
        });
        let held = Held::new(self.env.clone(), settings, move || waker.wake());
        Ok(self.links.get_or_init(|| Links::Held(held)))
    }
}

/// Tells the live streams that there is something new: at once, but no more often than [`WAKE_EVERY`].
struct Waker {
    env: Env,
    /// Whether somebody is about to tell them.
    waiting: Cell<bool>,
    /// When they were told last, in milliseconds since 1970.
    last: Cell<f64>,
}

impl Waker {
    fn wake(self: &Rc<Self>) {
        if self.waiting.replace(true) {
            return;
        }
        let this = Rc::clone(self);
        spawn_local(async move {
            let since = super::now_ms() - this.last.get();
            let rest = WAKE_EVERY.as_secs_f64() * 1000.0 - since;
            if rest > 0.0 {
                super::sleep(Duration::from_secs_f64(rest / 1000.0)).await;
            }
            this.waiting.set(false);
            this.last.set(super::now_ms());
            if let Err(error) = wake_live_hub(&this.env).await {
                tracing::warn!(%error, "live streams were not woken; they look by themselves within seconds");
            }
        });
    }
}

/// Has the live hub ask the store for what is new.
pub(super) async fn wake_live_hub(env: &Env) -> Result<()> {
    let hub = env.durable_object(bindings::LIVE_HUB)?;
    let hub = hub.get_by_name(super::live_hub::NAME)?;
    hub.fetch_with_str("https://live/wake").await.map(drop)
}
