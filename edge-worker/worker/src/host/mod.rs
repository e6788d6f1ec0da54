//! In Cloudflare's runtime: events, Durable Objects, and the ports that they give the router.
//!
//! Everything here runs on one thread. Futures and handles of JavaScript are wrapped where the router wants them `Send`.

#![allow(missing_docs)] // `durable_object` writes methods without a word.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aap::Timestamp;
use edge_core::{Live, Ports, Sleep};
use worker::send::SendFuture;
use worker::{Delay, Env, js_sys};

use crate::logs::Lines;
use crate::metrics::Metrics;
use crate::settings::{Settings, WrongVariable};
use limiter::Counting;
use store::Store;

mod agent_limiter;
mod connection;
mod cron;
mod dns;
mod front;
mod held;
mod limiter;
mod links;
mod live_hub;
mod news;
mod once;
mod postgrest;
mod queue;
mod reader;
mod reading;
mod rpc;
mod store;
mod web;
mod writer;

pub use agent_limiter::AgentLimiter;
pub use live_hub::LiveHub;
pub use reader::Reader;
pub use writer::Writer;

thread_local! {
    static METRICS: Metrics = begin();
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    static LATEST: Cell<f64> = const { Cell::new(0.0) };
}

/// What an isolate does once: logs and metrics have somewhere to go.
fn begin() -> Metrics {
    let metrics = Metrics::default();
    // Both are set here and nowhere else, once an instance; a second time would leave the first in place.
    let _ = metrics::set_global_recorder(metrics.clone());
    let _ = tracing::subscriber::set_global_default(Lines(|level, line: &str| {
        if level <= tracing::Level::WARN {
            worker::console_error!("{line}");
        } else {
            worker::console_log!("{line}");
        }
    }));
    metrics
}

/// The isolate's metrics, and with the first call its logs.
fn metrics() -> Metrics {
    METRICS.with(Clone::clone)
}

/// The Worker's settings; read once.
fn settings(env: &Env) -> Result<Rc<Settings>, WrongVariable> {
    if let Some(known) = SETTINGS.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let read = Settings::read(|name| env.var(name).ok().map(|value| value.to_string()));
    let read = Rc::new(read.inspect_err(|error| tracing::error!(%error, "wrong settings"))?);
    SETTINGS.set(Some(Rc::clone(&read)));
    Ok(read)
}

/// Milliseconds since 1970.
fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// The time of day.
fn now() -> Timestamp {
    // Milliseconds of this age are far below 2^53.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp::from_millis(now_ms() as i64)
}

/// Time since 1970 that never goes back. Cloudflare's clock stands still while nothing is waited for.
fn monotonic() -> Duration {
    let latest = LATEST.get().max(now_ms());
    LATEST.set(latest);
    Duration::from_secs_f64(latest / 1000.0)
}

/// Resolves after `span`.
fn sleep(span: Duration) -> SendFuture<Delay> {
    SendFuture::new(Delay::from(span))
}

/// The router's ports.
fn ports(
    settings: &Settings,
    store: Store,
    limiter: Counting,
    live: Arc<Live>,
) -> Ports<Store, Counting> {
    let metrics = metrics();
    let sleep: Sleep = Arc::new(|span| Box::pin(sleep(span)));
    Ports {
        store: Arc::new(store),
        limiter: Arc::new(limiter),
        clock: Arc::new(now),
        monotonic: Arc::new(monotonic),
        sleep,
        render_metrics: Arc::new(move || {
            metrics::gauge!("smoltbot_wasm_memory_bytes").set(memory_bytes());
            metrics.render()
        }),
        live,
        readable_by_other_sites: true,
        proofs: dns::proofs(settings),
    }
}

/// What the module holds of its isolate's memory. It never gives any back.
fn memory_bytes() -> f64 {
    const PAGE: f64 = 65_536.0;
    let pages = u32::try_from(std::arch::wasm32::memory_size::<0>()).unwrap_or(u32::MAX);
    f64::from(pages) * PAGE
}
