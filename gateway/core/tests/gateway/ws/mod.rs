//! The gateway's WebSocket, over real sockets.

mod client;
mod limits;
mod openclaw;
mod openclaw_runs;
mod parrot;
mod simple;
mod stopping;
