//! The edge as a Cloudflare Worker.
//!
//! **In scope.** Cloudflare's events: a request, a batch of the queue, a tick of the clock, a Durable Object's message.
//!
//! **Out of scope.** The routes themselves (`edge-core`), and how the bundle is made (`xtask`, `cargo xtask worker build`).

use worker::{Context, Env, Request, Response, Result, event};

/// Answers one request.
///
/// # Errors
/// When the answer cannot be put together.
#[event(fetch)]
async fn fetch(request: Request, _env: Env, _context: Context) -> Result<Response> {
    match request.path().as_str() {
        "/health" => Response::from_json(&serde_json::json!({"status": "ok"})),
        _ => Response::error("not found", 404),
    }
}
