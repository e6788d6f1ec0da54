//! One connection to a receiver, and what its answers mean, by the rules of OTLP over HTTP.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use otlp::{Answer, PROTOBUF, Request, TRACES_PATH};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Client, Response, Url};

/// Bodies below this are not worth compressing.
const MIN_GZIP_BYTES: usize = 1024;
/// Most bytes of an answer that are read; OTLP's answers are a number and a sentence.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Characters of a receiver's words that are passed on.
const MAX_SAID_CHARS: usize = 300;

/// What is wrong with a receiver's address or its headers. Headers' values are secrets and in no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// The URL is none.
    #[error("{url} is not the URL of an OTLP receiver: {why}")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header is none.
    #[error("header {0}: write NAME=VALUE, several with commas between them")]
    Header(String),
}

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    url: Url,
    headers: HeaderMap,
}

impl Endpoint {
    /// The receiver at `base`, below which `/v1/traces` is, unless it ends so already.
    ///
    /// # Errors
    /// [`OtlpError`].
    pub fn new(base: &str, headers: &[(String, String)]) -> Result<Self, OtlpError> {
        let wrong = |why: &str| OtlpError::Url {
            // A password in it would be told with it.
            url: base.rsplit('@').next().unwrap_or(base).to_owned(),
            why: why.to_owned(),
        };
        let mut url = Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("begin it with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user name or password; send a header"));
        }
        if !url.path().ends_with(TRACES_PATH) {
            let path = format!("{}{TRACES_PATH}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let wrong = || OtlpError::Header(name.clone());
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            map.insert(name, value);
        }
        Ok(Self { url, headers: map })
    }

    /// Where spans are posted.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }
}

/// Reads `OTEL_EXPORTER_OTLP_HEADERS`: names and percent-encoded values, with commas between them.
///
/// # Errors
/// [`OtlpError::Header`].
pub fn parse_headers(text: &str) -> Result<Vec<(String, String)>, OtlpError> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        // Without a name nothing of it can be told: it may be the value.
        let wrong = || OtlpError::Header("without a name".to_owned());
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name = name.trim();
        if HeaderName::try_from(name).is_err() {
            return Err(wrong());
        }
        let value = unescaped(value.trim()).ok_or_else(|| OtlpError::Header(name.to_owned()))?;
        Ok((name.to_owned(), value))
    };
    pairs.map(read).collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a receiver took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// Spans that it did not take, by its own word.
    pub rejected: u64,
    /// What it says.
    pub message: String,
}

/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not reached, overloaded, or told to slow down: the same again, later.
    #[error("{what}")]
    Later {
        /// What the receiver asks for.
        after: Option<Duration>,
        /// In words.
        what: String,
    },
    /// These spans are at fault, or too many at once: a part of them may pass.
    #[error("{0}")]
    TooMuch(String),
    /// We are not welcome: nothing that we send will pass until somebody looks.
    #[error("{0}")]
    Refused(String),
}

/// A connection to a receiver.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    endpoint: Endpoint,
}

impl Sender {
    /// To `endpoint`, whose requests may take `timeout` each.
    ///
    /// # Errors
    /// [`OtlpError`].
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Result<Self, OtlpError> {
        let client = Client::builder()
            .timeout(timeout)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| OtlpError::Url {
                url: endpoint.url().to_owned(),
                why: error.to_string(),
            })?;
        Ok(Self { client, endpoint })
    }

    /// Where spans go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends spans, once.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, request: &Request) -> Result<Taken, Failure> {
        let body = request.to_bytes();
        let mut post = self
            .client
            .post(self.endpoint.url.clone())
            .headers(self.endpoint.headers.clone())
            .header(CONTENT_TYPE, PROTOBUF);
        post = match gzip(&body) {
            Some(packed) if body.len() >= MIN_GZIP_BYTES => {
                post.header(CONTENT_ENCODING, "gzip").body(packed)
            }
            _ => post.body(body),
        };
        let answer = post
            .send()
            .await
            .map_err(|error| later(&error.without_url()))?;
        let (status, after) = (answer.status(), retry_after(answer.headers()));
        let bytes = limited(answer).await?;
        if status.is_success() {
            // A receiver that answers nothing readable has taken them all the same: the status says so.
            let told = Answer::of_protobuf(&bytes).unwrap_or_default();
            return Ok(Taken {
                rejected: told.rejected,
                message: told.message,
            });
        }
        let said = format!("it answers {status}: {}", said(&bytes));
        Err(match status.as_u16() {
            400 | 413 | 422 => Failure::TooMuch(said),
            // What OTLP says may be repeated, and what proxies answer while a receiver starts.
            408 | 429 | 500 | 502 | 503 | 504 => Failure::Later { after, what: said },
            _ => Failure::Refused(said),
        })
    }
}

fn later(error: &reqwest::Error) -> Failure {
    // Its own words end where the reason begins.
    let mut what = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        what = format!("{what}: {deeper}");
        source = deeper.source();
    }
    Failure::Later { after: None, what }
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

async fn limited(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer
        .chunk()
        .await
        .map_err(|error| later(&error.without_url()))?
    {
        if bytes.len() + piece.len() > MAX_ANSWER_BYTES {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A receiver's words: a problem's detail, the message of a protobuf `Status` as far as it is text, or the text itself.
fn said(bytes: &[u8]) -> String {
    let told = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let told = told.and_then(|told| {
        let mut keys = ["detail", "message", "error"].iter();
        let said = keys.find_map(|key| told.get(key)?.as_str());
        said.map(str::to_owned)
    });
    let text = told.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    let printable = text.chars().filter(|c| !c.is_control() && *c != '\u{fffd}');
    printable.take(MAX_SAID_CHARS).collect()
}

/// `Retry-After` in seconds. Its other form, a date, means: as we see fit.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(text.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traces_path_is_added_once() {
        for (base, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://a.example/otlp/",
                "https://a.example/otlp/v1/traces",
            ),
            ("https://a.example/v1/traces", "https://a.example/v1/traces"),
        ] {
            assert_eq!(Endpoint::new(base, &[]).unwrap().url(), url);
        }
        for base in [
            "",
            "a.example",
            "ftp://a.example",
            "http://u:hunter2@a.example",
        ] {
            let error = Endpoint::new(base, &[]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn headers_are_read_and_never_told() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let read = parse_headers("api-key=s3cret, Authorization=Bearer%20a%3Db ,").unwrap();
        assert_eq!(
            read,
            [
                pair("api-key", "s3cret"),
                pair("Authorization", "Bearer a=b")
            ]
        );
        assert_eq!(parse_headers("").unwrap(), []);
        for wrong in [
            "s3cret",
            "a b=s3cret",
            "name=s3cret%2",
            "name=s3cret%zz",
            "=s3cret",
        ] {
            let error = parse_headers(wrong).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
        let wrong = Endpoint::new("http://a.example", &[pair("x", "s3cret\n")]).unwrap_err();
        assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
        let endpoint = Endpoint::new("http://a.example", &[pair("x", "s3cret")]).unwrap();
        assert!(!format!("{endpoint:?}").contains("s3cret"));
    }
}
