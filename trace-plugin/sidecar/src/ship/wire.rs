//! One connection to the edge, and what its answers mean for the spool.

use std::io::Write as _;
use std::time::Duration;

use aap::card::SignedCard;
use aap::wire::{CardAnswer, SubmitAnswer};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::ShipError;

/// Most bytes of an answer that are read: 500 results with their reasons fit.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Bodies below this are not worth compressing.
const MIN_GZIP_BYTES: usize = 1024;
/// Requests that are left when we begin to wait for the limit's window to move on.
const FEW_LEFT: u64 = 2;

/// An edge.
#[derive(Debug)]
pub(super) struct Edge {
    client: Client,
    base: Url,
}

/// A batch that was answered trace by trace.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) answer: SubmitAnswer,
    /// How long to wait before the next one, if the edge's limit is nearly used up.
    pub(super) pause: Option<Duration>,
}

/// A request that did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// Not reached, overloaded, or told to slow down: the same again, later.
    Later {
        /// What the edge asks for.
        after: Option<Duration>,
        /// For the log.
        what: String,
    },
    /// The body is at fault: a part of it may pass.
    TooMuch {
        /// The status.
        status: u16,
        /// The edge's words.
        detail: String,
    },
    /// We are not welcome: nothing that we send will pass until somebody looks.
    Refused {
        /// The status.
        status: u16,
        /// The edge's words.
        detail: String,
    },
}

impl Edge {
    pub(super) fn new(base: &str, timeout: Duration) -> Result<Self, ShipError> {
        let wrong = |why: String| ShipError::Url {
            url: base.to_owned(),
            why,
        };
        let url = Url::parse(base).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong(
                "it must start with http:// or https:// and name a host".to_owned(),
            ));
        }
        let client = Client::builder()
            .timeout(timeout)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { client, base: url })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    pub(super) async fn put_card(
        &self,
        path: &str,
        card: &SignedCard,
    ) -> Result<CardAnswer, Failure> {
        let body = serde_json::to_vec(card).map_err(|error| later(error.to_string()))?;
        let request = self
            .client
            .put(self.url(path))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let answer = request
            .send()
            .await
            .map_err(|error| later(error.without_url().to_string()))?;
        match answer.status() {
            status if status.is_success() => json(answer).await,
            _ => Err(failure(answer).await),
        }
    }

    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Sent, Failure> {
        let mut request = self
            .client
            .post(self.url(path))
            .header(CONTENT_TYPE, "application/json");
        if body.len() >= MIN_GZIP_BYTES {
            let packed = gzip(&body).map_err(|error| later(error.to_string()))?;
            request = request.header(CONTENT_ENCODING, "gzip").body(packed);
        } else {
            request = request.body(body);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| later(error.without_url().to_string()))?;
        let pause = nearly_used_up(answer.headers());
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => Ok(Sent {
                answer: json(answer).await?,
                pause,
            }),
            StatusCode::UNPROCESSABLE_ENTITY => {
                // Either an answer for each trace, or a problem with the whole.
                let text = limited(answer).await?;
                match serde_json::from_slice(&text) {
                    Ok(answer) => Ok(Sent { answer, pause }),
                    Err(_) => Err(Failure::TooMuch {
                        status: 422,
                        detail: excerpt(&text),
                    }),
                }
            }
            _ => Err(failure(answer).await),
        }
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn later(what: String) -> Failure {
    Failure::Later { after: None, what }
}

async fn failure(answer: Response) -> Failure {
    let status = answer.status();
    let after = retry_after(answer.headers());
    let detail = match limited(answer).await {
        Ok(text) => excerpt(&text),
        Err(_) => String::new(),
    };
    match status.as_u16() {
        400 | 413 | 422 => Failure::TooMuch {
            status: status.as_u16(),
            detail,
        },
        401 | 403 | 404 | 405 | 410 | 415 => Failure::Refused {
            status: status.as_u16(),
            detail,
        },
        code => Failure::Later {
            after,
            what: format!("{code}: {detail}"),
        },
    }
}

async fn limited(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= MAX_ANSWER_BYTES => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(later("the answer is larger than any edge's".to_owned())),
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(later(error.without_url().to_string())),
        }
    }
}

async fn json<T: DeserializeOwned>(answer: Response) -> Result<T, Failure> {
    let text = limited(answer).await?;
    serde_json::from_slice(&text)
        .map_err(|error| later(format!("the answer is not an edge's: {error}")))
}

fn excerpt(text: &[u8]) -> String {
    let detail = serde_json::from_slice::<serde_json::Value>(text)
        .ok()
        .and_then(|problem| problem.get("detail")?.as_str().map(str::to_owned));
    detail.unwrap_or_else(|| String::from_utf8_lossy(text).chars().take(200).collect())
}

/// `Retry-After` in seconds; its other form, a date, is not used by edges and means: as we see fit.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// How long to wait if `RateLimit` says that few requests are left: `"agent";r=2;t=30`.
fn nearly_used_up(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("ratelimit")?.to_str().ok()?;
    let limits = text.split(',').filter_map(|limit| {
        let number = |key: &str| {
            limit.split(';').find_map(|part| {
                part.trim()
                    .strip_prefix(key)?
                    .strip_prefix('=')?
                    .parse::<u64>()
                    .ok()
            })
        };
        Some((number("r")?, number("t")?))
    });
    limits
        .filter(|(left, _)| *left <= FEW_LEFT)
        .map(|(left, seconds)| {
            Duration::from_secs(seconds.min(60)) / u32::try_from(left + 1).unwrap_or(1)
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_limit_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(nearly_used_up(&headers), None);
        headers.insert("ratelimit", "\"agent\";r=99;t=30".parse().unwrap());
        assert_eq!(nearly_used_up(&headers), None);
        headers.insert(
            "ratelimit",
            "\"ip\";r=900;t=1, \"agent\";r=0;t=30".parse().unwrap(),
        );
        assert_eq!(nearly_used_up(&headers), Some(Duration::from_secs(30)));
        headers.insert("ratelimit", "nonsense".parse().unwrap());
        assert_eq!(nearly_used_up(&headers), None);
    }

    #[test]
    fn only_http_urls_are_edges() {
        for url in ["", "edge", "ftp://edge", "http://", "file:///etc/passwd"] {
            assert!(Edge::new(url, Duration::from_secs(1)).is_err(), "{url}");
        }
        let edge = Edge::new("https://edge.example/base/", Duration::from_secs(1)).unwrap();
        assert_eq!(
            edge.url("/v1/traces").as_str(),
            "https://edge.example/base/v1/traces"
        );
    }
}
