//! The suite of the ports, over Postgres.

#![cfg(feature = "pool")]

mod support;

use support::{Alone, Store};

async fn empty() -> (Store, Alone) {
    support::alone().await
}

trace_store::conformance!(empty);
