//! Anthropic's Messages API.

mod request;
pub(super) mod stream;
mod version;

use reqwest::header::{HeaderMap, HeaderValue};

use super::caller::{Caller, Post, header};
use super::http::{Access, Http};
use super::{Answering, Model, Request, Sink};
use crate::model::fault::Fault;
use stream::Messages;

/// Where it is by itself.
const BASE: &str = "https://api.anthropic.com";
/// The version of the API that this is written for.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
/// How a token of a subscription begins; it goes into another header than a key.
const OAUTH_PREFIX: &str = "sk-ant-oat";
/// What the API asks for with such a token.
const OAUTH_BETA: HeaderValue = HeaderValue::from_static("oauth-2025-04-20");

/// Anthropic, or who speaks as it does.
#[derive(Debug)]
pub struct Anthropic {
    caller: Caller,
}

impl Anthropic {
    /// A provider of that access: its key is an API key or an OAuth token.
    pub fn new(access: Access, http: &Http) -> Self {
        Self {
            caller: Caller::new(access, BASE, "/v1", http),
        }
    }

    fn headers(&self) -> Result<HeaderMap, Fault> {
        let mut headers = HeaderMap::new();
        header(&mut headers, "anthropic-version", VERSION);
        let key = self.caller.key.as_ref();
        if key.is_some_and(|key| key.expose().starts_with(OAUTH_PREFIX)) {
            let bearer = self.caller.key_header("Bearer ")?;
            header(&mut headers, "authorization", bearer);
            header(&mut headers, "anthropic-beta", OAUTH_BETA);
        } else {
            header(&mut headers, "x-api-key", self.caller.key_header("")?);
        }
        Ok(headers)
    }
}

impl Model for Anthropic {
    fn provider(&self) -> &str {
        &self.caller.name
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(async move {
            let headers = self.headers();
            let headers = headers.map_err(|fault| self.caller.error(fault, false))?;
            let post = Post {
                path: "/v1/messages",
                headers,
                body: request::body(request).to_string(),
                model: &request.model,
                shows: request.shows_pictures(),
            };
            self.caller.ask(post, Messages::default(), sink).await
        })
    }
}
