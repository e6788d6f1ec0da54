//! OpenAI's chat completions, and everybody who speaks them.

mod details;
mod dialect;
mod request;
pub(super) mod stream;

use reqwest::header::HeaderMap;

use super::caller::{Caller, Post, header};
use super::http::{Access, Http};
use super::{Answering, Model, Request, Sink};
pub use dialect::Dialect;
use stream::Completions;

/// A provider with OpenAI's API.
#[derive(Debug)]
pub struct OpenAi {
    caller: Caller,
    dialect: &'static Dialect,
}

impl OpenAi {
    /// A provider of that access and with these ways. Without a base URL it is where its dialect is by itself.
    pub fn new(access: Access, dialect: &'static Dialect, http: &Http) -> Self {
        let base = dialect.base_url.unwrap_or_default();
        Self {
            caller: Caller::new(access, base, "/chat/completions", http),
            dialect,
        }
    }
}

impl Model for OpenAi {
    fn provider(&self) -> &str {
        &self.caller.name
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            if self.caller.key.is_some() || self.dialect.needs_key {
                let bearer = self.caller.key_header("Bearer ");
                let bearer = bearer.map_err(|fault| self.caller.error(fault, false))?;
                header(&mut headers, "authorization", bearer);
            }
            let post = Post {
                path: "/chat/completions",
                headers,
                body: request::body(request, self.dialect).to_string(),
                model: &request.model,
                shows: request.shows_pictures(),
            };
            let wire = Completions::new(self.dialect.returns_details);
            self.caller.ask(post, wire, sink).await
        })
    }
}
