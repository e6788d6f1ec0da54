//! `POST /api/chat`: one message in; the answer as JSON, or as NDJSON with what happens before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use aap::limits::MAX_ID_CHARS;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Room;
use super::answer::problem;
use crate::chat::{Answer, Progress, Turn};
use crate::limits::{BODY_TIMEOUT, MAX_CONCURRENT_CALLS, MAX_MESSAGE_BYTES};

const NDJSON: &str = "application/x-ndjson";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    message: String,
    session_id: Option<String>,
}

/// The last line of a stream.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Last {
    Answer(Box<Answer>),
    /// The gateway stops and has ended the call.
    Stopped {
        detail: &'static str,
    },
}

const STOPPED: &str =
    "the gateway is stopping and has ended this call; its trace says that it was abandoned";

/// Answers a message. When the client goes away, what runs for it is ended.
pub(super) async fn chat(State(room): State<Arc<Room>>, request: Request) -> Response {
    let streams = accepts(request.headers(), NDJSON);
    let sent = match receive(request).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let turn = Turn::new(&sent.message, sent.session_id);
    let permit = if turn.calls_a_tool() {
        match Arc::clone(&room.calls).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return busy(),
        }
    } else {
        None
    };
    let (sender, progress) = mpsc::unbounded_channel();
    let last = async move {
        let answering = room.chat.answer(turn, streams, move |step| {
            // Nobody listens when the answer goes out as one piece.
            let _ = sender.send(step);
        });
        let last = tokio::select! {
            answer = answering => Last::Answer(Box::new(answer)),
            () = room.stop.cancelled() => Last::Stopped { detail: STOPPED },
        };
        drop(permit);
        last
    };
    if streams {
        let lines = lines(Box::pin(last), progress);
        return ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response();
    }
    match last.await {
        Last::Answer(answer) => Json(answer).into_response(),
        Last::Stopped { detail } => problem(StatusCode::SERVICE_UNAVAILABLE, detail),
    }
}

/// Reads the body, with its limits, and says what is wrong with it.
async fn receive(request: Request) -> Result<Sent, Response> {
    if !has_type(request.headers(), "application/json") {
        return Err(problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `Content-Type: application/json`",
        ));
    }
    let body = timeout(BODY_TIMEOUT, Bytes::from_request(request, &()))
        .await
        .map_err(|_| problem(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?
        .map_err(|rejected| problem(rejected.status(), rejected.body_text()))?;
    let sent: Sent = serde_json::from_slice(&body).map_err(|error| {
        problem(
            StatusCode::BAD_REQUEST,
            format!(r#"the body is not what is expected: {error}; send for example {{"message": "/help"}}"#),
        )
    })?;
    if sent.message.len() > MAX_MESSAGE_BYTES {
        return Err(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the message has {} bytes, at most {MAX_MESSAGE_BYTES} are taken; put long texts into a file of the workspace",
                sent.message.len()
            ),
        ));
    }
    if let Some(id) = &sent.session_id {
        let plain = id.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain || !(1..=MAX_ID_CHARS).contains(&id.len()) {
            return Err(problem(
                StatusCode::BAD_REQUEST,
                format!("`session_id` is made of 1 to {MAX_ID_CHARS} visible ASCII characters"),
            ));
        }
    }
    Ok(sent)
}

fn busy() -> Response {
    let mut refused = problem(
        StatusCode::SERVICE_UNAVAILABLE,
        format!(
            "{MAX_CONCURRENT_CALLS} tool calls run already; nothing was run, try again in a moment"
        ),
    );
    refused
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refused
}

/// The steps as they come, and the last line. The stream owns the work: dropping it ends the work.
fn lines(
    last: Pin<Box<dyn Future<Output = Last> + Send>>,
    mut progress: mpsc::UnboundedReceiver<Progress>,
) -> impl Stream<Item = Result<Bytes, serde_json::Error>> + Send {
    let mut working = Some(last);
    let mut ended = None;
    stream::poll_fn(move |context| {
        if let Some(work) = &mut working
            && let Poll::Ready(last) = work.as_mut().poll(context)
        {
            (working, ended) = (None, Some(last));
        }
        match progress.poll_recv(context) {
            Poll::Ready(Some(step)) => Poll::Ready(Some(line(&step))),
            _ if working.is_some() => Poll::Pending,
            _ => Poll::Ready(ended.take().map(|last| line(&last))),
        }
    })
}

fn line(value: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line.into())
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| media_type(part) == kind)
}

fn has_type(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| media_type(value).eq_ignore_ascii_case(kind))
}

fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}
