//! Ollama's own chat API, which knows thinking and the size of a context where its compatible one doesn't.

mod request;
pub(super) mod stream;

use reqwest::header::HeaderMap;

use super::caller::{Caller, Post, header};
use super::http::{Access, Http};
use super::{Answering, ErrorKind, Model, ModelError, Reply, Request, Sink, Thinking};
use stream::Lines;

/// Where it is by itself.
const BASE: &str = "http://127.0.0.1:11434";
/// How it says that a model can't think: it can't be asked before.
const CANNOT_THINK: &str = "does not support thinking";

/// An Ollama.
#[derive(Debug)]
pub struct Ollama {
    caller: Caller,
    context: Option<u32>,
}

impl Ollama {
    /// An Ollama of that access; only its cloud asks for a key.
    pub fn new(access: Access, http: &Http) -> Self {
        Self {
            caller: Caller::new(access, BASE, "/api", http),
            context: None,
        }
    }

    /// Tokens of the context that its models are loaded with. By itself it takes few, and forgets the beginning without a word.
    pub fn with_context(mut self, tokens: u32) -> Self {
        self.context = Some(tokens);
        self
    }

    async fn ask(
        &self,
        request: &Request,
        think: bool,
        sink: Sink<'_>,
    ) -> Result<Reply, ModelError> {
        let mut headers = HeaderMap::new();
        if self.caller.key.is_some() {
            let bearer = self.caller.key_header("Bearer ");
            let bearer = bearer.map_err(|fault| self.caller.error(fault, false))?;
            header(&mut headers, "authorization", bearer);
        }
        let post = Post {
            path: "/api/chat",
            headers,
            body: request::body(request, think, self.context).to_string(),
            model: &request.model,
            shows: request.shows_pictures(),
        };
        self.caller.ask(post, Lines::default(), sink).await
    }
}

impl Model for Ollama {
    fn provider(&self) -> &str {
        &self.caller.name
    }

    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a> {
        Box::pin(async move {
            match self.ask(request, true, &mut *sink).await {
                // A level of thinking is for models that can.
                Err(error)
                    if request.thinking != Thinking::Off
                        && error.kind == ErrorKind::Invalid
                        && error.message.contains(CANNOT_THINK) =>
                {
                    self.ask(request, false, sink).await
                }
                answered => answered,
            }
        })
    }
}
