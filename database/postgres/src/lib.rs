//! Traces in Postgres 15 or newer.
//!
//! **In scope.** `trace-store`'s two ports as statements over a connection that somebody brings ([`Connections`]), with the
//! roles they run under, retries and errors in plain words; with the feature `pool` also the pools, TLS and the listener
//! that a native process uses. Without it the crate compiles for WebAssembly. **Out of scope.** What is in the database:
//! tables, rights and the function that takes a batch in are in `database/migrations/traces/postgres`. What a trace is
//! (`aap`), the ports and their suite (`trace-store`), HTTP (`edge-core`), the Worker's connection (`edge-worker`).
//!
//! Each question and each batch is one statement: one snapshot, one transaction, one round trip, no prepare needed.

mod active;
mod agents;
mod append;
mod ask;
mod cards;
mod connections;
mod error;
mod facets;
mod levels;
mod list;
#[cfg(feature = "pool")]
pub mod pool;
mod query;
mod rows;
pub mod rpc;
pub mod schema;
mod slim;
mod stats;
mod store;
mod values;

pub use ask::{LOST_RETRIES, RETRIES, Transaction};
pub use connections::{Connections, Lease, READ_TIMEOUT, Role};
pub use error::lost;
pub use list::{SCAN_ROWS, SEARCH_ROWS};
#[cfg(feature = "pool")]
pub use pool::{Options, Pool, Server};
pub use store::PostgresStore;
