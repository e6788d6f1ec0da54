//! The edge as a Cloudflare Worker.
//!
//! **In scope.** Everything between Cloudflare and the router of `edge-core`: its ports over bindings (clock, limits, store),
//! Durable Objects that hold what a request cannot (counts, connections, live streams), the queue that takes what Postgres
//! cannot take now, and the clock's tick for upkeep. **Out of scope.** The routes (`edge-core`), pages (`dashboard`), SQL
//! (`trace-store-postgres`), and how the bundle is made (`cargo xtask worker build`).
//!
//! What can be judged without Cloudflare's runtime is in modules that also compile natively, with their tests: the meter
//! behind the limits, what an agent's object remembers, messages of the queue, metrics, log lines, settings. The rest is
//! `host`.
//!
//! # Who does what
//!
//! - A request that writes runs in the Worker itself: shield, the router, its limits by `AgentLimiter`, its append by one of
//!   [`settings::WRITERS`] `Writer`s. When Postgres is away it goes into the queue and is answered `queued`.
//! - A request that reads is handed to one of [`settings::READERS`] `Reader`s, and a live stream to `LiveHub`. Each runs
//!   the same router over a connection that it keeps: to connect costs more than to ask.
//!
//! A connection lives in a Durable Object or for one request, never in between: Cloudflare ties every socket to the request
//! or object that opened it.

pub mod buffer;
pub mod client;
pub mod dns;
pub mod limits;
pub mod logs;
pub mod memory;
pub mod meter;
pub mod metrics;
pub mod postgrest;
pub mod settings;

#[cfg(target_arch = "wasm32")]
pub mod host;
