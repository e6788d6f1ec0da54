//! What every test of an edge over HTTP uses: facts of the host, a client that compares each answer with the description, agents
//! that link and sign as a sidecar does, the oracle that holds the edge to what it has acknowledged.
//!
//! **In scope.** What both suites of this crate share, `tests/e2e` (a healthy host) and `tests/faults` (a broken one). What goes
//! wrong panics with what was seen: it is a test's last word. **Out of scope.** Starting hosts (`cargo xtask test`, and
//! `tests/faults/host.rs` for hosts that are going to break).

mod agent;
mod answer;
mod client;
mod description;
pub mod facts;
mod fresh;
mod oracle;
mod raw;

pub use agent::{Agent, content, held_back};
pub use answer::Answer;
pub use client::Client;
pub use description::Description;
pub use fresh::{flat, flat_of, now, unproven_agent, word};
pub use oracle::Oracle;
