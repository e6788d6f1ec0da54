//! One WebSocket from its challenge to its end.

use std::sync::Arc;

use futures_util::stream::Stream;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::Visitor;
use super::fault::{Code, Dialect, Fault};
use super::frame::{self, Frame, Req};
use super::handshake::{self, Accepted, POLICY};
use super::measured::Limit;
use super::out::{Gone, Out, closing};
use super::sockets::Seat;
use super::upgrade::Socket;
use super::{openclaw, simple};
use crate::clock::{now_ms, unique};
use crate::http::Room;
use crate::limits::{
    GOODBYE, HANDSHAKE_WITHIN, MAX_FRAME_BYTES, MAX_SIMPLE_FRAME_BYTES, MAX_SOCKET_REQUESTS,
    TICK_EVERY, WRITE_WITHIN,
};

/// Codes that a WebSocket is closed with (RFC 6455).
const TOO_LARGE: u16 = 1009;
const RESTART: u16 = 1012;
/// Why a connection ends whose token is not the gateway's any more.
const CHANGED: &str = "the gateway's token has changed, connect with the new one";

/// What came by a connection.
enum Came {
    Text(String),
    /// A frame, but not of text.
    Binary,
    TooLarge,
    /// Nothing more will come.
    End,
}

/// Attends to a WebSocket. `valid` ends with the token that was shown when it was opened, if one was.
pub(super) async fn attend(
    mut socket: Socket,
    limit: Limit,
    room: Arc<Room>,
    visitor: Visitor,
    valid: CancellationToken,
    mut seat: Seat,
) {
    let Some((accepted, valid)) = greet(&mut socket, &limit, &room, visitor, valid).await else {
        return;
    };
    seat.known(accepted.dialect);
    serve(socket, limit, room, accepted, valid).await;
}

/// Puts the challenge and waits for `connect`, which the answer goes out to; tells what ends with the token that was shown. None
/// when the connection is over.
async fn greet(
    socket: &mut Socket,
    limit: &Limit,
    room: &Arc<Room>,
    visitor: Visitor,
    mut valid: CancellationToken,
) -> Option<(Accepted, CancellationToken)> {
    let until = Instant::now() + HANDSHAKE_WITHIN;
    let nonce = unique().simple().to_string();
    let challenge = json!({"nonce": nonce, "ts": now_ms()});
    say(socket, frame::event("connect.challenge", &challenge, None)).await?;
    loop {
        let came = tokio::select! {
            came = timeout_at(until, next(socket, limit)) => came,
            () = valid.cancelled(), if visitor.shown => {
                part(socket, POLICY, CHANGED).await;
                return None;
            }
            () = room.sockets.stopping().cancelled() => {
                part(socket, RESTART, "the gateway is stopping").await;
                return None;
            }
        };
        let Ok(came) = came else {
            let reason = format!("no connect within {} s", HANDSHAKE_WITHIN.as_secs());
            part(socket, POLICY, &reason).await;
            return None;
        };
        let answer = match came {
            Came::End => return None,
            Came::TooLarge => {
                let fault = too_large(limit.bytes());
                say(socket, frame::res("", Err(fault), Dialect::Simple)).await?;
                part(socket, TOO_LARGE, "payload too large").await;
                return None;
            }
            Came::Binary => frame::res("", Err(binary()), Dialect::Simple),
            Came::Text(text) => match frame::read(&text) {
                Ok(Frame::Event) => continue,
                Err(bad) => frame::res(&bad.id, Err(bad.fault), Dialect::Simple),
                Ok(Frame::Req(Req { id, method, params })) if method == "connect" => {
                    if !visitor.shown {
                        // Before the token is looked at: one that changes in between ends the connection.
                        valid = room.door.valid();
                    }
                    match handshake::connect(room, visitor, &nonce, params) {
                        Ok(mut accepted) => {
                            let payload = accepted.payload.take();
                            limit.set(match accepted.dialect {
                                Dialect::Simple => MAX_SIMPLE_FRAME_BYTES,
                                Dialect::OpenClaw => MAX_FRAME_BYTES,
                            });
                            say(socket, frame::res(&id, Ok(payload), accepted.dialect)).await?;
                            return Some((accepted, valid));
                        }
                        Err(refused) => {
                            let reason = refused.fault.message().to_owned();
                            let answer = frame::res(&id, Err(refused.fault), refused.dialect);
                            say(socket, answer).await?;
                            part(socket, refused.close, &reason).await;
                            return None;
                        }
                    }
                }
                Ok(Frame::Req(Req { id, method, .. })) => {
                    let what = format!("send `connect` first, then `{method}`");
                    frame::res(&id, Err(Fault::new(Code::Protocol, what)), Dialect::Simple)
                }
            },
        };
        say(socket, answer).await?;
    }
}

/// Answers requests until either side has enough.
async fn serve(
    socket: Socket,
    limit: Limit,
    room: Arc<Room>,
    accepted: Accepted,
    valid: CancellationToken,
) {
    let dialect = accepted.dialect;
    let (sink, mut stream) = socket.split();
    let gone = CancellationToken::new();
    let out = Out::by(sink, gone.clone(), Arc::clone(&room.metrics));
    let client = match dialect {
        Dialect::Simple => Speaker::Simple(simple::Client::new(Arc::clone(&room), out.clone())),
        Dialect::OpenClaw => Speaker::OpenClaw(openclaw::Client::new(
            Arc::clone(&room),
            out.clone(),
            &accepted,
        )),
    };
    let mut requests = JoinSet::new();
    let mut ticks = interval_at(Instant::now() + TICK_EVERY, TICK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    let ended: Result<Option<(u16, &str)>, Gone> = async {
        loop {
            if valid.is_cancelled() {
                return Ok(Some((POLICY, CHANGED)));
            }
            if stopping && requests.is_empty() {
                return Ok(Some((RESTART, "the gateway is stopping")));
            }
            tokio::select! {
                () = gone.cancelled() => return Err(Gone),
                () = valid.cancelled() => {}
                () = room.stop.cancelled() => return Ok(Some((RESTART, "the gateway is stopping"))),
                () = room.sockets.stopping().cancelled(), if !stopping => {
                    stopping = true;
                    let told = json!({"reason": "the gateway is stopping", "restartExpectedMs": null});
                    out.event("shutdown", told).await?;
                }
                _ = ticks.tick() => out.event("tick", json!({"ts": now_ms()})).await?,
                Some(_) = requests.join_next(), if !requests.is_empty() => {}
                came = next(&mut stream, &limit) => match came {
                    Came::End => return Ok(None),
                    Came::TooLarge => {
                        out.text(frame::res("", Err(too_large(limit.bytes())), dialect)).await?;
                        return Ok(Some((TOO_LARGE, "payload too large")));
                    }
                    Came::Binary => out.text(frame::res("", Err(binary()), dialect)).await?,
                    Came::Text(text) => match frame::read(&text) {
                        Ok(Frame::Event) => {}
                        Err(bad) => out.text(frame::res(&bad.id, Err(bad.fault), dialect)).await?,
                        Ok(Frame::Req(req)) => match refusal(&req, stopping, under_way(&mut requests)) {
                            Some(fault) => out.text(frame::res(&req.id, Err(fault), dialect)).await?,
                            None => { requests.spawn(answer(client.clone(), req, out.clone())); }
                        },
                    },
                },
            }
        }
    }
    .await;
    drop(accepted.here);
    // What is still asked for by this connection ends with it.
    requests.shutdown().await;
    if let Ok(Some((code, reason))) = ended
        && out.close(code, reason).await.is_ok()
    {
        let _ = timeout(GOODBYE, gone.cancelled()).await;
    }
    if ended.is_ok() {
        leave(&mut stream).await;
    }
    gone.cancel();
}

/// Who answers, by the dialect.
#[derive(Clone)]
enum Speaker {
    Simple(simple::Client),
    OpenClaw(openclaw::Client),
}

async fn answer(client: Speaker, req: Req, out: Out) {
    let Req { id, method, params } = req;
    let (answer, dialect) = match client {
        Speaker::Simple(client) => (client.answer(&id, &method, params).await, Dialect::Simple),
        Speaker::OpenClaw(client) => (client.answer(&id, &method, params).await, Dialect::OpenClaw),
    };
    // Whoever is gone hears nothing.
    let _ = out.text(frame::res(&id, answer, dialect)).await;
}

/// How many requests are not answered yet.
fn under_way(requests: &mut JoinSet<()>) -> usize {
    while requests.try_join_next().is_some() {}
    requests.len()
}

/// Why a request is not even begun.
fn refusal(req: &Req, stopping: bool, under_way: usize) -> Option<Fault> {
    if req.method == "connect" {
        return Some(Fault::new(
            Code::Protocol,
            "this connection is connected already; open another one",
        ));
    }
    if stopping {
        let what = "the gateway is stopping; nothing was begun";
        return Some(Fault::new(Code::Unavailable, what));
    }
    (under_way >= MAX_SOCKET_REQUESTS).then(|| {
        let what = format!(
            "{MAX_SOCKET_REQUESTS} requests of this connection are under way already; nothing was begun, try again in a moment"
        );
        Fault::new(Code::Unavailable, what)
    })
}

/// What comes next. What came before something too large is told first.
async fn next<S>(stream: &mut S, limit: &Limit) -> Came
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    loop {
        let came = tokio::select! {
            biased;
            came = stream.next() => came,
            () = limit.exceeded() => return Came::TooLarge,
        };
        match came {
            Some(Ok(Message::Text(text))) => return Came::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => return Came::Binary,
            // The WebSocket itself has dealt with it.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Came::End,
        }
    }
}

fn too_large(limit: usize) -> Fault {
    Fault::new(
        Code::TooLarge,
        format!(
            "a frame has at most {limit} bytes here; nothing was done, the connection is closed"
        ),
    )
}

fn binary() -> Fault {
    Fault::new(
        Code::Protocol,
        "frames are text with JSON in it, not binary",
    )
}

/// Sends a frame of the handshake.
async fn say(socket: &mut Socket, text: String) -> Option<()> {
    timeout(WRITE_WITHIN, socket.send(Message::text(text)))
        .await
        .ok()?
        .ok()
}

/// Closes, and lets the other side say goodbye.
async fn part(socket: &mut Socket, code: u16, reason: &str) {
    if let Ok(Ok(())) = timeout(GOODBYE, socket.send(closing(code, reason))).await {
        leave(socket).await;
    }
}

/// Reads what still comes until the other side has closed: an end with something unread would take our last words away.
async fn leave<S>(stream: &mut S)
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    let _ = timeout(GOODBYE, async {
        while let Some(Ok(_)) = stream.next().await {}
    })
    .await;
}
