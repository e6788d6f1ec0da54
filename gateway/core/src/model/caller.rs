//! One request to a provider, and its stream to the end: what all wire formats share.

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::fault::{self, Fault, Told};
use super::frames::{Frames, Framing};
use super::gather::Gather;
use super::http::{Access, Http, cause};
use super::{ErrorKind, Key, ModelError, Reply, Sink, pictures};
use crate::limits::{MAX_ERROR_BODY_BYTES, MAX_REPLY_BYTES, PROVIDER_DRAIN_TIMEOUT};

/// What one wire format makes of the pieces of JSON in its stream.
pub(super) trait Wire: Send {
    const FRAMING: Framing;

    /// Takes the next piece.
    fn take(&mut self, data: &[u8], gather: &mut Gather<'_>) -> Result<(), Fault>;

    /// Whether anything came that is this API's.
    fn began(&self) -> bool;

    /// Whether the answer is whole, though the stream may still tell what it cost.
    fn is_whole(&self) -> bool;

    /// Whether nothing more follows.
    fn is_done(&self) -> bool;
}

pub(super) struct Post<'a> {
    pub(super) path: &'a str,
    pub(super) headers: HeaderMap,
    /// JSON.
    pub(super) body: String,
    /// The model that is asked.
    pub(super) model: &'a str,
    /// Whether it is shown pictures, which may be what it does not take.
    pub(super) shows: bool,
}

/// One provider's way out.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    http: Http,
    pub(super) name: String,
    pub(super) key: Option<Key>,
    base: String,
}

impl Caller {
    /// `tail` is what a base URL may end with though the paths begin with it.
    pub(super) fn new(access: Access, base: &str, tail: &str, http: &Http) -> Self {
        let base = access.base_url.unwrap_or_else(|| base.to_owned());
        let base = base.trim().trim_end_matches('/');
        let base = if tail.is_empty() {
            base
        } else {
            base.strip_suffix(tail).unwrap_or(base)
        };
        Self {
            http: http.clone(),
            name: access.name,
            key: access.key.filter(|key| !key.is_empty()),
            base: base.to_owned(),
        }
    }

    /// The name of one of its settings.
    fn setting(&self, key: &str) -> String {
        format!("providers.{}.{key}", self.name)
    }

    /// `fault` as its caller is told of it.
    pub(super) fn error(&self, fault: Fault, begun: bool) -> ModelError {
        fault.into_error(&self.name, self.key.as_ref(), begun)
    }

    /// What is told when there is no key where one is needed.
    pub(super) fn no_key(&self) -> Fault {
        let setting = self.setting("api_key");
        Fault::new(ErrorKind::Auth, format!("there is no key: set {setting}"))
    }

    /// A header that holds `prefix` and the key.
    pub(super) fn key_header(&self, prefix: &str) -> Result<HeaderValue, Fault> {
        let key = self.key.as_ref().ok_or_else(|| self.no_key())?;
        let header = HeaderValue::try_from(format!("{prefix}{}", key.expose()));
        let mut header = header.map_err(|_| {
            let setting = self.setting("api_key");
            Fault::new(
                ErrorKind::Auth,
                format!("the key in {setting} has a character that no key has: write it anew"),
            )
        })?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// Posts and reads the stream. Dropping the future ends the request.
    pub(super) async fn ask<W: Wire>(
        &self,
        post: Post<'_>,
        wire: W,
        sink: Sink<'_>,
    ) -> Result<Reply, ModelError> {
        let mut gather = Gather::new(post.model, sink);
        let whole = self.http.patience.whole;
        let shows = post.shows;
        let run = tokio::time::timeout(whole, self.run(post, wire, &mut gather)).await;
        let late = || Err(silent("its answer took longer than", whole));
        match run.unwrap_or_else(|_| late()) {
            Ok(()) => Ok(gather.finish()),
            Err(mut fault) => {
                fault.kind = pictures::kind(fault.kind, shows, &fault.message);
                Err(self.error(fault, gather.begun()))
            }
        }
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        let url = Url::parse(&format!("{}{path}", self.base)).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or_else(|| {
            let setting = self.setting("base_url");
            Fault::new(
                ErrorKind::Invalid,
                format!("{setting} is no http or https URL"),
            )
        })
    }

    async fn run<W: Wire>(
        &self,
        post: Post<'_>,
        mut wire: W,
        gather: &mut Gather<'_>,
    ) -> Result<(), Fault> {
        let patience = self.http.patience;
        let url = self.url(post.path)?;
        let place = place(&url);
        let mut deadline = Instant::now() + patience.first_byte;
        let request = self
            .http
            .client()?
            .post(url)
            .headers(post.headers)
            .header(CONTENT_TYPE, "application/json")
            .body(post.body);
        let slow = || silent("no answer came within", patience.first_byte);
        let sent = timeout_at(deadline, request.send()).await;
        let mut response = sent.map_err(|_| slow())?.map_err(|e| {
            let what = cause(&e);
            Fault::new(
                ErrorKind::Network,
                format!("{place} can't be reached: {what}"),
            )
        })?;
        if !response.status().is_success() {
            return Err(self
                .refused(response, (post.model, post.shows), &place, deadline)
                .await);
        }
        let mut frames = Frames::new(framing::<W>(&response, &place)?);
        // They lie in the buffer that they were read into, which would be held for as long as the stream lasts.
        drop(std::mem::take(response.headers_mut()));
        let mut bytes = 0;
        while !wire.is_done() {
            let chunk = match timeout_at(deadline, response.chunk()).await {
                Err(_) if bytes == 0 => return Err(slow()),
                Err(_) => return Err(silent("nothing more came for", patience.idle)),
                Ok(chunk) => chunk,
            };
            match chunk {
                Ok(Some(chunk)) => {
                    bytes += chunk.len();
                    if bytes > MAX_REPLY_BYTES {
                        return Err(Fault::protocol(format!(
                            "its answer is longer than {MAX_REPLY_BYTES} bytes"
                        )));
                    }
                    frames.push(&chunk, &mut |data| wire.take(data, gather))?;
                    deadline = Instant::now() + patience.idle;
                }
                ended => {
                    let broke = ended.err().map(|e| cause(&e));
                    return end(frames, &mut wire, gather, bytes, broke);
                }
            }
        }
        // The rest is only the end of the stream. Read, it leaves the connection for the next request.
        tokio::spawn(tokio::time::timeout(PROVIDER_DRAIN_TIMEOUT, async move {
            while let Ok(Some(_)) = response.chunk().await {}
        }));
        Ok(())
    }

    /// What an answer of another status than success says.
    async fn refused(
        &self,
        mut response: Response,
        (model, shows): (&str, bool),
        place: &str,
        deadline: Instant,
    ) -> Fault {
        let status = response.status().as_u16();
        let retry_after = fault::retry_after(response.headers(), SystemTime::now());
        let mut body = Vec::new();
        // What can be had of the body is enough.
        while body.len() < MAX_ERROR_BODY_BYTES
            && let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(MAX_ERROR_BODY_BYTES);
        let json = serde_json::from_slice::<Value>(&body).ok();
        let told = json.as_ref().and_then(Told::read);
        let kind = fault::kind(Some(status), told.as_ref().unwrap_or(&Told::default()));
        let seen = told.as_ref().map_or("", |told| &told.message);
        let kind = pictures::kind(kind, shows, seen);
        let message = if status == 404 && told.is_none() {
            let setting = self.setting("base_url");
            let message = format!("there is no such API at {place} (404): check {setting}");
            return Fault {
                status: Some(status),
                ..Fault::new(ErrorKind::Invalid, message)
            };
        } else {
            let words = told.map_or_else(|| page(&body), |told| told.message);
            self.describe(kind, Some(status), model, &words)
        };
        Fault {
            kind,
            status: Some(status),
            retry_after,
            message,
        }
    }

    /// A failure in words that tell what to do.
    fn describe(&self, kind: ErrorKind, status: Option<u16>, model: &str, words: &str) -> String {
        let head = match kind {
            ErrorKind::Auth if self.key.is_none() => {
                format!("it wants a key, and {} is not set", self.setting("api_key"))
            }
            ErrorKind::Auth => {
                format!("the key in {} was not taken", self.setting("api_key"))
            }
            ErrorKind::Billing => "no credit is left".to_owned(),
            ErrorKind::RateLimit => "too many requests".to_owned(),
            ErrorKind::Overloaded => "it has too much to do or fails".to_owned(),
            ErrorKind::ContextLength => format!("the conversation is too long for {model}"),
            ErrorKind::UnknownModel => format!("it has no model {model}"),
            ErrorKind::Picture => pictures::not_taken(model),
            ErrorKind::Invalid => "it did not take the request".to_owned(),
            ErrorKind::Timeout => "it gave up waiting".to_owned(),
            ErrorKind::Network | ErrorKind::Protocol => {
                "it answered in no way it should".to_owned()
            }
        };
        let status = status.map_or_else(String::new, |status| format!(" ({status})"));
        if words.is_empty() {
            format!("{head}{status}")
        } else {
            format!("{head}{status}: {words}")
        }
    }
}

/// How the answer is framed: some send one JSON document though a stream was asked for.
fn framing<W: Wire>(response: &Response, place: &str) -> Result<Framing, Fault> {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") {
        return Err(Fault::protocol(format!(
            "{place} answered with a web page: it is no such API"
        )));
    }
    match W::FRAMING {
        Framing::Events if kind.starts_with("application/json") => Ok(Framing::Whole),
        framing => Ok(framing),
    }
}

/// The stream ended: fine if the answer is whole.
fn end<W: Wire>(
    mut frames: Frames,
    wire: &mut W,
    gather: &mut Gather<'_>,
    bytes: usize,
    broke: Option<String>,
) -> Result<(), Fault> {
    let rest = frames.end(&mut |data| wire.take(data, gather));
    if wire.is_whole() {
        return Ok(());
    }
    match rest {
        // Half a piece is no JSON: that the stream was cut says it better, once it was one.
        Err(fault) if fault.kind != ErrorKind::Protocol || !wire.began() => Err(fault),
        _ if bytes > 0 && !wire.began() && broke.is_none() => {
            Err(Fault::protocol("what it answered is no answer of its API"))
        }
        _ => {
            let why = broke.map_or_else(String::new, |broke| format!(": {broke}"));
            Err(Fault::new(
                ErrorKind::Network,
                format!("the connection ended before the answer did{why}"),
            ))
        }
    }
}

fn silent(what: &str, how_long: Duration) -> Fault {
    let seconds = how_long.as_secs_f64();
    Fault::new(ErrorKind::Timeout, format!("{what} {seconds} s"))
}

/// Host and path of a URL: it may hold a name and a key.
fn place(url: &Url) -> String {
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path())
}

/// An error's body that is no JSON. It is made short when the key was taken out.
fn page(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return "a web page came instead of a reason".to_owned();
    }
    text.to_owned()
}

/// An error that came inside a stream.
pub(super) fn told_in_stream(raw: &serde_json::value::RawValue) -> Fault {
    let text = raw.get();
    let small = text.len() <= MAX_ERROR_BODY_BYTES;
    let value = small.then(|| serde_json::from_str::<Value>(text).ok());
    let told = value.flatten().as_ref().and_then(Told::read);
    let told = told.unwrap_or_default();
    let kind = fault::kind(None, &told);
    let words = if told.message.is_empty() {
        "it failed and did not say why".to_owned()
    } else {
        told.message
    };
    Fault::new(kind, words)
}

/// A header's name and value that are known to be right.
pub(super) fn header(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) {
    headers.insert(HeaderName::from_static(name), value);
}
