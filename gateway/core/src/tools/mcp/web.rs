//! MCP over Streamable HTTP: what `rmcp`'s transport asks for, by the HTTP client that everything here goes out with.
//!
//! Sizes are bounded here, times by who asks. A redirect is not followed: a key must not go where somebody else points.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};

use super::settings::McpEndpoint;
use super::starting::{Listener, Running};
use crate::limits::{
    MAX_ERROR_BODY_BYTES, MAX_ERROR_BYTES, MAX_MCP_LINE_BYTES, MCP_CONNECT_TIME, MCP_LONGEST_PAUSE,
};
use crate::tools::cut;

const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// Why the web brought no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    /// Nobody is there.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody was there.
    #[error("the connection broke: {0}")]
    Broke(String),
    /// The key is missing or wrong.
    #[error("it does not let us in ({0}): check the headers of its section")]
    Forbidden(StatusCode),
    /// It is elsewhere.
    #[error("it answered {0}, as if it were elsewhere: write its real URL")]
    Moved(StatusCode),
    /// Another status than success.
    #[error("it answered {0}: {1}")]
    Status(StatusCode, String),
    /// It says more than we take.
    #[error("it said more than {0} bytes at once")]
    TooLong(usize),
}

type Trouble = StreamableHttpError<WebError>;

/// Goes out to MCP servers.
#[derive(Debug, Clone)]
pub(super) struct Web(Client);

/// Greets the server at `endpoint`.
pub(super) async fn greet(endpoint: &McpEndpoint, listener: Listener) -> Result<Running, String> {
    let client = Client::builder()
        .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(MCP_CONNECT_TIME)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| format!("no client could be made: {}", cause(error)))?;
    let mut retries = ExponentialBackoff::default();
    retries.max_delay = Some(MCP_LONGEST_PAUSE);
    let mut config = StreamableHttpClientTransportConfig::with_uri(endpoint.url().as_str());
    config.custom_headers = endpoint
        .headers()
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    config.max_sse_event_size = MAX_MCP_LINE_BYTES;
    config.allow_stateless = true;
    config.retry_config = Arc::new(retries);
    let transport = StreamableHttpClientTransport::with_client(Web(client), config);
    let greeted: Result<RunningService<RoleClient, Listener>, _> =
        rmcp::serve_client(listener, transport).await;
    greeted.map_err(|error| match &error {
        ClientInitializeError::TransportError { error, .. } => words(error.error.as_ref()),
        other => cut(&other.to_string(), MAX_ERROR_BYTES).0,
    })
}

/// What a failure of the transport comes to, in words.
pub(super) fn words(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let words = match error.downcast_ref::<Trouble>() {
        Some(StreamableHttpError::Client(error)) => error.to_string(),
        _ => error.to_string(),
    };
    cut(&words, MAX_ERROR_BYTES).0
}

/// Whether it is the web that failed.
pub(super) fn is_web(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.is::<Trouble>()
}

/// Whether there is nobody any more who could answer the next request.
pub(super) fn is_gone(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(
        error.downcast_ref::<Trouble>(),
        Some(StreamableHttpError::Client(WebError::Unreachable(_)))
    )
}

/// What is at the bottom of a failure. The URL may hold a key, and is not told.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut deepest: &dyn Error = &error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn broke(error: reqwest::Error) -> Trouble {
    let nobody = error.is_connect();
    let cause = cause(error);
    StreamableHttpError::Client(if nobody {
        WebError::Unreachable(cause)
    } else {
        WebError::Broke(cause)
    })
}

impl Web {
    fn request(
        &self,
        method: Method,
        uri: &str,
        session: Option<&str>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> RequestBuilder {
        let mut request = self.0.request(method, uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(session) = session {
            request = request.header(SESSION, session);
        }
        request
    }

    async fn post(
        &self,
        request: RequestBuilder,
        asks: bool,
        in_session: bool,
        most: usize,
    ) -> Result<StreamableHttpPostResponse, Trouble> {
        let response = request.send().await.map_err(broke)?;
        let status = response.status();
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        let session = response.headers().get(SESSION);
        let session = session.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let kind = kind(&response);
        if !status.is_success() {
            return refused(response, &kind, session).await;
        }
        if kind.starts_with(EVENTS) {
            let events = events(response, most);
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        if !asks {
            // Whoever tells something waits for nothing.
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if !kind.starts_with(JSON) {
            return Err(StreamableHttpError::UnexpectedContentType(Some(kind)));
        }
        let body = body(response, most).await?;
        let answer = serde_json::from_slice(&body)?;
        Ok(StreamableHttpPostResponse::Json(answer, session))
    }
}

/// An answer of another status than success: an error of the protocol, or one of the web.
async fn refused(
    response: Response,
    kind: &str,
    session: Option<String>,
) -> Result<StreamableHttpPostResponse, Trouble> {
    let status = response.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(StreamableHttpError::Client(WebError::Forbidden(status)));
    }
    if status.is_redirection() {
        return Err(StreamableHttpError::Client(WebError::Moved(status)));
    }
    let body = body(response, MAX_ERROR_BODY_BYTES)
        .await
        .unwrap_or_default();
    if kind.starts_with(JSON)
        && let Ok(error @ ServerJsonRpcMessage::Error(_)) = serde_json::from_slice(&body)
    {
        return Ok(StreamableHttpPostResponse::Json(error, session));
    }
    let (words, _) = cut(String::from_utf8_lossy(&body).trim(), MAX_ERROR_BYTES / 2);
    Err(StreamableHttpError::Client(WebError::Status(status, words)))
}

fn kind(response: &Response) -> String {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

/// A whole body of at most so many bytes.
async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broke)? {
        if body.len() + chunk.len() > most {
            return Err(StreamableHttpError::Client(WebError::TooLong(most)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The events of a stream, each of at most so many bytes.
fn events(response: Response, most: usize) -> BoxStream<'static, Result<Sse, SseError>> {
    let size = Size::new(most);
    let chunks = stream::try_unfold((response, size), |(mut response, mut size)| async move {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| WebError::Broke(cause(error)))?;
        let Some(chunk) = chunk else { return Ok(None) };
        size.take(&chunk)?;
        Ok::<_, WebError>(Some((chunk, (response, size))))
    });
    SseStream::from_bytes_stream(chunks.boxed()).boxed()
}

/// Counts the bytes of an event, which an empty line ends.
struct Size {
    most: usize,
    event: usize,
    /// Nothing stands in this line yet.
    fresh: bool,
}

impl Size {
    fn new(most: usize) -> Self {
        Self {
            most,
            event: 0,
            fresh: true,
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), WebError> {
        for byte in chunk {
            self.event += 1;
            match byte {
                b'\n' if self.fresh => self.event = 0,
                b'\n' => self.fresh = true,
                b'\r' => {}
                _ => self.fresh = false,
            }
            if self.event > self.most {
                return Err(WebError::TooLong(self.most));
            }
        }
        Ok(())
    }
}

impl StreamableHttpClient for Web {
    type Error = WebError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Trouble> {
        let most = MAX_MCP_LINE_BYTES;
        self.post_message_with_max_sse_event_size(
            uri,
            message,
            session_id,
            auth_header,
            headers,
            most,
        )
        .await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        most: usize,
    ) -> Result<StreamableHttpPostResponse, Trouble> {
        let asks = matches!(message, ClientJsonRpcMessage::Request(_));
        let request = self
            .request(Method::POST, &uri, session_id.as_deref(), headers)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, JSON)
            .body(serde_json::to_vec(&message)?);
        self.post(request, asks, session_id.is_some(), most).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Trouble> {
        let request = self.request(Method::DELETE, &uri, Some(&session_id), headers);
        // Whether it knows how to forget is its own business.
        request.send().await.map(drop).map_err(broke)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Trouble> {
        let most = MAX_MCP_LINE_BYTES;
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            headers,
            most,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        most: usize,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Trouble> {
        let mut request = self
            .request(Method::GET, &uri, session_id.as_deref(), headers)
            .header(ACCEPT, EVENTS);
        if let Some(last) = last_event_id {
            request = request.header(LAST_EVENT, last);
        }
        let response = request.send().await.map_err(broke)?;
        let (status, kind) = (response.status(), kind(&response));
        if status.is_success() && kind.starts_with(EVENTS) {
            return Ok(events(response, most));
        }
        // Most that have nothing to say by themselves answer 405, some 404 or whatever they have.
        if status.is_success() || status.is_client_error() {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        Err(StreamableHttpError::Client(WebError::Status(
            status,
            String::new(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_limit_however_it_is_cut_up() {
        let take = |most: usize, text: &str, step: usize| {
            let mut size = Size::new(most);
            text.as_bytes()
                .chunks(step)
                .try_for_each(|chunk| size.take(chunk))
        };
        for step in [1, 3, 100] {
            for event in ["data: 12345\n\n", "data: 12345\r\n\r\n"] {
                let many = event.repeat(50);
                assert!(take(event.len(), &many, step).is_ok(), "{event:?}");
                assert!(take(event.len() - 3, &many, step).is_err(), "{event:?}");
            }
            let lines = "data: 1\n".repeat(50);
            assert!(take(100, &lines, step).is_err(), "lines are one event");
        }
    }
}
