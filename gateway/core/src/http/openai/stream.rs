//! An answer in pieces, as Server-Sent Events.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::waiting::{News, Waiting};
use super::STOPPED;
use super::error::OpenAiError;
use super::response::Writer;
use crate::agent::{Event, StopReason};
use crate::limits::STREAM_ALIVE_EVERY;

/// A line that clients skip. It keeps those and proxies from giving up that end what is silent.
const ALIVE: &[u8] = b": still working\n\n";

/// The pieces of an answer of which `first` has happened already.
pub(super) fn chunks(
    writer: Writer,
    first: News,
    waiting: Waiting,
    tells_usage: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let head = events(&[writer.chunk(&json!({"role": "assistant", "content": ""}), None)]);
    let state = (writer, Some(first), waiting);
    let rest = stream::unfold(state, move |(writer, mut first, mut waiting)| async move {
        let news = match first.take() {
            Some(news) => news,
            None => waiting.next().await?,
        };
        let piece = piece(&writer, &news, tells_usage);
        Some((piece, (writer, first, waiting)))
    });
    let pieces = stream::once(async move { Bytes::from(head) })
        .chain(rest)
        .filter(|piece| std::future::ready(!piece.is_empty()));
    kept_alive(pieces).map(Ok)
}

/// `pieces`, and a sign of life whenever none has come for [`STREAM_ALIVE_EVERY`].
fn kept_alive(pieces: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Box::pin(pieces), |mut pieces| async move {
        let piece = match timeout(STREAM_ALIVE_EVERY, pieces.next()).await {
            Ok(piece) => piece?,
            Err(_) => Bytes::from_static(ALIVE),
        };
        Some((piece, pieces))
    })
}

fn piece(writer: &Writer, news: &News, tells_usage: bool) -> Bytes {
    let values = match news {
        News::Event(Event::Text(_)) if writer.at_once => Vec::new(),
        News::Event(Event::Text(text)) => vec![writer.chunk(&json!({"content": text}), None)],
        News::Event(Event::Thinking(text)) => {
            vec![writer.chunk(&json!({"reasoning_content": text}), None)]
        }
        News::Event(Event::Step(_)) => Vec::new(),
        // Whoever has heard a piece is not asked to begin anew, so what to do about it is told in words.
        News::Event(Event::Ended(answer)) if answer.stop_reason == StopReason::Error => {
            vec![OpenAiError::failed(answer, true).body()]
        }
        News::Event(Event::Ended(answer)) => {
            let mut last = writer.last(answer);
            if tells_usage {
                last.push(writer.usage(answer));
            }
            let mut bytes = events(&last);
            bytes.extend_from_slice(b"data: [DONE]\n\n");
            return Bytes::from(bytes);
        }
        News::Stopped => {
            vec![OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, STOPPED).body()]
        }
    };
    Bytes::from(events(&values))
}

fn events(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(value.to_string().as_bytes());
        bytes.extend_from_slice(b"\n\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_says_nothing_gives_signs_of_life() {
        let (say, said) = mpsc::unbounded_channel();
        let said = stream::unfold(said, |mut said| async move {
            let piece = said.recv().await?;
            Some((piece, said))
        });
        let mut pieces = Box::pin(kept_alive(said));
        let began = Instant::now();
        for signs in 1..=2 {
            assert_eq!(pieces.next().await.as_deref(), Some(ALIVE));
            assert!(began.elapsed() >= STREAM_ALIVE_EVERY * signs);
        }
        say.send(Bytes::from_static(b"word")).unwrap();
        assert_eq!(pieces.next().await.as_deref(), Some(&b"word"[..]));
        assert!(
            began.elapsed() < STREAM_ALIVE_EVERY * 3,
            "nobody waited for it"
        );
        drop(say);
        assert_eq!(pieces.next().await, None);
    }
}
