//! The way out of a connection: one frame after the other, each within its time.

use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::frame;
use super::upgrade::Socket;
use crate::limits::WRITE_WITHIN;

/// Frames that wait for the one being written. Who has more to say waits itself, and says it in larger pieces.
const WAITING: usize = 8;

enum Item {
    Text(String),
    Event(&'static str, Value),
    Close(u16, String),
}

/// Says something on a connection.
#[derive(Clone)]
pub(super) struct Out {
    queue: mpsc::Sender<Item>,
    gone: CancellationToken,
}

/// The connection is gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Out {
    /// The way out by `sink`; `gone` tells when it is closed.
    pub(super) fn by(sink: SplitSink<Socket, Message>, gone: CancellationToken) -> Self {
        let (sender, queue) = mpsc::channel(WAITING);
        let out = Self {
            queue: sender,
            gone: gone.clone(),
        };
        tokio::spawn(async move {
            let over = gone.clone().drop_guard();
            tokio::select! {
                () = write(sink, queue) => {}
                () = gone.cancelled() => {}
            }
            drop(over);
        });
        out
    }

    /// Waits until the connection is over.
    pub(super) fn gone(&self) -> WaitForCancellationFuture<'_> {
        self.gone.cancelled()
    }

    /// A whole frame.
    pub(super) async fn text(&self, text: String) -> Result<(), Gone> {
        self.queue.send(Item::Text(text)).await.map_err(|_| Gone)
    }

    /// An event; its number is given to it when it is written, so that there are no gaps.
    pub(super) async fn event(&self, name: &'static str, payload: Value) -> Result<(), Gone> {
        self.queue
            .send(Item::Event(name, payload))
            .await
            .map_err(|_| Gone)
    }

    /// The last frame.
    pub(super) async fn close(&self, code: u16, reason: &str) -> Result<(), Gone> {
        self.queue
            .send(Item::Close(code, reason.to_owned()))
            .await
            .map_err(|_| Gone)
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: mpsc::Receiver<Item>) {
    let mut seq = 0;
    while let Some(item) = queue.recv().await {
        let last = matches!(item, Item::Close(..));
        let message = match item {
            Item::Text(text) => Message::text(text),
            Item::Event(name, payload) => {
                seq += 1;
                Message::text(frame::event(name, &payload, Some(seq)))
            }
            Item::Close(code, reason) => closing(code, &reason),
        };
        match timeout(WRITE_WITHIN, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "gateway: a WebSocket is gone");
                return;
            }
            Err(_) => {
                tracing::warn!(
                    within = ?WRITE_WITHIN,
                    "gateway: a WebSocket does not read what it is sent, closing it"
                );
                return;
            }
        }
    }
}

/// A closing frame; its reason has at most 123 bytes.
pub(super) fn closing(code: u16, reason: &str) -> Message {
    let end = reason.floor_char_boundary(123);
    Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason[..end].into(),
    }))
}
