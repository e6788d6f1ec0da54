//! One connection to the edge, and what its answers mean for the spool.

use std::io::Write as _;
use std::time::Duration;

use aap::card::SignedCard;
use aap::wire::{CardAnswer, SubmitAnswer};
use aap::{TraceId, paths};
use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::ShipError;
use super::backoff::LONGEST_ASKED;
use crate::clock;

/// Most bytes of an answer that are read: 500 results with their reasons fit.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Bodies below this are not worth compressing.
const MIN_GZIP_BYTES: usize = 1024;
/// Characters of what an edge says of its refusal that are kept.
const MAX_EXCERPT_CHARS: usize = 200;
/// Requests that are left when we begin to wait for the limit's window to move on.
const FEW_LEFT: u64 = 2;

/// An edge.
#[derive(Debug)]
pub(super) struct Edge {
    /// Made when there is something to send, for what it takes of memory is wanted elsewhere when there is not.
    client: Option<Client>,
    base: Url,
    timeout: Duration,
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
        /// What it was that went wrong.
        fault: Fault,
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

/// Why the same may pass later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// There was no connection.
    Unreached,
    /// The edge wants fewer requests.
    TooSoon,
    /// The edge failed over it, was too slow, or gave an answer that is none.
    TooMuch,
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
        Ok(Self {
            client: None,
            base: url,
            timeout,
        })
    }

    fn client(&mut self) -> Result<Client, Failure> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = Client::builder()
            // From the connection to the answer's last byte: an edge that trickles is as good as none.
            .timeout(self.timeout)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            // Reading them takes memory, and only TLS asks for them.
            .tls_built_in_root_certs(self.base.scheme() == "https")
            .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| later(error.to_string()))?;
        Ok(self.client.insert(client).clone())
    }

    /// Whether there may be a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// Closes the connection and lets go of what it takes.
    pub(super) fn let_go(&mut self) {
        self.client = None;
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// Whether the edge has a trace of this id.
    pub(super) async fn has(&mut self, id: TraceId) -> Result<bool, Failure> {
        let url = self.url(&format!("{}/{id}", paths::TRACES));
        let answer = self.client()?.get(url).send().await.map_err(unsent)?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(failure(answer).await),
        }
    }

    pub(super) async fn put_card(
        &mut self,
        path: &str,
        card: &SignedCard,
    ) -> Result<(CardAnswer, Option<Duration>), Failure> {
        let body = serde_json::to_vec(card).map_err(|error| later(error.to_string()))?;
        let request = self
            .client()?
            .put(self.url(path))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let answer = request.send().await.map_err(unsent)?;
        let pause = nearly_used_up(answer.headers());
        match answer.status() {
            status if status.is_success() => Ok((json(answer).await?, pause)),
            _ => Err(failure(answer).await),
        }
    }

    pub(super) async fn post(&mut self, path: &str, body: Bytes) -> Result<Sent, Failure> {
        let mut request = self
            .client()?
            .post(self.url(path))
            .header(CONTENT_TYPE, "application/json");
        if body.len() >= MIN_GZIP_BYTES && !is_here(&self.base) {
            let packed = gzip(&body).map_err(|error| later(error.to_string()))?;
            request = request.header(CONTENT_ENCODING, "gzip").body(packed);
        } else {
            request = request.body(body);
        }
        let answer = request.send().await.map_err(unsent)?;
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

/// Whether an edge is on this machine: packing for it costs both sides more than it saves.
fn is_here(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn later(what: String) -> Failure {
    Failure::Later {
        after: None,
        what,
        fault: Fault::TooMuch,
    }
}

fn unsent(error: reqwest::Error) -> Failure {
    let fault = if error.is_connect() {
        Fault::Unreached
    } else {
        Fault::TooMuch
    };
    Failure::Later {
        after: None,
        what: error.without_url().to_string(),
        fault,
    }
}

async fn failure(answer: Response) -> Failure {
    let status = answer.status();
    let after = retry_after(answer.headers());
    let place = answer.headers().get(LOCATION);
    let place = place.and_then(|place| place.to_str().ok()).map(excerpt_of);
    let detail = match limited(answer).await {
        Ok(text) => excerpt(&text),
        Err(_) => String::new(),
    };
    match status.as_u16() {
        400 | 413 | 422 => Failure::TooMuch {
            status: status.as_u16(),
            detail,
        },
        // Another address is for a person to write down: what is signed for one edge is not carried to others.
        300..400 => Failure::Refused {
            status: status.as_u16(),
            detail: match place {
                Some(place) => {
                    format!("it sends us to {place}; set SMOLTBOT_API_URL to where the edge is")
                }
                None => detail,
            },
        },
        401 | 403 | 404 | 405 | 410 | 415 => Failure::Refused {
            status: status.as_u16(),
            detail,
        },
        code => Failure::Later {
            after,
            what: format!("{code}: {detail}"),
            fault: if code == 429 {
                Fault::TooSoon
            } else {
                Fault::TooMuch
            },
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

/// What an edge says, for the log and the quarantine: a little of it, without control characters.
fn excerpt(text: &[u8]) -> String {
    let detail = serde_json::from_slice::<serde_json::Value>(text)
        .ok()
        .and_then(|problem| problem.get("detail")?.as_str().map(excerpt_of));
    detail.unwrap_or_else(|| excerpt_of(&String::from_utf8_lossy(text)))
}

fn excerpt_of(text: &str) -> String {
    let plain = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char });
    plain.take(MAX_EXCERPT_CHARS).collect()
}

/// `Retry-After`: seconds, or a date, which is taken by the clock of the edge itself where it tells its own `Date`. What is
/// neither means: as we see fit. However long it is, no more than [`super::backoff::LONGEST_ASKED`] comes of it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is a lot, and not nothing.
        return Some(Duration::from_secs(asked.parse().unwrap_or(u64::MAX)));
    }
    let date = |text| httpdate::parse_http_date(text).ok();
    let until = date(asked)?;
    let now = text(DATE).and_then(date).unwrap_or_else(clock::system);
    Some(until.duration_since(now).unwrap_or_default())
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
            Duration::from_secs(seconds).min(LONGEST_ASKED) / u32::try_from(left + 1).unwrap_or(1)
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
    fn what_an_edge_asks_for_is_read_in_both_forms() {
        let asked = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            retry_after(&headers)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(asked("0", None), seconds(0));
        assert_eq!(asked(" 120 ", None), seconds(120));
        assert_eq!(asked("1000000000000", None), seconds(1_000_000_000_000));
        assert_eq!(asked(&"9".repeat(40), None), seconds(u64::MAX));
        for garbage in [
            "",
            "-5",
            "+5",
            "1.5",
            "5s",
            "soon",
            "Sat, 99 Nov 2026 20:00:00 GMT",
        ] {
            assert_eq!(asked(garbage, None), None, "{garbage}");
        }
        // By the edge's clock, however wrong ours or theirs is.
        let now = "Sat, 21 Nov 1998 20:00:00 GMT";
        assert_eq!(
            asked("Sat, 21 Nov 1998 20:00:30 GMT", Some(now)),
            seconds(30)
        );
        assert_eq!(
            asked("Saturday, 21-Nov-98 20:00:30 GMT", Some(now)),
            seconds(30)
        );
        assert_eq!(
            asked("Sat, 21 Nov 1998 19:00:00 GMT", Some(now)),
            seconds(0)
        );
        assert_eq!(asked("Sat, 21 Nov 1998 20:00:00 GMT", None), seconds(0));
        let far = asked("Fri, 31 Dec 9999 23:59:59 GMT", Some("nonsense"));
        assert!(far > seconds(1_000_000_000), "{far:?}");
    }

    #[test]
    fn only_what_leaves_the_machine_is_packed() {
        for (url, here) in [
            ("http://127.0.0.1:8787", true),
            ("http://[::1]:8787", true),
            ("http://localhost", true),
            ("https://edge.example", false),
            ("http://192.0.2.1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(is_here(&Url::parse(url).unwrap()), here, "{url}");
        }
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
