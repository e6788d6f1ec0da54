//! OpenAI's stream: chunks, each with a little more of a choice. Servers differ in what they leave out.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::details::Reasoning;
use crate::model::caller::{Wire, told_in_stream};
use crate::model::fault::Fault;
use crate::model::frames::Framing;
use crate::model::gather::Gather;
use crate::model::{GOOGLE_SEAL, Stop, Usage};

#[derive(Deserialize)]
struct Chunk {
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Tokens>,
    error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    delta: Option<Said>,
    /// In place of a delta when the answer is one document.
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Content>,
    reasoning_content: Option<Value>,
    reasoning: Option<Value>,
    reasoning_details: Option<Vec<Value>>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallPiece>>,
}

/// Words, or Mistral's list of words and thoughts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Words(String),
    List(Vec<Piece>),
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    text: String,
    #[serde(default)]
    thinking: Vec<Piece>,
}

#[derive(Deserialize)]
struct CallPiece {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
    extra_content: Option<Extra>,
}

/// Google's addition to a call.
#[derive(Deserialize)]
struct Extra {
    google: Option<Google>,
}

#[derive(Deserialize)]
struct Google {
    thought_signature: Option<String>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    /// A string; some servers send an object.
    arguments: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the API's names")]
struct Tokens {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    /// `DeepSeek`'s word for what was in the cache.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    /// OpenRouter's word for what was put into the cache.
    cache_write_tokens: Option<u64>,
}

/// A call as the server tells it apart from others.
struct Open {
    index: Option<u64>,
    id: String,
    call: usize,
}

#[derive(Default)]
pub(in crate::model) struct Completions {
    open: Vec<Open>,
    began: bool,
    whole: bool,
    done: bool,
    /// What OpenRouter tells of thoughts; of others it is left alone.
    details: Option<Reasoning>,
    /// The model that was asked.
    asked: Option<String>,
}

fn usage(tokens: &Tokens) -> Usage {
    let details = tokens.prompt_tokens_details.as_ref();
    let read = details.and_then(|details| details.cached_tokens);
    let read = read.or(tokens.prompt_cache_hit_tokens).unwrap_or_default();
    let write = details.and_then(|details| details.cache_write_tokens);
    let write = write.unwrap_or_default();
    let prompt = tokens.prompt_tokens.unwrap_or_default();
    Usage {
        // Their prompt counts what was cached too.
        input_tokens: prompt.saturating_sub(read).saturating_sub(write),
        output_tokens: tokens.completion_tokens.unwrap_or_default(),
        cache_read_tokens: read,
        cache_write_tokens: write,
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "tool_calls" | "function_call" => Stop::ToolUse,
        "length" | "max_tokens" | "model_length" => Stop::MaxTokens,
        "content_filter" => Stop::Refusal,
        _ => Stop::EndTurn,
    }
}

impl Completions {
    /// A stream that nothing came of yet; whether it has details of thoughts that are wanted back.
    pub(super) fn new(keeps_details: bool) -> Self {
        Self {
            details: keeps_details.then(Reasoning::default),
            ..Self::default()
        }
    }

    /// Seals the thoughts with the details that came.
    fn seal(&mut self, gather: &mut Gather<'_>) {
        let asked = self.asked.as_deref().unwrap_or_default();
        let seal = self.details.as_mut().and_then(|of| of.seal(asked));
        if let Some(seal) = seal {
            gather.block();
            gather.sign(&seal);
        }
    }

    fn said(&mut self, said: Said, gather: &mut Gather<'_>) -> Result<(), Fault> {
        // Some send their thoughts under both names.
        let thoughts = [said.reasoning_content, said.reasoning]
            .into_iter()
            .flatten();
        let mut thoughts = thoughts.filter_map(|thought| match thought {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        });
        gather.thinking(thoughts.next().unwrap_or_default());
        if let (Some(details), Some(more)) = (&mut self.details, said.reasoning_details) {
            details.take(more);
        }
        match said.content {
            Some(Content::Words(text)) => gather.text(text),
            Some(Content::List(pieces)) => {
                for piece in pieces {
                    for thought in piece.thinking {
                        gather.thinking(thought.text);
                    }
                    gather.text(piece.text);
                }
            }
            None => {}
        }
        if let Some(refusal) = said.refusal.filter(|refusal| !refusal.is_empty()) {
            gather.text(refusal);
            gather.stop = Some(Stop::Refusal);
        }
        for piece in said.tool_calls.unwrap_or_default() {
            self.call(piece, gather)?;
        }
        Ok(())
    }

    /// Which call a piece is of, if it is of one that began. A server may tell by index, by id, or only by the order.
    fn known(&self, index: Option<u64>, id: &str, named: bool) -> Option<usize> {
        let last = self.open.iter().rev();
        let mut of = last.filter(|open| match index {
            // One that gives every call the index 0 tells them apart by id.
            Some(_) => open.index == index && (id.is_empty() || open.id == id),
            None if !id.is_empty() => open.id == id,
            // Neither: what has a name begins, what has none goes on.
            None => !named,
        });
        of.next().map(|open| open.call)
    }

    fn call(&mut self, piece: CallPiece, gather: &mut Gather<'_>) -> Result<(), Fault> {
        let id = piece.id.unwrap_or_default();
        let function = piece.function;
        let (name, arguments) = function.map_or((None, None), |f| (f.name, f.arguments));
        let name = name.filter(|name| !name.is_empty());
        let known = self.known(piece.index, &id, name.is_some());
        let call = if let Some(call) = known {
            call
        } else {
            let name = name.ok_or_else(|| Fault::protocol("a call of a tool without a name"))?;
            let google = piece.extra_content.and_then(|extra| extra.google);
            if let Some(seal) = google.and_then(|google| google.thought_signature) {
                gather.block();
                gather.sign(&format!("{GOOGLE_SEAL}{seal}"));
            }
            let call = gather.call(Some(id.clone()), name);
            let index = piece.index;
            self.open.push(Open { index, id, call });
            call
        };
        if let Some(arguments) = arguments {
            let raw = arguments.get();
            if raw.starts_with('"') {
                let text: String = serde_json::from_str(raw)
                    .map_err(|e| Fault::protocol(format!("arguments that are no text: {e}")))?;
                gather.input(call, &text);
            } else {
                gather.input(call, raw);
            }
        }
        Ok(())
    }
}

impl Wire for Completions {
    const FRAMING: Framing = Framing::Events;

    fn take(&mut self, data: &[u8], gather: &mut Gather<'_>) -> Result<(), Fault> {
        if data.trim_ascii() == b"[DONE]" {
            self.seal(gather);
            self.done = true;
            self.whole = self.began;
            return if self.began {
                Ok(())
            } else {
                Err(Fault::protocol("its answer ended before it began"))
            };
        }
        let chunk: Chunk = serde_json::from_slice(data)
            .map_err(|e| Fault::protocol(format!("a chunk that is none of its API: {e}")))?;
        if let Some(error) = chunk.error {
            return Err(told_in_stream(&error));
        }
        // Until a chunk tells who answers, it is who was asked.
        self.asked.get_or_insert_with(|| gather.model.clone());
        if let Some(model) = chunk.model.filter(|model| !model.is_empty()) {
            gather.model = model;
        }
        if let Some(tokens) = chunk.usage {
            self.began = true;
            gather.usage = usage(&tokens);
        }
        let Some(choices) = chunk.choices else {
            return Ok(());
        };
        self.began = true;
        // We ask for one.
        let first = choices
            .into_iter()
            .find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(()) };
        if let Some(said) = choice.delta.or(choice.message) {
            self.said(said, gather)?;
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            if reason == "error" {
                return Err(Fault::new(
                    crate::model::ErrorKind::Overloaded,
                    "it failed in the middle of its answer",
                ));
            }
            self.seal(gather);
            gather.stop = gather.stop.or(Some(stop(&reason)));
            self.whole = true;
        }
        Ok(())
    }

    fn began(&self) -> bool {
        self.began
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
