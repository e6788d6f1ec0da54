//! Ollama's stream: a line, a little more of the message; calls come whole.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::Stop;
use crate::model::caller::{Wire, told_in_stream};
use crate::model::fault::Fault;
use crate::model::frames::Framing;
use crate::model::gather::Gather;

#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    message: Option<Said>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    id: Option<String>,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    /// An object; kept as text until it is known to be small enough.
    arguments: Option<Box<RawValue>>,
}

#[derive(Default)]
pub(in crate::model) struct Lines {
    began: bool,
    done: bool,
}

impl Wire for Lines {
    const FRAMING: Framing = Framing::Lines;

    fn take(&mut self, data: &[u8], gather: &mut Gather<'_>) -> Result<(), Fault> {
        let line: Line = serde_json::from_slice(data)
            .map_err(|e| Fault::protocol(format!("a line that is none of its API: {e}")))?;
        if let Some(error) = line.error {
            return Err(told_in_stream(&error));
        }
        self.began |= line.message.is_some() || line.done;
        if let Some(model) = line.model {
            gather.model = model;
        }
        if let Some(said) = line.message {
            gather.thinking(said.thinking.unwrap_or_default());
            gather.text(said.content.unwrap_or_default());
            for call in said.tool_calls.unwrap_or_default() {
                let index = gather.call(call.id, call.function.name);
                let arguments = call.function.arguments;
                gather.input(index, arguments.as_deref().map_or("{}", RawValue::get));
            }
        }
        if line.done {
            self.done = true;
            gather.usage.input_tokens = line.prompt_eval_count.unwrap_or_default();
            gather.usage.output_tokens = line.eval_count.unwrap_or_default();
            gather.stop = Some(match line.done_reason.as_deref() {
                Some("length") => Stop::MaxTokens,
                _ => Stop::EndTurn,
            });
        }
        Ok(())
    }

    fn began(&self) -> bool {
        self.began
    }

    fn is_whole(&self) -> bool {
        self.done
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
