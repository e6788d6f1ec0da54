//! The sidecar of an agent: pairs, judges, redacts, signs, spools, batches and ships its tool calls.
//!
//! **In scope.** Everything between an agent that asks and an edge that acknowledges: the identity, the [`desk::Desk`]
//! where a call is judged and recorded, the [`spool`] that survives crashes, the [`dialect`]s of foreign agents, the
//! [`intake`] they reach us by, the in-process [`plugin::TracePlugin`] for Rust gateways, and the [`ship`]per;
//! and [`otlp`], for who wants to see calls in the tools of OpenTelemetry as well.
//!
//! **Out of scope.** Reading effects and deciding is `conscience`'s, masking is `redact`'s, the words and the proofs are
//! `aap`'s, admitting is `edge-core`'s.

pub mod budget;
pub mod client;
pub mod clock;
pub mod desk;
pub mod dialect;
pub mod event;
pub mod fault;
pub mod hook;
pub mod identity;
pub mod import;
pub mod intake;
mod memory;
pub mod otlp;
pub mod plugin;
pub mod policies;
pub mod ship;
pub mod spool;
pub mod world;

pub use desk::{Desk, Judge};
pub use identity::Identity;
pub use plugin::{Recorder, TracePlugin};
pub use policies::Policies;
pub use ship::{ShipOptions, Shipper};
pub use spool::{Spool, SpoolError};
