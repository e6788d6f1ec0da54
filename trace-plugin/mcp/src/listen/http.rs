//! Streamable HTTP: `POST` a message, `GET` what the server says by itself, `DELETE` the session.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::door::Door;
use super::session::Session;
use super::streams::{Message, Opened, Requests};
use super::{Limits, Server};
use crate::upstream::{SESSION, VERSION};
use crate::{Ask, MAX_FRAME_BYTES, Options};

/// Where the server is to be found.
const PATH: &str = "/mcp";
/// What a client that was turned away for want of room should wait, in seconds.
const COME_BACK: &str = "10";
const STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";

type Named = Box<dyn Fn() -> Options + Send + Sync>;

/// Everything that clients share.
pub(super) struct Room {
    server: Server,
    ask: Ask,
    options: Named,
    limits: Limits,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    /// A task for each session, until its server has ended.
    tasks: Mutex<JoinSet<()>>,
    closed: CancellationToken,
}

pub(super) fn router(room: Arc<Room>, door: Door) -> Router {
    Router::new()
        .route(PATH, post(say).get(hear).delete(leave).fallback(other))
        .fallback(nowhere)
        .layer(middleware::from_fn_with_state(Arc::new(door), guard))
        .with_state(room)
}

async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    match door.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => {
            let mut refused = wrong(status, &why);
            if status == StatusCode::UNAUTHORIZED {
                let how = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(WWW_AUTHENTICATE, how);
            }
            refused
        }
    }
}

/// What HTTP refuses, as JSON-RPC says it: an error that names no request.
fn wrong(status: StatusCode, why: &str) -> Response {
    let error = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": why}});
    (status, [(CONTENT_TYPE, JSON)], error.to_string()).into_response()
}

async fn nowhere() -> Response {
    wrong(StatusCode::NOT_FOUND, &format!("the server is at {PATH}"))
}

async fn other() -> Response {
    let mut answer = wrong(StatusCode::METHOD_NOT_ALLOWED, "POST, GET or DELETE");
    let allowed = HeaderValue::from_static("POST, GET, DELETE");
    answer.headers_mut().insert(ALLOW, allowed);
    answer
}

async fn say(State(room): State<Arc<Room>>, headers: HeaderMap, body: Body) -> Response {
    room.said(&headers, body)
        .await
        .unwrap_or_else(|wrong| *wrong)
}

async fn hear(State(room): State<Arc<Room>>, headers: HeaderMap) -> Response {
    let session = match room.session(&headers) {
        Ok(session) => session,
        Err(wrong) => return *wrong,
    };
    if !Accepts::read(&headers).stream {
        return wrong(StatusCode::NOT_ACCEPTABLE, &format!("accept {STREAM}"));
    }
    match session.streams.listen() {
        Some(opened) => stream(opened, None, room.limits),
        None => wrong(
            StatusCode::CONFLICT,
            "this session has such a stream already",
        ),
    }
}

async fn leave(State(room): State<Arc<Room>>, headers: HeaderMap) -> Response {
    match room.session(&headers) {
        Ok(session) => {
            session.stop();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(wrong) => *wrong,
    }
}

/// Responses are large for an error.
type Refused = Box<Response>;

impl Room {
    pub(super) fn new(server: Server, ask: Ask, options: Named, limits: Limits) -> Self {
        Self {
            server,
            ask,
            options,
            limits,
            sessions: Mutex::default(),
            tasks: Mutex::default(),
            closed: CancellationToken::new(),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all sessions and waits for their servers' ends.
    pub(super) async fn close(&self) {
        let mut tasks = {
            let mut tasks = self.tasks();
            // Under the lock: none begins afterwards.
            self.closed.cancel();
            std::mem::take(&mut *tasks)
        };
        while tasks.join_next().await.is_some() {}
    }

    async fn said(self: &Arc<Self>, headers: &HeaderMap, body: Body) -> Result<Response, Refused> {
        let accepts = Accepts::read(headers);
        if !accepts.json && !accepts.stream {
            let why = format!("accept {JSON} and {STREAM}");
            return Err(wrong(StatusCode::NOT_ACCEPTABLE, &why).into());
        }
        if media_type(headers.get(CONTENT_TYPE)) != Some(JSON.to_owned()) {
            let why = format!("a message is posted as {JSON}");
            return Err(wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, &why).into());
        }
        let text = read(body, self.limits).await?;
        let text = text.trim();
        let requests = Requests::read(text);
        let begins = requests.hello && !requests.ids.is_empty();
        let begun = if begins && !headers.contains_key(SESSION) {
            Some(self.begin()?)
        } else {
            None
        };
        let session = match &begun {
            Some((_, session)) => session.clone(),
            None => self.session(headers)?,
        };
        session.seen();
        if let Some(id) = &requests.cancelled {
            session.streams.cancel(id);
        }
        let single = requests.ids.len() == 1 && !text.starts_with('[');
        let opened = if requests.ids.is_empty() {
            None
        } else {
            let opened = session.streams.post(requests, accepts.stream);
            Some(opened.map_err(|why| wrong(StatusCode::TOO_MANY_REQUESTS, &why))?)
        };
        // Frames are lines; raw line ends stand between JSON's tokens only.
        let mut line = text.replace(['\n', '\r'], " ").into_bytes();
        line.push(b'\n');
        let key = opened.as_ref().map(|opened| opened.key);
        // A client that goes away must not leave half a message behind.
        let taker = session.clone();
        let taken = tokio::spawn(async move { taker.take(line, key).await }).await;
        let Ok(Ok(own)) = taken else {
            return Err(wrong(StatusCode::BAD_GATEWAY, "the server has ended").into());
        };
        let mut answer = match (opened, own.into_iter().next()) {
            (Some(opened), _) => answered(opened, accepts, single, self.limits).await,
            (None, Some(error)) => {
                (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, JSON)], error).into_response()
            }
            (None, None) => StatusCode::ACCEPTED.into_response(),
        };
        if let Some((id, _)) = begun
            && let Ok(id) = HeaderValue::try_from(id)
        {
            answer
                .headers_mut()
                .insert(HeaderName::from_static(SESSION), id);
        }
        Ok(answer)
    }

    /// The session that a request is of.
    fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, Refused> {
        let Some(id) = headers.get(SESSION) else {
            let why = "say `initialize` first, and then Mcp-Session-Id with each request";
            return Err(wrong(StatusCode::BAD_REQUEST, why).into());
        };
        let id = id.to_str().unwrap_or_default();
        let session = self.sessions().get(id).cloned().ok_or_else(|| {
            let why = "there is no such session, or it has ended: say `initialize` anew";
            wrong(StatusCode::NOT_FOUND, why)
        })?;
        if let (Some(said), Some(agreed)) = (headers.get(VERSION), session.streams.version())
            && said.as_bytes() != agreed.as_bytes()
        {
            let why = format!("this session speaks MCP-Protocol-Version {agreed}");
            return Err(wrong(StatusCode::BAD_REQUEST, &why).into());
        }
        session.seen();
        Ok(session)
    }

    /// Makes a session, with a server of its own.
    fn begin(self: &Arc<Self>) -> Result<(String, Arc<Session>), Refused> {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= self.limits.sessions || self.closed.is_cancelled() {
            let why = format!(
                "{} sessions are open: end one, or come back later",
                tasks.len()
            );
            let mut full = wrong(StatusCode::SERVICE_UNAVAILABLE, &why);
            let later = HeaderValue::from_static(COME_BACK);
            full.headers_mut().insert(RETRY_AFTER, later);
            return Err(full.into());
        }
        let failed = |why: &dyn std::fmt::Display| wrong(StatusCode::BAD_GATEWAY, &why.to_string());
        let id = secret().map_err(|error| failed(&error))?;
        let stop = self.closed.child_token();
        let (session, mut parts) = Session::start(
            &self.server,
            &self.ask,
            &(self.options)(),
            self.limits,
            stop,
        )
        .map_err(|error| failed(&error))?;
        self.sessions().insert(id.clone(), session.clone());
        let (room, name, own) = (self.clone(), id.clone(), session.clone());
        tasks.spawn(async move {
            let why = own.live(&mut parts).await;
            // Whoever comes now is told that there is no such session.
            room.sessions().remove(&name);
            own.end(parts, why).await;
        });
        Ok((id, session))
    }
}

/// A session's name is what lets a client into it: 128 random bits. It is not the name in traces, which are published.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// What a client can read.
#[derive(Debug, Clone, Copy, Default)]
struct Accepts {
    json: bool,
    stream: bool,
}

impl Accepts {
    fn read(headers: &HeaderMap) -> Self {
        let mut accepts = Self {
            json: !headers.contains_key(ACCEPT),
            stream: false,
        };
        for value in headers.get_all(ACCEPT) {
            for kind in value.to_str().unwrap_or_default().split(',') {
                match media_type(HeaderValue::try_from(kind.trim()).ok().as_ref()).as_deref() {
                    // A stream is for those who name it: `*/*` is what is sent without a thought.
                    Some(STREAM) => accepts.stream = true,
                    Some(JSON | "application/*" | "*/*") => accepts.json = true,
                    _ => {}
                }
            }
        }
        accepts
    }
}

fn media_type(value: Option<&HeaderValue>) -> Option<String> {
    let kind = value?.to_str().ok()?.split(';').next()?;
    Some(kind.trim().to_ascii_lowercase())
}

async fn read(body: Body, limits: Limits) -> Result<String, Refused> {
    let read = timeout(limits.body, Limited::new(body, MAX_FRAME_BYTES).collect()).await;
    let refused = |status, why: &str| Refused::from(wrong(status, why));
    let bytes = match read {
        Err(_) => {
            return Err(refused(
                StatusCode::REQUEST_TIMEOUT,
                "the message did not come in time",
            ));
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("the message is longer than {MAX_FRAME_BYTES} bytes");
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, &why));
        }
        Ok(Err(error)) => return Err(refused(StatusCode::BAD_REQUEST, &error.to_string())),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let text = String::from_utf8(bytes.into())
        .map_err(|_| refused(StatusCode::BAD_REQUEST, "the message is not UTF-8"))?;
    if text.trim().is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, "there is no message"));
    }
    Ok(text)
}

/// The answer to requests: JSON if nothing else comes before it and it comes soon, else a stream.
async fn answered(mut opened: Opened, accepts: Accepts, single: bool, limits: Limits) -> Response {
    if !accepts.stream {
        return whole(opened, single).await;
    }
    if !accepts.json || !single || !opened.waited.is_empty() {
        return stream(opened, None, limits);
    }
    match timeout(limits.streams_after, opened.messages.recv()).await {
        Ok(Some(message)) if message.last => json_of(message.text),
        Ok(Some(message)) => stream(opened, Some(message), limits),
        // Taken back.
        Ok(None) => StatusCode::ACCEPTED.into_response(),
        Err(_) => stream(opened, None, limits),
    }
}

/// For who reads no streams: all answers at once.
async fn whole(mut opened: Opened, single: bool) -> Response {
    let mut all = Vec::new();
    while let Some(message) = opened.messages.recv().await {
        all.push(message.text);
        if message.last {
            break;
        }
    }
    match (all.len(), single) {
        (0, _) => StatusCode::ACCEPTED.into_response(),
        (1, true) => json_of(all.concat()),
        _ => json_of([&b"["[..], &all.join(&b','), b"]"].concat()),
    }
}

fn json_of(text: impl Into<Body>) -> Response {
    ([(CONTENT_TYPE, JSON)], text.into()).into_response()
}

/// Server-Sent Events.
fn stream(opened: Opened, first: Option<Message>, limits: Limits) -> Response {
    let waited = opened
        .waited
        .into_iter()
        .map(|text| Message { text, last: false });
    let ready: std::collections::VecDeque<_> = waited.chain(first).collect();
    let all = futures_util::stream::unfold(
        (ready, opened.messages, false),
        move |(mut ready, mut messages, over)| async move {
            if over {
                return None;
            }
            let next = match ready.pop_front() {
                Some(message) => Ok(Some(message)),
                None => timeout(limits.says_every, messages.recv()).await,
            };
            let (text, over) = match next {
                Ok(None) => return None,
                Ok(Some(Message { text, last })) => (
                    [b"event: message\ndata: ", &text[..], b"\n\n"].concat(),
                    last,
                ),
                // Somebody is still there.
                Err(_) => (b":\n\n".to_vec(), false),
            };
            Some((
                Ok::<_, Infallible>(Bytes::from(text)),
                (ready, messages, over),
            ))
        },
    );
    let headers = [(CONTENT_TYPE, STREAM), (CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(all)).into_response()
}
