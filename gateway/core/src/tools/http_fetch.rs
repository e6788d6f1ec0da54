//! `http_fetch`: what a URL of the public internet answers.
//!
//! **In scope.** One request, its redirects, each with the same check, and a text that a model can read. A host's name is
//! resolved once, by us; every address is checked ([`reach`]), and the connection goes to exactly those addresses, so a name
//! that leads elsewhere a moment later changes nothing.
//!
//! Nothing of ours goes along: no cookies, no credentials, no proxy of the environment. What the agent itself puts into its
//! request was judged before, by `conscience`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aap::{Admitted, ToolCall};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

mod answer;
mod page;
mod reach;

pub use reach::{Allowed, OddAllowance};

use super::{Failure, Output, Running, Tool, Workspace, arguments};
use crate::limits::{
    DEFAULT_FETCH_BYTES, FETCH_TIME, MAX_FETCH_BYTES, MAX_FETCH_HEADERS, MAX_REDIRECTS,
    MAX_RESULT_BYTES,
};
use reach::{Names, Pinned};

/// Methods that a request may have.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Fetches URLs.
pub struct HttpFetch {
    allowed: Vec<Allowed>,
    names: Arc<dyn Names>,
    time: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
    max_bytes: Option<usize>,
}

/// A request, as it goes out now.
struct Asking {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<String>,
}

impl HttpFetch {
    /// Fetches from the public internet, and from what is `allowed` besides.
    pub fn new(allowed: Vec<Allowed>) -> Self {
        Self {
            allowed,
            names: Arc::new(reach::System),
            time: FETCH_TIME,
        }
    }

    async fn fetch(&self, asked: &Arguments) -> Result<Value, Failure> {
        let deadline = Instant::now() + self.time;
        let most = asked.max_bytes.unwrap_or(DEFAULT_FETCH_BYTES);
        if !(1..=MAX_FETCH_BYTES).contains(&most) {
            return Err(Failure::new(format!(
                "`max_bytes` is {most}; it goes from 1 to {MAX_FETCH_BYTES}"
            )));
        }
        let mut asking = Asking::read(asked)?;
        let mut redirects = 0;
        let late = || {
            Failure::new(format!(
                "`{}` did not answer in full within {} s",
                asked.url,
                self.time.as_secs_f32()
            ))
        };
        loop {
            let sending = self.send(&asking, deadline);
            let response = timeout_at(deadline, sending).await.map_err(|_| late())??;
            let Some(next) = asking.redirected(&response)? else {
                let answering = answer::read(&asking, response, most, redirects);
                return timeout_at(deadline, answering).await.map_err(|_| late())?;
            };
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                return Err(Failure::new(format!(
                    "`{}` redirects more than {MAX_REDIRECTS} times; the last time to {}",
                    asked.url, next.url
                )));
            }
            asking = next;
        }
    }

    /// Sends one request to an address that was checked.
    async fn send(&self, asking: &Asking, deadline: Instant) -> Result<Response, Failure> {
        let url = &asking.url;
        let addresses: Vec<SocketAddr> =
            reach::addresses(url, &self.allowed, self.names.as_ref()).await?;
        let trouble = |error: reqwest::Error| {
            Failure::new(format!("`{url}` cannot be fetched: {}", causes(&error)))
        };
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(Pinned(addresses)))
            .connect_timeout(deadline.saturating_duration_since(Instant::now()))
            .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(trouble)?;
        let mut request = client
            .request(asking.method.clone(), url.clone())
            .headers(asking.headers.clone());
        if let Some(body) = &asking.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(trouble)
    }
}

impl Asking {
    fn read(asked: &Arguments) -> Result<Self, Failure> {
        let url = Url::parse(&asked.url)
            .map_err(|error| Failure::new(format!("`{}` is not a URL: {error}", asked.url)))?;
        let method = asked.method.as_deref().unwrap_or("GET").to_uppercase();
        if !METHODS.contains(&method.as_str()) {
            return Err(Failure::new(format!(
                "`method` is `{method}`; there are {}",
                METHODS.join(", ")
            )));
        }
        if asked.headers.len() > MAX_FETCH_HEADERS {
            return Err(Failure::new(format!(
                "`headers` has {} members; at most {MAX_FETCH_HEADERS} are sent",
                asked.headers.len()
            )));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &asked.headers {
            let odd = || {
                Failure::new(format!(
                    "the header `{name}` cannot be sent: a name of letters, digits and dashes, and a value in one line of text"
                ))
            };
            let name = HeaderName::try_from(name.as_str()).map_err(|_| odd())?;
            // They say where the request goes and where it ends, which is not the agent's to say.
            if [
                header::HOST,
                header::CONTENT_LENGTH,
                header::TRANSFER_ENCODING,
                header::CONNECTION,
            ]
            .contains(&name)
            {
                return Err(Failure::new(format!(
                    "the header `{name}` is set by the request itself"
                )));
            }
            let value = value.as_str().ok_or_else(odd)?;
            headers.insert(name, HeaderValue::try_from(value).map_err(|_| odd())?);
        }
        // reqwest decodes nothing here, so nothing may come packed; what does is not read.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        Ok(Self {
            url,
            method: Method::try_from(method.as_str())
                .map_err(|_| Failure::new(format!("`method` is `{method}`")))?,
            headers,
            body: asked.body.clone(),
        })
    }

    /// The request that a redirect leads to; none if it is none.
    fn redirected(&self, response: &Response) -> Result<Option<Self>, Failure> {
        let status = response.status();
        let Some(location) = response.headers().get(header::LOCATION) else {
            return Ok(None);
        };
        let keeps = match status {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method != Method::POST,
            StatusCode::SEE_OTHER => self.method == Method::HEAD,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            _ => return Ok(None),
        };
        let location = answer::told(location);
        let url = self.url.join(&location).map_err(|error| {
            Failure::new(format!(
                "`{}` redirects to `{location}`, which is not a URL: {error}",
                self.url
            ))
        })?;
        let mut next = Self {
            url,
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        };
        if !keeps {
            next.method = Method::GET;
            next.body = None;
            next.headers.remove(header::CONTENT_TYPE);
        }
        if next.url.origin() != self.url.origin() {
            // Meant for whom it was sent to. Keys have many names, so all but harmless headers stay behind.
            let harmless = [
                header::ACCEPT,
                header::ACCEPT_LANGUAGE,
                header::ACCEPT_ENCODING,
            ];
            next.headers = harmless
                .into_iter()
                .filter_map(|name| Some((name.clone(), self.headers.get(&name)?.clone())))
                .collect();
            if keeps && next.body.is_some() {
                return Err(Failure::new(format!(
                    "`{}` redirects the body of the request to another site, `{}`; ask there if that is meant",
                    self.url, next.url
                )));
            }
        }
        Ok(Some(next))
    }
}

/// An error with what caused it, which reqwest leaves to its reader.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    let mut last = None;
    while let Some(error) = next {
        last = Some(error.to_string());
        next = error.source();
    }
    text.push_str(last.as_deref().unwrap_or("no reason is known"));
    text
}

impl Tool for HttpFetch {
    fn name(&self) -> &'static str {
        "http_fetch"
    }

    fn description(&self) -> &'static str {
        "Sends one HTTP request to the public internet and answers with status and text; HTML is reduced to what a person \
         would read. What is no text is not read."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "url": {"type": "string", "description": "http:// or https://"},
                "method": {"type": "string", "enum": METHODS, "default": "GET"},
                "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                "body": {"type": "string"},
                "max_bytes": {
                    "type": "integer", "minimum": 1, "maximum": MAX_FETCH_BYTES, "default": DEFAULT_FETCH_BYTES,
                    "description": format!("of a page of HTML; of other texts the first {MAX_RESULT_BYTES} bytes are read at most"),
                },
            },
            "required": ["url"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"url": "https://example.com/"}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        _workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            self.fetch(&asked).await.map(|result| Output {
                result,
                exit_code: None,
            })
        })
    }
}

#[cfg(test)]
mod tests;
