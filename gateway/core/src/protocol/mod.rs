//! `/ws`: the gateway's WebSocket, in two dialects.
//!
//! **In scope.** Who may open one, its frames, the handshake and the methods. The shape of `connect` fixes the dialect for the
//! connection: the simple one, or OpenClaw's of version 3 or 4.
//!
//! **Out of scope.** What a message comes to is `agent`'s. From where a request may come is `http`'s.
//!
//! Every frame is answered, also one that cannot be read; only an `event` of a client's is not, for there is nothing to say.
//! A connection keeps no queue: whoever reads slowly follows a run in larger pieces, and whoever does not read at all is let
//! go of after [`crate::limits::WRITE_WITHIN`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

mod connection;
mod device;
mod fault;
mod frame;
mod handshake;
mod health;
mod measured;
mod missing;
mod openclaw;
mod out;
mod params;
mod presence;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod probe;
mod sieve;
mod simple;
mod sockets;
mod upgrade;

pub(crate) use health::Listening;
pub(crate) use sockets::Sockets;

use crate::http::Room;
use crate::http::answer::problem;
use crate::http::hosts::Hosts;
use crate::limits::{MAX_SOCKETS, MAX_STRANGERS};
use upgrade::Upgrading;

/// What is known of who opens a WebSocket before they say anything.
#[derive(Debug, Clone, Copy)]
struct Visitor {
    /// On this very machine, and not through a proxy.
    local: bool,
    /// Has shown the token already, as a bearer or as the cookie of our page.
    shown: bool,
    /// The address, if it is another machine's.
    ip: Option<IpAddr>,
}

/// `GET /ws`.
pub(crate) async fn open(State(room): State<Arc<Room>>, mut request: Request) -> Response {
    let upgrading = match Upgrading::of(&mut request) {
        Ok(upgrading) => upgrading,
        Err(not) => {
            let what =
                format!("this is the gateway's WebSocket, open it with a WebSocket client: {not}");
            return problem(not.status(), what);
        }
    };
    // Before the token is looked at: one that changes in between ends the connection.
    let valid = room.door.valid();
    let shown = room.door.shown(request.headers());
    if shown == Some(false) {
        return problem(
            StatusCode::UNAUTHORIZED,
            "the bearer token is not the gateway's",
        );
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip().to_canonical());
    let visitor = Visitor {
        local: peer.is_some_and(|ip| ip.is_loopback()) && Hosts::is_local(request.headers()),
        shown: shown == Some(true),
        ip: peer.filter(|ip| !ip.is_loopback()),
    };
    let Some(seat) = room.sockets.seat() else {
        let mut refused = problem(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "the gateway is stopping, or has its {MAX_SOCKETS} WebSockets, or {MAX_STRANGERS} that have not said yet who \
                 they are; try again in a moment"
            ),
        );
        refused
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return refused;
    };
    upgrading
        .agree(move |socket, limit| connection::attend(socket, limit, room, visitor, valid, seat))
}
