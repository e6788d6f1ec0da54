//! Language models: what one is asked, what it streams back, and how it fails, whoever makes it.
//!
//! **In scope.** The words that the agent loop speaks with any model: [`Request`], [`Delta`], [`Reply`], [`ModelError`], and
//! the port [`Model`] that every provider implements; the providers ([`Anthropic`], [`OpenAi`] with its [`Dialect`]s, [`Ollama`]);
//! and the [`Router`], which finds one that answers.
//!
//! **Out of scope.** Which tools there are and whether one may run: `tools` and the Gate. Prompts and history: `agent`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

mod anthropic;
mod caller;
mod error;
mod fault;
mod format;
mod frames;
mod gather;
mod http;
mod key;
mod message;
mod observer;
mod ollama;
mod openai;
mod pictures;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod probe;
mod reply;
mod router;

pub use anthropic::Anthropic;
pub use error::{ErrorKind, ModelError};
pub use format::Format;
pub(crate) use format::unfenced;
pub use http::{Access, Http, Patience};
pub use key::Key;
use message::{GOOGLE_SEAL, OPENROUTER_SEAL, anthropic_seal};
pub use message::{Message, Part, Role};
pub use observer::{Asked, Observer, Outcome};
pub use ollama::Ollama;
pub use openai::{Dialect, OpenAi};
pub use reply::{Delta, Reply, Stop, Usage};
pub use router::{ALIASES, Retries, Router, RouterError, Slot, SlotState, SlotStatus, order};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request to a model. Clones share what is long: with each model that is tried there is one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// The provider's own name of the model, without the provider's.
    pub model: String,
    /// Who the model is and what it must know, the most lasting first.
    pub system: Arc<[System]>,
    /// The conversation, oldest first; it begins with the user and ends with the user or with results of tools.
    pub messages: Arc<Vec<Message>>,
    /// The tools that it may call.
    pub tools: Vec<Arc<ToolSpec>>,
    /// Whether it may, must or must not call one.
    pub tool_choice: ToolChoice,
    /// How long it thinks first, where it can.
    pub thinking: Thinking,
    /// Tokens that it may answer with, thinking included; the provider's own limit if there is none.
    pub max_tokens: Option<u32>,
    /// 0 to 2; the provider's default if there is none.
    pub temperature: Option<f64>,
    /// 0 to 1; the provider's default if there is none.
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// What the answer must be, where it is not words.
    pub format: Option<Format>,
    /// Whose conversation it is, for what keeps to one provider while a conversation lasts; never sent.
    pub session: Option<String>,
}

impl Request {
    /// The conversation, to go on with. It is copied only where a clone holds it, too.
    pub fn messages_mut(&mut self) -> &mut Vec<Message> {
        Arc::make_mut(&mut self.messages)
    }

    /// Whether there is a picture in it.
    fn shows_pictures(&self) -> bool {
        let mut parts = self.messages.iter().flat_map(|message| &message.parts);
        parts.any(|part| matches!(part, Part::Image { .. }))
    }
}

/// A piece of the system prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its text.
    pub text: String,
    /// Whether everything up to its end stays the same for a while, so that a provider that can should keep it.
    pub cache: bool,
}

/// A tool as a model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name that it is called by.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments, an object's.
    pub schema: Value,
}

/// Whether the model may call tools.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// It decides.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must call at least one.
    Required,
    /// It must call this one.
    Named(String),
}

/// How long a model thinks before it answers. Names and budgets are those of OpenClaw's `/think`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thinking {
    /// Not at all.
    #[default]
    Off,
    /// 1024 tokens.
    Minimal,
    /// 4096 tokens.
    Low,
    /// 8192 tokens.
    Medium,
    /// 16384 tokens.
    High,
    /// 32768 tokens.
    Xhigh,
}

impl Thinking {
    /// Every level, the least first.
    pub const ALL: [Self; 6] = [
        Self::Off,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
    ];

    /// Tokens of thinking that a level allows; 0 is none at all.
    pub const fn budget(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Minimal => 1024,
            Self::Low => 4096,
            Self::Medium => 8192,
            Self::High => 16_384,
            Self::Xhigh => 32_768,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
        }
    }
}

/// The provider of that name: `anthropic`, `ollama`, or a [`Dialect`]'s. None if nobody is known by it.
pub fn provider(kind: &str, access: Access, http: &Http) -> Option<std::sync::Arc<dyn Model>> {
    Some(match kind {
        "anthropic" => std::sync::Arc::new(Anthropic::new(access, http)),
        "ollama" => std::sync::Arc::new(Ollama::new(access, http)),
        _ => std::sync::Arc::new(OpenAi::new(access, Dialect::named(kind)?, http)),
    })
}

/// The one key of arguments that a model wrote and nobody can read.
const INVALID: &str = "invalid_arguments";

/// A call's input as the object that every API asks for, also when the model wrote none.
pub(crate) fn arguments(input: &Value) -> Value {
    match input {
        Value::Object(_) => input.clone(),
        other => serde_json::json!({INVALID: other}),
    }
}

/// What a model wrote where it should have written arguments, if it did not write an object.
pub(crate) fn unreadable(arguments: &Value) -> Option<&str> {
    let arguments = arguments.as_object().filter(|only| only.len() == 1)?;
    arguments.get(INVALID)?.as_str()
}

/// An answer under way. Dropping it ends the request.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, ModelError>> + Send + 'a>>;

/// Where the pieces of an answer go as they come. Must not block.
pub type Sink<'a> = &'a mut (dyn FnMut(Delta) + Send);

/// Somebody who has models.
pub trait Model: Send + Sync + 'static {
    /// The provider's name, as in the config and before the slash of a model's full name.
    fn provider(&self) -> &str;

    /// The full names of the models that it can be asked for by name; it may know more.
    fn models(&self) -> Vec<String> {
        Vec::new()
    }

    /// The full name of the model that somebody calls `name`; none where it has no such model.
    fn resolve(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    /// Tells `observer` from now on how it is asked. A [`Router`] does so for all of its models, and for the first observer that
    /// it is given; others have nothing to tell.
    fn observe(&self, _observer: std::sync::Arc<dyn Observer>) {}

    /// Answers `request`, telling `sink` each piece when it comes, and everything at the end.
    fn answer<'a>(&'a self, request: &'a Request, sink: Sink<'a>) -> Answering<'a>;
}
