//! Anthropic's Messages API, streamed.

use serde_json::{Value, json};

use super::{Step, call_id, calls, model, named, pieces};
use crate::Asked;
use crate::answer::{Answer, Say};

/// Writes blocks: pieces of the same sort share one.
struct Blocks {
    steps: Vec<Step>,
    next: usize,
    open: Option<&'static str>,
}

impl Blocks {
    fn delta(&mut self, delta: &Value) {
        let index = self.next - 1;
        let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
        self.steps.push(named("content_block_delta", &data));
    }

    fn start(&mut self, sort: &'static str, block: &Value) {
        self.close();
        let data =
            json!({"type": "content_block_start", "index": self.next, "content_block": block});
        self.steps.push(named("content_block_start", &data));
        self.next += 1;
        self.open = Some(sort);
    }

    fn close(&mut self) {
        let Some(sort) = self.open.take() else { return };
        if sort == "thinking" {
            self.delta(&json!({"type": "signature_delta", "signature": "c2lnbmVk"}));
        }
        let data = json!({"type": "content_block_stop", "index": self.next - 1});
        self.steps.push(named("content_block_stop", &data));
    }

    fn say(&mut self, say: &Say, asked: &Asked, piece: usize) {
        match say {
            Say::Text(text) => {
                if self.open != Some("text") {
                    self.start("text", &json!({"type": "text", "text": ""}));
                }
                self.delta(&json!({"type": "text_delta", "text": text}));
            }
            Say::Think(text) => {
                if self.open != Some("thinking") {
                    let block = json!({"type": "thinking", "thinking": "", "signature": ""});
                    self.start("thinking", &block);
                }
                self.delta(&json!({"type": "thinking_delta", "thinking": text}));
            }
            Say::Redacted(data) => {
                let block = json!({"type": "redacted_thinking", "data": data});
                self.start("redacted_thinking", &block);
            }
            Say::Call { id, name, input } => {
                let id = call_id(id.as_ref(), asked, self.next);
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.start("tool_use", &block);
                self.delta(&json!({"type": "input_json_delta", "partial_json": ""}));
                for piece in pieces(input, piece) {
                    self.delta(&json!({"type": "input_json_delta", "partial_json": piece}));
                }
            }
            Say::Raw(bytes) => self.steps.push(Step::Send(bytes.clone())),
            Say::Hold(hold) => self.steps.push(Step::Hold(hold.clone())),
            Say::Cut => self.steps.push(Step::Cut),
        }
    }
}

pub(super) fn steps(asked: &Asked, answer: &Answer) -> Vec<Step> {
    let tokens = answer.tokens;
    let start = json!({"type": "message_start", "message": {
        "id": format!("msg_{}", asked.number), "type": "message", "role": "assistant", "model": model(asked),
        "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {
            "input_tokens": tokens.input, "output_tokens": 1,
            "cache_read_input_tokens": tokens.cache_read, "cache_creation_input_tokens": tokens.cache_write,
        },
    }});
    let mut blocks = Blocks {
        steps: vec![
            named("message_start", &start),
            named("ping", &json!({"type": "ping"})),
        ],
        next: 0,
        open: None,
    };
    for say in &answer.says {
        blocks.say(say, asked, answer.input_piece);
    }
    blocks.close();
    let told = answer.stop.as_deref();
    let reason = told.unwrap_or(if calls(answer) {
        "tool_use"
    } else {
        "end_turn"
    });
    let end = json!({
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": tokens.output},
    });
    blocks.steps.push(named("message_delta", &end));
    let stop = named("message_stop", &json!({"type": "message_stop"}));
    blocks.steps.push(stop);
    blocks.steps
}
