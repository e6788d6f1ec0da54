//! Answers in OpenAI's shapes.

use serde_json::{Value, json};

use crate::agent::{Answer, Reply, StopReason};
use crate::model::{Part, Usage};

/// Writes the answers to one request.
pub(super) struct Writer {
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    /// The model that was asked for.
    pub(super) asked: String,
    /// Whether a stream tells the words when they are whole.
    pub(super) at_once: bool,
}

impl Writer {
    /// The whole answer.
    pub(super) fn whole(&self, answer: &Answer) -> Value {
        let calls = calls(answer);
        let text = text(answer);
        let mut message = json!({
            "role": "assistant",
            "content": if calls.is_empty() || !text.is_empty() { Value::from(text) } else { Value::Null },
            "refusal": null,
        });
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model(answer),
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason(answer),
            }],
            "usage": usage(&answer.usage),
        })
    }

    /// A piece.
    pub(super) fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.asked,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        })
    }

    /// The last pieces: calls for whoever asked, and why it ended. Words of the gateway itself were not told before.
    pub(super) fn last(&self, answer: &Answer) -> Vec<Value> {
        let mut pieces = Vec::new();
        let calls: Vec<Value> = calls(answer)
            .into_iter()
            .enumerate()
            .map(|(index, mut call)| {
                call["index"] = index.into();
                call
            })
            .collect();
        if !calls.is_empty() {
            pieces.push(self.chunk(&json!({"tool_calls": calls}), None));
        }
        if self.at_once || answer.stop_reason == StopReason::Command {
            pieces.push(self.chunk(&json!({"content": text(answer)}), None));
        }
        pieces.push(self.chunk(&json!({}), Some(finish_reason(answer))));
        pieces
    }

    /// The piece behind the last that tells the cost.
    pub(super) fn usage(&self, answer: &Answer) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.asked,
            "choices": [],
            "usage": usage(&answer.usage),
        })
    }

    fn model(&self, answer: &Answer) -> String {
        if answer.model.is_empty() {
            self.asked.clone()
        } else {
            answer.model.clone()
        }
    }
}

fn text(answer: &Answer) -> String {
    answer.reply.text()
}

fn calls(answer: &Answer) -> Vec<Value> {
    let Reply::Calls { calls, .. } = &answer.reply else {
        return Vec::new();
    };
    calls
        .iter()
        .filter_map(|part| match part {
            Part::ToolUse { id, name, input } => {
                let arguments = match input {
                    Value::String(text) => text.clone(),
                    input => input.to_string(),
                };
                Some(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
            }
            _ => None,
        })
        .collect()
}

fn finish_reason(answer: &Answer) -> &'static str {
    match answer.stop_reason {
        StopReason::MaxTokens | StopReason::MaxRounds => "length",
        StopReason::ToolUse => "tool_calls",
        StopReason::Refusal => "content_filter",
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::Command
        | StopReason::Aborted
        | StopReason::Error => "stop",
    }
}

fn usage(usage: &Usage) -> Value {
    let (prompt, completion) = (usage.prompt_tokens(), usage.output_tokens);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
    })
}
