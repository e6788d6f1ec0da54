//! OpenAI's API: `POST /v1/chat/completions` and `GET /v1/models`.
//!
//! Who asks keeps the conversation and sends all of it. Without tools of their own the agent acts with its tools, each call
//! through the Gate, and they see the words; with tools of their own, the model calls those, and they run them.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

mod error;
mod fields;
mod format;
mod messages;
mod request;
mod response;
mod stream;

use super::answer::unread;
use super::upload::within;
use super::waiting::{News, Waiting};
use super::{Room, door};
use crate::agent::{Event, Step, StopReason};
use crate::clock::now_ms;
use crate::limits::MAX_COMPLETION_BODY_BYTES;
use error::OpenAiError;
use request::Completion;
use response::Writer;

/// The model that stands for the agent, whichever language model it uses.
const AGENT: &str = "smoltbot";
const STOPPED: &str = "the gateway is stopping and has ended this answer";
/// By which OpenAI's clients tell a request. Here it is the run's id, which the traces of its calls carry.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Lets pass who shows the token; refuses in OpenAI's words.
pub(super) async fn require(
    State(room): State<Arc<Room>>,
    request: Request,
    next: Next,
) -> Response {
    door::pass(&room.door, request, next, refuse).await
}

fn refuse() -> Response {
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

/// Anything else below `/v1`.
pub(super) async fn nothing(uri: Uri) -> Response {
    let text = format!(
        "`{}` is not served; /v1/chat/completions and /v1/models are",
        uri.path()
    );
    OpenAiError::new(StatusCode::NOT_FOUND, text)
        .code("unknown_url")
        .into_response()
}

/// A path that is there, but not for this method.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Response {
    let text = format!("{method} is not for `{}`", uri.path());
    OpenAiError::new(StatusCode::METHOD_NOT_ALLOWED, text)
        .code("method_not_supported")
        .into_response()
}

/// `POST /v1/chat/completions`. When the client goes away, what runs for it is ended.
pub(super) async fn completions(State(room): State<Arc<Room>>, request: Request) -> Response {
    match complete(&room, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn complete(room: &Arc<Room>, request: Request) -> Result<Response, OpenAiError> {
    let body = timeout(within(request.headers()), Bytes::from_request(request, &()))
        .await
        .map_err(|_| OpenAiError::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))?
        .map_err(|rejected| {
            let text = unread(&rejected, MAX_COMPLETION_BODY_BYTES);
            OpenAiError::new(rejected.status(), text)
        })?;
    let completion = Completion::read(&body)?;
    if !room.agent.talks() {
        return Err(OpenAiError::no_model());
    }
    let asked = completion.model.clone();
    let (streams, tells_usage) = (completion.stream, completion.tells_usage);
    let at_once = completion.at_once;
    let ask = completion.into_ask((asked != AGENT).then(|| asked.clone()));
    let run = room.agent.start(ask).map_err(OpenAiError::busy)?;
    let writer = Writer {
        id: format!("chatcmpl-{}", run.id()),
        created: now_ms() / 1000,
        asked,
        at_once,
    };
    let waiting = Waiting::new(run.follow(), room.stop.clone());
    let answer = if streams {
        streamed(writer, waiting, tells_usage).await
    } else {
        whole(&writer, waiting).await
    };
    let mut response = answer.unwrap_or_else(OpenAiError::into_response);
    if let Ok(id) = HeaderValue::from_str(run.id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(response)
}

/// The answer in one piece.
async fn whole(writer: &Writer, mut waiting: Waiting) -> Result<Response, OpenAiError> {
    let mut acted = false;
    while let Some(news) = waiting.next().await {
        match news {
            News::Event(Event::Ended(answer)) if answer.stop_reason == StopReason::Error => {
                return Err(OpenAiError::failed(&answer, acted));
            }
            News::Event(Event::Ended(answer)) => {
                return Ok(Json(writer.whole(&answer)).into_response());
            }
            News::Event(Event::Step(step)) => acted |= matches!(*step, Step::Running { .. }),
            News::Event(_) => {}
            News::Stopped => break,
        }
    }
    Err(OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, STOPPED))
}

/// The answer as it comes. It begins with the first thing that happens, so that what fails before has a status of its own.
async fn streamed(
    writer: Writer,
    mut waiting: Waiting,
    tells_usage: bool,
) -> Result<Response, OpenAiError> {
    let stopped = || OpenAiError::new(StatusCode::SERVICE_UNAVAILABLE, STOPPED);
    let first = waiting.next().await.ok_or_else(stopped)?;
    match &first {
        News::Event(Event::Ended(answer)) if answer.stop_reason == StopReason::Error => {
            return Err(OpenAiError::failed(answer, false));
        }
        News::Stopped => return Err(stopped()),
        News::Event(_) => {}
    }
    let events = stream::chunks(writer, first, waiting, tells_usage);
    let body = Body::from_stream(events);
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}
