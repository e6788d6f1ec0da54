//! The way out of a connection: one frame after the other, each within its time.

use std::sync::Arc;

use futures_util::{Sink, SinkExt as _};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::frame;
use crate::limits::WRITE_WITHIN;
use crate::metrics::Metrics;

/// Frames that wait for the one being written. Who has more to say waits itself, and says it in larger pieces.
const WAITING: usize = 8;

enum Item {
    Text(String),
    Event(&'static str, Value),
    /// Of presence or health, written once for everybody; with the version of either.
    News(&'static str, Arc<str>, [u64; 2]),
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
    pub(super) fn by<S>(sink: S, gone: CancellationToken, metrics: Arc<Metrics>) -> Self
    where
        S: Sink<Message, Error = tungstenite::Error> + Send + Unpin + 'static,
    {
        let (sender, queue) = mpsc::channel(WAITING);
        let out = Self {
            queue: sender,
            gone: gone.clone(),
        };
        tokio::spawn(async move {
            let over = gone.clone().drop_guard();
            tokio::select! {
                () = write(sink, queue, &metrics) => {}
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

    /// An event of presence or health, with the version of either.
    pub(super) async fn news(
        &self,
        name: &'static str,
        payload: Arc<str>,
        versions: [u64; 2],
    ) -> Result<(), Gone> {
        self.queue
            .send(Item::News(name, payload, versions))
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

async fn write<S>(mut sink: S, mut queue: mpsc::Receiver<Item>, metrics: &Metrics)
where
    S: Sink<Message, Error = tungstenite::Error> + Unpin,
{
    let mut seq = 0;
    while let Some(item) = queue.recv().await {
        let last = matches!(item, Item::Close(..));
        let message = match item {
            Item::Text(text) => Message::text(text),
            Item::Event(name, payload) => {
                seq += 1;
                Message::text(frame::event(name, &payload, Some(seq)))
            }
            Item::News(name, payload, versions) => {
                seq += 1;
                Message::text(frame::news(name, &payload, seq, versions))
            }
            Item::Close(code, reason) => closing(code, &reason),
        };
        let bytes = match &message {
            Message::Text(text) => text.len(),
            _ => 0,
        };
        match timeout(WRITE_WITHIN, sink.send(message)).await {
            Ok(Ok(())) if !last => {}
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "gateway: a WebSocket is gone");
                return;
            }
            Err(_) => {
                let dropped = bytes + rest(&mut queue);
                metrics.slow_reader(dropped);
                tracing::warn!(
                    dropped,
                    within = ?WRITE_WITHIN,
                    "gateway: a WebSocket does not read what it is sent, closing it"
                );
                return;
            }
        }
    }
}

/// Bytes of what still waits, and of nothing that comes after it.
fn rest(queue: &mut mpsc::Receiver<Item>) -> usize {
    queue.close();
    let mut bytes = 0;
    while let Ok(item) = queue.try_recv() {
        bytes += match item {
            Item::Text(text) => text.len(),
            Item::Event(name, payload) => frame::event(name, &payload, None).len(),
            Item::News(_, payload, _) => payload.len(),
            Item::Close(..) => 0,
        };
    }
    bytes
}

/// A closing frame; its reason has at most 123 bytes.
pub(super) fn closing(code: u16, reason: &str) -> Message {
    let end = reason.floor_char_boundary(123);
    Message::Close(Some(CloseFrame {
        code: code.into(),
        reason: reason[..end].into(),
    }))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::*;
    use crate::metrics::Open;

    /// Somebody who never reads.
    struct Deaf;

    impl Sink<Message> for Deaf {
        type Error = tungstenite::Error;

        fn poll_ready(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), tungstenite::Error>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), tungstenite::Error> {
            Ok(())
        }

        fn poll_flush(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), tungstenite::Error>> {
            Poll::Pending
        }

        fn poll_close(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Result<(), tungstenite::Error>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_reader_who_does_not_read_is_not_sent_is_counted() {
        let metrics = Arc::new(Metrics::new());
        let gone = CancellationToken::new();
        let out = Out::by(Deaf, gone.clone(), Arc::clone(&metrics));
        let before = tokio::time::Instant::now();
        out.text("x".repeat(1000)).await.unwrap();
        out.text("y".repeat(234)).await.unwrap();
        gone.cancelled().await;
        assert_eq!(before.elapsed(), WRITE_WITHIN);
        assert!(out.text("more".to_owned()).await.is_err());
        let text = metrics.render(Open {
            strangers: 0,
            simple: 0,
            openclaw: 0,
            runs: 0,
        });
        assert!(
            text.contains("smoltbot_gateway_slow_readers_total 1\n"),
            "{text}"
        );
        assert!(
            text.contains("smoltbot_gateway_dropped_bytes_total 1234\n"),
            "{text}"
        );
    }
}
