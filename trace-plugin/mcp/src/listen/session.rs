//! One client over HTTP and its own server: made by `initialize`, ended by `DELETE`, by the server's end, or by rest.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::process::Child;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::streams::Streams;
use super::{Limits, Server};
use crate::frame::Frame;
use crate::message::{Object, answered};
use crate::relay::{Do, Relay};
use crate::run::{QUEUE, end, hear, start, teller};
use crate::upstream::{Http, Upstream};
use crate::{Ask, ENDS_WITHIN, MAX_FRAME_BYTES, Options, ProxyError, STOPS_WITHIN, TELLS_WITHIN};

/// One conversation.
pub(super) struct Session {
    pub(super) streams: Streams,
    relay: Mutex<Relay>,
    upstream: Mutex<Upstream>,
    /// None once everything is told.
    tell: Lock<Option<mpsc::UnboundedSender<String>>>,
    /// Something may have been asked of a person.
    asked: Notify,
    seen: Lock<Instant>,
    stop: CancellationToken,
    limits: Limits,
}

/// What belongs to a session's task alone.
pub(super) struct Parts {
    frames: mpsc::Receiver<Frame>,
    child: Option<Child>,
    teller: JoinHandle<()>,
}

impl Session {
    /// Starts a server, or a session of one, for a client.
    pub(super) fn start(
        server: &Server,
        ask: &Ask,
        options: &Options,
        limits: Limits,
        stop: CancellationToken,
    ) -> Result<(Arc<Self>, Parts), ProxyError> {
        let (heard, frames) = mpsc::channel(QUEUE);
        let (name, upstream, child) = match server {
            Server::Command(command) => {
                let started = start(command)?;
                tokio::spawn(hear(BufReader::new(started.output), heard));
                let upstream = Upstream::Pipe(Some(started.input));
                (started.name, upstream, Some(started.child))
            }
            Server::Url { url, headers } => {
                let http = Http::new(url, headers, heard)?;
                (http.host().to_owned(), Upstream::Http(http), None)
            }
        };
        let (tell, teller) = teller(ask.clone());
        let session = Self {
            streams: Streams::new(limits),
            relay: Mutex::new(Relay::new(ask.clone(), options, &name)),
            upstream: Mutex::new(upstream),
            tell: Lock::new(Some(tell)),
            asked: Notify::new(),
            seen: Lock::new(Instant::now()),
            stop,
            limits,
        };
        let parts = Parts {
            frames,
            child,
            teller,
        };
        Ok((Arc::new(session), parts))
    }

    /// The client has been heard of.
    pub(super) fn seen(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Begins the session's end.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Takes what the client has posted, one line; `post` is where it is answered. An error means that the server is gone.
    pub(super) async fn take(
        &self,
        line: Vec<u8>,
        post: Option<u64>,
    ) -> std::io::Result<Vec<Vec<u8>>> {
        let todo = self.relay.lock().await.client(line).await;
        self.asked.notify_one();
        self.carry_out(todo, post).await
    }

    /// Does what is to be done; what is said about no request of the client's comes back.
    async fn carry_out(&self, todo: Vec<Do>, post: Option<u64>) -> std::io::Result<Vec<Vec<u8>>> {
        let mut own = Vec::new();
        for one in todo {
            match one {
                Do::Pass(frame) => self.send(frame).await?,
                Do::Say(frame) if post.is_none() && names_no_request(&frame) => own.push(frame),
                Do::Say(frame) => {
                    self.streams.say(&frame, post).await;
                }
                Do::Tell(event) => self.tell(event),
            }
        }
        Ok(own)
    }

    /// A server that does not read cannot hold the session's end up.
    async fn send(&self, frame: Vec<u8>) -> std::io::Result<()> {
        tokio::select! {
            sent = async { self.upstream.lock().await.send(frame).await } => sent,
            () = self.stop.cancelled() => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn tell(&self, event: String) {
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tell) = tell.as_ref() {
            // Whoever tells ends with the channel.
            let _ = tell.send(event);
        }
    }

    /// Lives until something ends it; what it was.
    pub(super) async fn live(self: &Arc<Self>, parts: &mut Parts) -> &'static str {
        let why = tokio::select! {
            () = self.downward(&mut parts.frames) => "the server has ended",
            () = self.stop.cancelled() => "the session was ended",
            () = self.rest() => "the session has rested for too long",
            () = self.questions() => "the server does not listen",
        };
        self.stop.cancel();
        why
    }

    /// Ends the server, and answers whoever still waits.
    pub(super) async fn end(&self, mut parts: Parts, why: &'static str) {
        self.upstream.lock().await.close().await;
        let mut how = why.to_owned();
        if let Some(child) = parts.child.as_mut() {
            let group = child.id();
            // What the server says last; it may wait for that to be read.
            let (ended, ()) = tokio::join!(end(child, group, None), async {
                let last = self.downward(&mut parts.frames);
                if timeout(ENDS_WITHIN + STOPS_WITHIN, last).await.is_err() {
                    tracing::debug!("somebody still holds the server's output");
                }
            });
            match ended {
                Ok(status) => how = format!("{why}: {status}"),
                Err(error) => tracing::warn!(%error, "the server's end was not seen"),
            }
        }
        self.streams.fail(&how).await;
        self.streams.end();
        tracing::info!("{how}");
        let over = self.relay.lock().await.over();
        self.tell(over);
        self.tell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if timeout(TELLS_WITHIN, parts.teller).await.is_err() {
            tracing::warn!("not everything that ended could be told in time");
        }
    }

    /// Ends once the client has been away for too long.
    async fn rest(&self) {
        loop {
            let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let until = seen + self.limits.rest;
            if self.streams.busy() {
                self.seen();
                sleep(self.limits.rest / 2).await;
            } else if until <= Instant::now() {
                return;
            } else {
                sleep_until(until).await;
            }
        }
    }

    /// Ends questions that nobody answers; returns when the server cannot be reached.
    async fn questions(&self) {
        loop {
            let pause = self.relay.lock().await.next_timeout();
            let asked = self.asked.notified();
            tokio::select! {
                () = asked => continue,
                () = sleep(pause.unwrap_or(Duration::MAX)) => {}
            }
            let todo = self.relay.lock().await.time_out();
            if self.carry_out(todo, None).await.is_err() {
                return;
            }
        }
    }

    async fn downward(&self, frames: &mut mpsc::Receiver<Frame>) {
        let mut long = false;
        while let Some(frame) = frames.recv().await {
            match frame {
                Frame::Line(line) => {
                    let ended = self.relay.lock().await.server(&line);
                    for event in ended {
                        self.tell(event);
                    }
                    for unheard in self.streams.say(&line, None).await {
                        // Its end is seen where it is read.
                        let _ = self.send(unheard).await;
                    }
                }
                Frame::Piece(piece) => {
                    if !std::mem::replace(&mut long, !piece.ends_with(b"\n")) {
                        let why = format!(
                            "the server has sent a message longer than {MAX_FRAME_BYTES} bytes; which request it answered was not read"
                        );
                        self.streams.fail(&why).await;
                    }
                }
            }
        }
    }
}

/// An error about what could not be read.
fn names_no_request(frame: &[u8]) -> bool {
    let text = std::str::from_utf8(frame).unwrap_or_default().trim();
    Object::read(text)
        .as_ref()
        .and_then(answered)
        .is_some_and(|answer| answer.id == "null")
}
