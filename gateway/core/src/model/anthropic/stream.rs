//! Anthropic's stream: blocks that begin, grow and end.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::Stop;
use crate::model::caller::{Wire, told_in_stream};
use crate::model::fault::Fault;
use crate::model::frames::Framing;
use crate::model::gather::Gather;

#[derive(Deserialize)]
struct Event {
    r#type: String,
    index: Option<u64>,
    message: Option<Start>,
    content_block: Option<Block>,
    delta: Option<Delta>,
    usage: Option<Tokens>,
    error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Start {
    model: Option<String>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Block {
    r#type: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    thinking: String,
    #[serde(default)]
    signature: String,
    #[serde(default)]
    data: String,
    id: Option<String>,
    name: Option<String>,
    input: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Delta {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the API's names")]
struct Tokens {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

#[derive(Default)]
pub(in crate::model) struct Messages {
    /// Which call each block is.
    calls: HashMap<u64, usize>,
    began: bool,
    whole: bool,
    done: bool,
}

fn count(tokens: &Tokens, gather: &mut Gather<'_>) {
    // Later counts are of the whole answer, and may leave out what did not change.
    let usage = &mut gather.usage;
    for (told, kept) in [
        (tokens.input_tokens, &mut usage.input_tokens),
        (tokens.output_tokens, &mut usage.output_tokens),
        (
            tokens.cache_creation_input_tokens,
            &mut usage.cache_write_tokens,
        ),
        (tokens.cache_read_input_tokens, &mut usage.cache_read_tokens),
    ] {
        *kept = told.unwrap_or(*kept);
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "tool_use" => Stop::ToolUse,
        "max_tokens" | "model_context_window_exceeded" => Stop::MaxTokens,
        "stop_sequence" => Stop::StopSequence,
        "refusal" => Stop::Refusal,
        // "end_turn"; "pause_turn" is for tools that run at the provider, of which we ask for none; and what comes later.
        _ => Stop::EndTurn,
    }
}

impl Messages {
    fn start(&mut self, index: u64, block: Block, gather: &mut Gather<'_>) {
        gather.block();
        match block.r#type.as_str() {
            "redacted_thinking" => gather.redacted(block.data),
            "tool_use" => {
                let call = gather.call(block.id, block.name.unwrap_or_default());
                self.calls.insert(index, call);
                // Its own servers begin with an empty object; others put everything here.
                if let Some(input) = block.input.filter(|input| input.get() != "{}") {
                    gather.input(call, input.get());
                }
            }
            // Kinds that we did not ask for have none of these.
            _ => {
                gather.thinking(block.thinking);
                gather.sign(&block.signature);
                gather.text(block.text);
            }
        }
    }

    fn delta(&mut self, index: u64, delta: Delta, gather: &mut Gather<'_>) -> Result<(), Fault> {
        gather.thinking(delta.thinking.unwrap_or_default());
        gather.sign(&delta.signature.unwrap_or_default());
        gather.text(delta.text.unwrap_or_default());
        if let Some(json) = delta.partial_json {
            let call = self.calls.get(&index);
            let call =
                call.ok_or_else(|| Fault::protocol("arguments of a call that never began"))?;
            gather.input(*call, &json);
        }
        Ok(())
    }
}

impl Wire for Messages {
    const FRAMING: Framing = Framing::Events;

    fn take(&mut self, data: &[u8], gather: &mut Gather<'_>) -> Result<(), Fault> {
        let event: Event = serde_json::from_slice(data)
            .map_err(|e| Fault::protocol(format!("an event that is none of its API: {e}")))?;
        match event.r#type.as_str() {
            "message_start" => {
                self.began = true;
                if let Some(start) = event.message {
                    gather.model = start.model.unwrap_or_else(|| gather.model.clone());
                    if let Some(tokens) = start.usage {
                        count(&tokens, gather);
                    }
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.start(event.index.unwrap_or_default(), block, gather);
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    self.delta(event.index.unwrap_or_default(), delta, gather)?;
                }
            }
            "message_delta" => {
                if let Some(reason) = event.delta.and_then(|delta| delta.stop_reason) {
                    gather.stop = Some(stop(&reason));
                    self.whole = true;
                }
                if let Some(tokens) = event.usage {
                    count(&tokens, gather);
                }
            }
            "message_stop" => {
                self.whole = true;
                self.done = true;
            }
            "error" => {
                let error = event.error;
                return Err(error.map_or_else(
                    || Fault::protocol("an error without a reason"),
                    |error| told_in_stream(&error),
                ));
            }
            // "ping", "content_block_stop", and what comes later: the API's rule is to pass over what one doesn't know.
            _ => {}
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
