//! A request: the shield, then whoever answers it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use aap::paths;
use axum::Router;
use edge_core::{ClientNet, LimitDecision, Live, Network, Problem};
use worker::{Context, Env, Method, Request, Response, Result, event};

use super::limiter::Counting;
use super::links::Links;
use super::once::Once;
use super::store::Store;
use super::web;
use crate::client::{self, Answerer};
use crate::settings::{READERS, SHIELD_REQUESTS, SHIELD_SECONDS, Settings, bindings};

/// What a client waits that the shield turned away: it counts calls within a window and does not tell more.
const SHIELD_WAIT: Duration = Duration::from_secs(10);

thread_local! {
    static ROUTER: RefCell<Option<Router>> = const { RefCell::new(None) };
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// Answers one request.
#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    super::metrics();
    let settings = match super::settings(&env) {
        Ok(settings) => settings,
        Err(error) => return Response::error(error.to_string(), 500),
    };
    let path = request.path();
    if !shielded(&request, &env, &settings, &path).await? {
        return web::problem(Problem::Limited(turned_away())).await;
    }
    match client::answerer(request.inner().method().as_str(), &path) {
        Answerer::Here => {
            let description = path == paths::OPENAPI && request.method() == Method::Get;
            let url = request.inner().url();
            let answer = web::answer(router(&env, &settings), request).await?;
            if description && answer.status_code() == 200 {
                return web::with_file(answer, &env, &url).await;
            }
            Ok(answer)
        }
        Answerer::Reader => {
            let turn = TURN.get();
            TURN.set(turn.wrapping_add(1));
            let readers = env.durable_object(bindings::READER)?;
            let reader = readers.get_by_name(&format!("reader {}", turn % READERS))?;
            reader.fetch_with_request(request).await
        }
        Answerer::LiveHub => {
            let hub = env.durable_object(bindings::LIVE_HUB)?;
            let hub = hub.get_by_name(super::live_hub::NAME)?;
            hub.fetch_with_request(request).await
        }
    }
}

/// Whether the coarse limit lets it pass; off with the networks' own limit. Operators' paths are not limited.
async fn shielded(request: &Request, env: &Env, settings: &Settings, path: &str) -> Result<bool> {
    if settings.limits.ip_per_minute == 0 || client::is_unlimited(path) {
        return Ok(true);
    }
    let header = request.headers().get(client::CONNECTING_IP)?;
    let Some(ip) = client::address(header.as_deref()) else {
        return Ok(true);
    };
    let network = Network::from(ClientNet(ip)).address().to_string();
    let outcome = env.rate_limiter(bindings::SHIELD)?.limit(network).await?;
    Ok(outcome.success)
}

fn turned_away() -> LimitDecision {
    metrics::counter!("smoltbot_edge_limited_total", "policy" => "shield").increment(1);
    LimitDecision {
        policy: "shield",
        limit: SHIELD_REQUESTS,
        window: Duration::from_secs(SHIELD_SECONDS.into()),
        remaining: 0,
        reset: SHIELD_WAIT,
        retry_after: Some(SHIELD_WAIT),
    }
}

/// The isolate's router for what is not handed on.
fn router(env: &Env, settings: &std::rc::Rc<Settings>) -> Router {
    if let Some(router) = ROUTER.with_borrow(Clone::clone) {
        return router;
    }
    let once = Once::new(env.clone(), std::rc::Rc::clone(settings));
    let store = Store::new(env.clone(), std::rc::Rc::clone(settings), Links::Once(once));
    let limiter = Counting::new(env.clone(), settings.limits);
    // Nobody sits here: live streams are the hub's.
    let router = edge_core::router(super::ports(
        settings,
        store,
        limiter,
        Arc::new(Live::new()),
    ));
    ROUTER.set(Some(router.clone()));
    router
}
