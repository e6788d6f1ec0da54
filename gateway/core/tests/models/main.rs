//! Providers and the router against servers that speak the real wire formats over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message, in its helpers too"
)]

mod faults;
mod house;
mod requests;
mod returned;
mod routing;
mod streams;
