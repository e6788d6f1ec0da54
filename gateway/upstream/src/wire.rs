//! How each provider writes a stream.

mod anthropic;
mod ollama;
mod openai;

use serde_json::Value;

use crate::Asked;
use crate::answer::{Answer, Hold, Say};

/// Whose wire format is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// `POST /v1/messages`, Server-Sent Events with names.
    Anthropic,
    /// `POST /v1/chat/completions`, Server-Sent Events that end with `[DONE]`.
    OpenAi,
    /// `POST /api/chat`, a JSON object a line.
    Ollama,
}

/// A step of sending.
pub(crate) enum Step {
    Send(Vec<u8>),
    Hold(Hold),
    Cut,
}

impl Wire {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::OpenAi => "/v1/chat/completions",
            Self::Ollama => "/api/chat",
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Anthropic | Self::OpenAi => "text/event-stream; charset=utf-8",
            Self::Ollama => "application/x-ndjson",
        }
    }

    /// Everything of `answer`'s stream, in order.
    pub(crate) fn steps(self, asked: &Asked, answer: &Answer) -> Vec<Step> {
        match self {
            Self::Anthropic => anthropic::steps(asked, answer),
            Self::OpenAi => openai::steps(asked, answer),
            Self::Ollama => ollama::steps(asked, answer),
        }
    }
}

/// The id of a call: the answer's own, or made by the number of the request and of the call.
fn call_id(id: Option<&String>, asked: &Asked, call: usize) -> String {
    id.cloned()
        .unwrap_or_else(|| format!("call_{}_{call}", asked.number))
}

/// The name of the model that was asked for.
fn model(asked: &Asked) -> &str {
    asked.body["model"].as_str().unwrap_or("unnamed")
}

fn calls(answer: &Answer) -> bool {
    let mut says = answer.says.iter();
    says.any(|say| matches!(say, Say::Call { .. }))
}

/// `text` in pieces of about `bytes`, cut between characters.
fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let mut at = bytes.min(rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (piece, more) = rest.split_at(at);
        pieces.push(piece);
        rest = more;
    }
    pieces
}

/// A Server-Sent Event with a name of its own.
fn named(name: &str, data: &Value) -> Step {
    Step::Send(format!("event: {name}\ndata: {data}\n\n").into_bytes())
}

/// A Server-Sent Event without a name.
fn event(data: &Value) -> Step {
    Step::Send(format!("data: {data}\n\n").into_bytes())
}
