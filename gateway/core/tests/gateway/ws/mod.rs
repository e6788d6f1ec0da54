//! The gateway's WebSocket, over real sockets.

mod attachments;
pub(crate) mod client;
mod limits;
mod openclaw;
mod openclaw_runs;
mod parrot;
mod presence;
mod simple;
mod stopping;
mod tools;
