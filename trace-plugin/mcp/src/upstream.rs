//! The server's side: a process's standard input, or an address that speaks Streamable HTTP.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

use crate::frame::Frame;
use crate::message::{Object, answered};
use crate::relay::no_answer;
use crate::{MAX_FRAME_BYTES, ProxyError};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long the server may take to let go of a session when the client has gone.
const LETS_GO_WITHIN: Duration = Duration::from_secs(2);
pub(crate) const SESSION: &str = "mcp-session-id";
pub(crate) const VERSION: &str = "mcp-protocol-version";

/// Where the client's frames go.
pub(crate) enum Upstream {
    /// None once it is closed.
    Pipe(Option<ChildStdin>),
    Http(Http),
}

impl Upstream {
    pub(crate) async fn send(&mut self, frame: Vec<u8>) -> io::Result<()> {
        match self {
            Self::Pipe(Some(pipe)) => {
                pipe.write_all(&frame).await?;
                pipe.flush().await
            }
            Self::Pipe(None) => Err(io::ErrorKind::BrokenPipe.into()),
            Self::Http(http) => {
                http.send(frame).await;
                Ok(())
            }
        }
    }

    /// The client says no more.
    pub(crate) async fn close(&mut self) {
        match self {
            Self::Pipe(pipe) => drop(pipe.take()),
            Self::Http(http) => http.close().await,
        }
    }
}

/// What a session is told apart by, as the server has said it.
#[derive(Debug, Default, Clone)]
struct Session {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
}

/// A server at an address.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    url: Url,
    session: Arc<RwLock<Session>>,
    /// None once it is closed.
    heard: Option<mpsc::Sender<Frame>>,
}

impl Http {
    pub(crate) fn new(
        url: &str,
        headers: &[(String, String)],
        heard: mpsc::Sender<Frame>,
    ) -> Result<Self, ProxyError> {
        let wrong = |what: &dyn std::fmt::Display| ProxyError::Http(what.to_string());
        let url =
            Url::parse(url).map_err(|error| wrong(&format!("`{url}` is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&format!("`{url}` is neither http nor https")));
        }
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(name)
                .map_err(|_| wrong(&format!("`{name}` is no header's name")))?;
            // Its value may be a secret.
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| wrong(&format!("the value of {name} is none")))?;
            value.set_sensitive(true);
            all.insert(name, value);
        }
        let client = Client::builder()
            .default_headers(all)
            .connect_timeout(CONNECT_WITHIN)
            .build()
            .map_err(|error| wrong(&error))?;
        Ok(Self {
            client,
            url,
            session: Arc::default(),
            heard: Some(heard),
        })
    }

    /// The server's name until it says its own.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or("server")
    }

    fn request(&self, method: Method) -> RequestBuilder {
        let mut request = self.client.request(method, self.url.clone());
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = &session.id {
            request = request.header(SESSION, id);
        }
        if let Some(version) = &session.version {
            request = request.header(VERSION, version);
        }
        request
    }

    /// Sends a frame; what is answered comes as frames. The first one makes the session, so it is waited for.
    async fn send(&mut self, frame: Vec<u8>) {
        let Some(heard) = self.heard.clone() else {
            return;
        };
        let greets = is_hello(&frame);
        let this = self.clone();
        let sent = tokio::spawn(async move {
            let request = this
                .request(Method::POST)
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "application/json, text/event-stream")
                .body(frame.trim_ascii_end().to_vec());
            if let Err(why) = this.answers(request, &heard, greets).await
                && let Some(error) = no_answer(&frame, &why)
            {
                // The client may have gone.
                let _ = heard.send(Frame::Line(error)).await;
            }
            if greets {
                this.listen(heard);
            }
        });
        if greets {
            let _ = sent.await;
        }
    }

    /// Hands on what a request is answered with.
    async fn answers(
        &self,
        request: RequestBuilder,
        heard: &mpsc::Sender<Frame>,
        greets: bool,
    ) -> Result<(), String> {
        let response = request
            .send()
            .await
            .map_err(|error| format!("the server cannot be reached: {}", causes(&error)))?;
        let status = response.status();
        if status == StatusCode::ACCEPTED || status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let kind = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if !status.is_success() && !kind.starts_with("application/json") {
            return Err(format!("the server answered {status}"));
        }
        if greets && let Some(id) = response.headers().get(SESSION) {
            self.session
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .id = Some(id.clone());
        }
        if kind.starts_with("text/event-stream") {
            return self.events(response, heard, greets).await;
        }
        let mut body = bounded(response).await?;
        if serde_json::from_slice::<&serde_json::value::RawValue>(&body).is_err()
            || no_message(&body)
        {
            return Err(format!(
                "the server answered {status} and no JSON-RPC message"
            ));
        }
        // A frame is a line.
        body.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        self.hand_on(body, heard, greets).await;
        Ok(())
    }

    async fn hand_on(&self, mut message: Vec<u8>, heard: &mpsc::Sender<Frame>, greets: bool) {
        if greets && let Some(version) = version(&message) {
            self.session
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .version = Some(version);
        }
        message.push(b'\n');
        let _ = heard.send(Frame::Line(message)).await;
    }

    /// Server-Sent Events: each one's data is a message.
    async fn events(
        &self,
        mut response: Response,
        heard: &mpsc::Sender<Frame>,
        greets: bool,
    ) -> Result<(), String> {
        let mut events = Events::default();
        while let Some(bytes) = response.chunk().await.map_err(|error| broke_off(&error))? {
            for message in events.take(&bytes)? {
                self.hand_on(message, heard, greets).await;
            }
        }
        Ok(())
    }

    /// Listens for what the server says by itself. Many servers do not offer that, and say 405.
    fn listen(&self, heard: mpsc::Sender<Frame>) {
        let this = self.clone();
        tokio::spawn(async move {
            let request = this
                .request(Method::GET)
                .header(ACCEPT, "text/event-stream");
            match request.send().await {
                Ok(response) if response.status().is_success() => {
                    if let Err(why) = this.events(response, &heard, false).await {
                        tracing::warn!("{why}");
                    }
                }
                Ok(response) => {
                    tracing::debug!(status = %response.status(), "the server says nothing by itself");
                }
                Err(error) => tracing::warn!(
                    "the server's own messages cannot be listened for: {}",
                    causes(&error)
                ),
            }
        });
    }

    async fn close(&mut self) {
        self.heard = None;
        let known = self
            .session
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .id
            .is_some();
        if known {
            let gone = self
                .request(Method::DELETE)
                .timeout(LETS_GO_WITHIN)
                .send()
                .await;
            if let Err(error) = gone {
                tracing::debug!("the session could not be ended: {}", causes(&error));
            }
        }
    }
}

fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|error| broke_off(&error))? {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_FRAME_BYTES {
            return Err(format!(
                "the server's answer is longer than {MAX_FRAME_BYTES} bytes"
            ));
        }
    }
    Ok(body)
}

fn broke_off(error: &reqwest::Error) -> String {
    format!("the server's answer broke off: {}", causes(error))
}

fn is_hello(frame: &[u8]) -> bool {
    let text = std::str::from_utf8(frame).unwrap_or_default();
    Object::read(text.trim())
        .is_some_and(|object| object.text("method") == Ok(Some("initialize".to_owned())))
}

/// An error body of a proxy on the way is JSON and no message.
fn no_message(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    !text.starts_with('[')
        && Object::read(text).is_none_or(|object| !matches!(object.get("jsonrpc"), Ok(Some(_))))
}

/// The protocol's version that the server has agreed to.
pub(crate) fn version(message: &[u8]) -> Option<HeaderValue> {
    let object = Object::read(std::str::from_utf8(message).ok()?.trim())?;
    let result = Object::read(answered(&object)?.result?.get())?;
    HeaderValue::try_from(result.text("protocolVersion").ok()??).ok()
}

/// Reads Server-Sent Events as the HTML standard says; all but `data` is none of ours.
#[derive(Debug, Default)]
struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    after_cr: bool,
}

impl Events {
    /// Takes what has come; the messages that are whole by now.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut whole = Vec::new();
        for byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => self.end_line(&mut whole),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > MAX_FRAME_BYTES {
                return Err(format!(
                    "a message of the server is longer than {MAX_FRAME_BYTES} bytes"
                ));
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self, whole: &mut Vec<Vec<u8>>) {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            if !data.is_empty() {
                whole.push(data);
            }
        } else if let Some(data) = line.strip_prefix(b"data:") {
            // Lines of one message are joined by what JSON takes for a blank.
            if !self.data.is_empty() {
                self.data.push(b' ');
            }
            self.data.extend(data.strip_prefix(b" ").unwrap_or(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"\xef\xbb\xbf: hi\r\nevent: message\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:{}\n\nretry: 5\n\ndata: []\r\r";

    proptest! {
        #[test]
        fn events_are_the_same_however_they_come(cuts in prop::collection::vec(0..TEXT.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut events = Events::default();
            let mut messages = Vec::new();
            let mut at = 0;
            for cut in cuts.into_iter().chain([TEXT.len()]) {
                messages.extend(events.take(&TEXT[at..cut]).unwrap());
                at = cut;
            }
            let expected: [&[u8]; 3] = [b"{\"a\": 1}", b"{}", b"[]"];
            prop_assert_eq!(messages, expected);
        }
    }
}
