//! OpenAI's API: `POST /v1/chat/completions` and `GET /v1/models`.
//!
//! Who asks keeps the conversation and sends all of it. Without tools of their own the agent acts with its tools, each call
//! through the Gate, and they see the words; with tools of their own, the model calls those, and they run them.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;

mod error;
mod request;
mod response;

use super::Room;
use super::waiting::{News, Waiting};
use crate::agent::{Event, StopReason};
use crate::clock::now_ms;
use crate::limits::BODY_TIMEOUT;
use error::OpenAiError;
use request::Completion;
use response::Writer;

/// The model that stands for the agent, whichever language model it uses.
const AGENT: &str = "smoltbot";
const STOPPED: &str = "the gateway is stopping and has ended this answer";

/// Lets pass who shows the token; refuses in OpenAI's words.
pub(super) async fn require(
    State(room): State<Arc<Room>>,
    request: Request,
    next: Next,
) -> Response {
    if room.door.admits(request.method(), request.headers()) {
        return next.run(request).await;
    }
    let mut refused = OpenAiError::new(
        StatusCode::UNAUTHORIZED,
        "the API key is missing or wrong: send the gateway's token as `Authorization: Bearer …`",
    )
    .code("invalid_api_key")
    .into_response();
    refused
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

/// `GET /v1/models`.
pub(super) async fn models(State(room): State<Arc<Room>>) -> Response {
    let models: Vec<Value> = names(&room).into_iter().map(|name| model(&name)).collect();
    Json(json!({"object": "list", "data": models})).into_response()
}

/// `GET /v1/models/{id}`; ids have slashes.
pub(super) async fn one_model(State(room): State<Arc<Room>>, Path(id): Path<String>) -> Response {
    match names(&room).into_iter().find(|name| *name == id) {
        Some(name) => Json(model(&name)).into_response(),
        None => OpenAiError::new(
            StatusCode::NOT_FOUND,
            format!("there is no model `{id}`; GET /v1/models lists them"),
        )
        .code("model_not_found")
        .into_response(),
    }
}

fn names(room: &Room) -> Vec<String> {
    let mut names = vec![AGENT.to_owned()];
    names.extend(room.agent.models());
    names
}

fn model(name: &str) -> Value {
    let owner = name.split_once('/').map_or(AGENT, |(provider, _)| provider);
    json!({"id": name, "object": "model", "created": 0, "owned_by": owner})
}

/// `POST /v1/chat/completions`. When the client goes away, what runs for it is ended.
pub(super) async fn completions(State(room): State<Arc<Room>>, request: Request) -> Response {
    match complete(&room, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn complete(room: &Arc<Room>, request: Request) -> Result<Response, OpenAiError> {
    let body = timeout(BODY_TIMEOUT, Bytes::from_request(request, &()))
        .await
        .map_err(|_| OpenAiError::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?
        .map_err(|rejected| OpenAiError::new(rejected.status(), rejected.body_text()))?;
    let completion = Completion::read(&body)?;
    let asked = completion.model.clone();
    let (streams, tells_usage) = (completion.stream, completion.tells_usage);
    let ask = completion.into_ask((asked != AGENT).then(|| asked.clone()));
    let run = room
        .agent
        .start(ask)
        .map_err(|busy| OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, busy.to_string()))?;
    let writer = Writer {
        id: format!("chatcmpl-{}", run.id()),
        created: now_ms() / 1000,
        asked,
    };
    let mut waiting = Waiting::new(run.follow(), room.stop.clone());
    if streams {
        let events = chunks(writer, waiting, tells_usage);
        return Ok((
            [(CONTENT_TYPE, "text/event-stream")],
            Body::from_stream(events),
        )
            .into_response());
    }
    while let Some(news) = waiting.next().await {
        match news {
            News::Event(Event::Ended(answer)) if answer.stop_reason == StopReason::Error => {
                return Err(OpenAiError::upstream(answer.reply.text()));
            }
            News::Event(Event::Ended(answer)) => {
                return Ok(Json(writer.whole(&answer)).into_response());
            }
            News::Event(_) => {}
            News::Stopped => break,
        }
    }
    Err(OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, STOPPED))
}

/// The answer in pieces, as Server-Sent Events.
fn chunks(
    writer: Writer,
    waiting: Waiting,
    tells_usage: bool,
) -> impl Stream<Item = Result<Bytes, serde_json::Error>> + Send {
    let first = writer.chunk(&json!({"role": "assistant", "content": ""}), None);
    let rest = stream::unfold((writer, waiting), move |(writer, mut waiting)| async move {
        let values = match waiting.next().await? {
            News::Event(Event::Text(text)) => vec![writer.chunk(&json!({"content": text}), None)],
            News::Event(Event::Thinking(text)) => {
                vec![writer.chunk(&json!({"reasoning_content": text}), None)]
            }
            News::Event(Event::Step(_)) => Vec::new(),
            News::Event(Event::Ended(answer)) if answer.stop_reason == StopReason::Error => {
                vec![OpenAiError::upstream(answer.reply.text()).body()]
            }
            News::Event(Event::Ended(answer)) => {
                let mut last = writer.last(&answer);
                if tells_usage {
                    last.push(writer.usage(&answer));
                }
                let mut bytes = events(&last);
                bytes.extend_from_slice(b"data: [DONE]\n\n");
                return Some((Ok(Bytes::from(bytes)), (writer, waiting)));
            }
            News::Stopped => {
                vec![OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, STOPPED).body()]
            }
        };
        Some((Ok(Bytes::from(events(&values))), (writer, waiting)))
    });
    stream::once(async move { Ok(Bytes::from(events(&[first]))) })
        .chain(rest)
        .filter(|piece| {
            let is_empty = piece.as_ref().is_ok_and(Bytes::is_empty);
            std::future::ready(!is_empty)
        })
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
