//! `POST /api/chat`: one message in; the answer as JSON, or as NDJSON with what happens before it.

use std::sync::Arc;

use aap::limits::MAX_ID_CHARS;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Room;
use super::answer::problem;
use super::upload::within;
use super::waiting::{News, Waiting};
use crate::agent::{Answer, Ask, Event, Step};
use crate::attach::{self, Attachment, NotTaken};
use crate::clock::unique;
use crate::limits::MAX_MESSAGE_BYTES;
use crate::model::{Part, Thinking};

/// The channel that the page's messages come by.
const CHANNEL: &str = "web";
const NDJSON: &str = "application/x-ndjson";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    message: String,
    session_id: Option<String>,
    model: Option<String>,
    thinking: Option<Thinking>,
    #[serde(default)]
    attachments: Vec<Attached>,
}

/// A file that comes with a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attached {
    file_name: Option<String>,
    media_type: Option<String>,
    /// In base64, or as a `data:` URL.
    content: String,
}

/// A line of a stream.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Words(Words),
    Step(&'a Step),
    Last(Last<'a>),
}

/// Words as they come.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Words {
    Text { text: String },
    Thinking { text: String },
}

/// The last line of a stream.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Last<'a> {
    Answer(&'a Answer),
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
    let attached = match attached(&sent.attachments) {
        Ok(attached) => attached,
        Err(not) => return problem(status(&not), not.to_string()),
    };
    let session = sent
        .session_id
        .unwrap_or_else(|| format!("{CHANNEL}-{}", unique()));
    let mut ask = Ask {
        asks: streams,
        model: sent.model,
        thinking: sent.thinking,
        ..Ask::new(session, CHANNEL, sent.message)
    };
    ask.attach(attached);
    if ask.is_blank() {
        return problem(StatusCode::BAD_REQUEST, "`message` is what you want to say");
    }
    let run = match room.agent.start(ask) {
        Ok(run) => run,
        Err(error) => return busy(&error.to_string()),
    };
    let mut waiting = Waiting::new(run.follow(), room.stop.clone());
    if streams {
        return ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines(waiting))).into_response();
    }
    while let Some(news) = waiting.next().await {
        match news {
            News::Event(Event::Ended(answer)) => return Json(answer.as_ref()).into_response(),
            News::Event(_) => {}
            News::Stopped => break,
        }
    }
    problem(StatusCode::SERVICE_UNAVAILABLE, STOPPED)
}

/// Reads the body, with its limits, and says what is wrong with it.
async fn receive(request: Request) -> Result<Sent, Response> {
    if !has_type(request.headers(), "application/json") {
        return Err(problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `Content-Type: application/json`",
        ));
    }
    let body = timeout(within(request.headers()), Bytes::from_request(request, &()))
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

/// What is attached, as parts of the message.
fn attached(files: &[Attached]) -> Result<Vec<Part>, NotTaken> {
    let all = files.iter().map(|file| Attachment {
        name: file.file_name.as_deref(),
        media_type: file.media_type.as_deref(),
        content: &file.content,
    });
    attach::parts(&all.collect::<Vec<_>>())
}

fn status(not: &NotTaken) -> StatusCode {
    match not {
        NotTaken::TooMany(_)
        | NotTaken::TooMuch
        | NotTaken::LargePicture { .. }
        | NotTaken::LongText { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        NotTaken::NoPicture { .. } | NotTaken::Neither { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        NotTaken::NotBase64(_) | NotTaken::Empty(_) => StatusCode::BAD_REQUEST,
    }
}

fn busy(detail: &str) -> Response {
    let mut refused = problem(StatusCode::SERVICE_UNAVAILABLE, detail);
    refused
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refused
}

/// What happens as it happens, and the last line. The stream owns the waiting: dropping it ends the run.
fn lines(waiting: Waiting) -> impl Stream<Item = Result<Bytes, serde_json::Error>> + Send {
    stream::unfold(waiting, |mut waiting| async move {
        let next = match waiting.next().await? {
            News::Event(Event::Text(text)) => line(&Line::Words(Words::Text { text })),
            News::Event(Event::Thinking(text)) => line(&Line::Words(Words::Thinking { text })),
            News::Event(Event::Step(step)) => line(&Line::Step(&step)),
            News::Event(Event::Ended(answer)) => line(&Line::Last(Last::Answer(&answer))),
            News::Stopped => line(&Line::Last(Last::Stopped { detail: STOPPED })),
        };
        Some((next, waiting))
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
