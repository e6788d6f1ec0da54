//! `GET /v1/live`: new traces as Server-Sent Events, numbered by their position in the store.
//!
//! The store is the truth, this is a window on its newest rows. One reader at a time refills the window for all; a reader
//! that is behind it, as one that resumes, reads the store itself. Positions only rise, so there is no gap and no double
//! between what is replayed and what is new. Nothing is queued for a reader: one that does not read costs no memory, and is
//! behind when it reads again.

use std::sync::Arc;
use std::time::Duration;

use aap::ActionType;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::{Either, select};
use futures_util::stream;
use std::pin::pin;
use tokio::sync::watch;
use trace_store::{Filter, StoreError, TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::{Caller, Edge};
use crate::limiter::Limiter;
use crate::query::{Params, bad, parsed};

mod hub;

pub use hub::Live;
use hub::{Next, Seat};

/// Live streams open at once in one process.
pub const MAX_LIVE_STREAMS: usize = 256;
/// Live streams open at once to one network.
pub const MAX_LIVE_PER_NETWORK: usize = 32;
/// Silence after which a comment is sent, so that nothing on the way closes the connection; the store is asked then, too,
/// for what other processes wrote.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What a client waits before it connects again, as the stream tells it.
pub const RECONNECT: Duration = Duration::from_secs(2);
/// Rows that a reader takes from the store at once.
const REPLAY_ROWS: u32 = 200;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// New traces, from now on or after `Last-Event-ID`.
pub(crate) async fn live<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut params = Params::of(&uri, &["agent_id", "action_type", "last_event_id"])?;
    let filter = Filter {
        agent_id: params.take("agent_id", "a UUID", parsed)?,
        action_type: params.take("action_type", "allow, deny or error", ActionType::parse)?,
        ..Filter::default()
    };
    let form = "the id of an event of this stream, a whole number";
    let asked = params.take("last_event_id", form, position)?;
    let resumed = match headers.get(LAST_EVENT_ID).map(HeaderValue::to_str) {
        None => None,
        Some(text) => Some(
            text.ok()
                .and_then(position)
                .ok_or_else(|| bad("Last-Event-ID", format!("it is not {form}")))?,
        ),
    };
    let newest = edge.ports.store.last_position().await?;
    let seat = edge.ports.live.sit_down(caller.network, newest);
    let seat = seat.ok_or(Problem::TooManyStreams)?;
    let from = resumed.or(asked).unwrap_or(newest).min(newest);
    let reader = Reader {
        changes: seat.changes(),
        edge,
        seat,
        filter,
        position: from,
        begun: false,
    };
    let body = Body::from_stream(stream::unfold(reader, Reader::step));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Reverse proxies that gather answers would hold events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

fn position(text: &str) -> Option<i64> {
    parsed(text).filter(|position| *position >= 0)
}

/// One stream.
struct Reader<S, L> {
    edge: Arc<Edge<S, L>>,
    seat: Seat,
    changes: watch::Receiver<u64>,
    filter: Filter,
    position: i64,
    begun: bool,
}

impl<S: TraceReader + TraceWriter, L: Limiter> Reader<S, L> {
    /// The next piece of the stream; its end when the edge closes or the store fails, after which the client resumes.
    async fn step(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        let piece = self.piece().await?;
        Some((Ok(piece), self))
    }

    async fn piece(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(format!("retry: {}\n: connected\n\n", RECONNECT.as_millis()).into());
        }
        loop {
            // Marked as seen before the window is looked at: what changes after that wakes this reader.
            self.changes.borrow_and_update();
            match self.seat.next(self.position, &self.filter) {
                Next::Closed => return None,
                Next::Events { text, position } => {
                    self.position = position;
                    if !text.is_empty() {
                        return Some(text);
                    }
                }
                Next::Behind { window_end } => {
                    let text = self.replay(window_end).await.map_err(report).ok()?;
                    if !text.is_empty() {
                        return Some(text);
                    }
                }
                Next::Refill(refill) => {
                    let store = &self.edge.ports.store;
                    let rows = store
                        .received_after(refill.after(), &Filter::default(), refill.rows())
                        .await;
                    refill.done(&rows.map_err(report).ok()?);
                }
                Next::Wait => {
                    if !self.changed().await {
                        self.seat.look_again();
                        return Some(Bytes::from_static(b": keep-alive\n\n"));
                    }
                }
            }
        }
    }

    /// Rows straight from the store, until the window covers this reader's place.
    async fn replay(&mut self, window_end: i64) -> Result<Bytes, StoreError> {
        let store = &self.edge.ports.store;
        let rows = store
            .received_after(self.position, &self.filter, REPLAY_ROWS)
            .await?;
        if let Some(last) = rows.last() {
            self.position = last.position;
        }
        if rows.len() < REPLAY_ROWS as usize {
            // All that fits the filter and was there before the window's end is in `rows`.
            self.position = self.position.max(window_end);
        }
        Ok(rows.iter().map(hub::event_text).collect::<String>().into())
    }

    /// Waits for a change, but not longer than [`KEEP_ALIVE`].
    async fn changed(&mut self) -> bool {
        let silence = (self.edge.ports.sleep)(KEEP_ALIVE);
        matches!(
            select(pin!(self.changes.changed()), silence).await,
            Either::Left(_)
        )
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn report(error: StoreError) {
    tracing::error!(%error, "a live stream ends: the store failed");
}
