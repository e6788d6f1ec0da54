//! The gateway's WebSocket, over real sockets.

pub(crate) mod client;
mod limits;
mod openclaw;
mod openclaw_runs;
mod parrot;
mod simple;
mod stopping;
