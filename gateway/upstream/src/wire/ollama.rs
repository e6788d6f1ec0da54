//! Ollama's chat: a JSON object a line.

use serde_json::{Value, json};

use super::{Step, model};
use crate::Asked;
use crate::answer::{Answer, Say};

fn line(value: &Value) -> Step {
    Step::Send(format!("{value}\n").into_bytes())
}

fn message(asked: &Asked, message: &Value) -> Step {
    line(&json!({
        "model": model(asked), "created_at": "2026-01-01T00:00:00Z", "message": message, "done": false,
    }))
}

pub(super) fn steps(asked: &Asked, answer: &Answer) -> Vec<Step> {
    let mut steps = Vec::new();
    for say in &answer.says {
        let step = match say {
            Say::Text(text) => message(asked, &json!({"role": "assistant", "content": text})),
            Say::Think(text) => {
                let thought = json!({"role": "assistant", "content": "", "thinking": text});
                message(asked, &thought)
            }
            // It has no such thing.
            Say::Redacted(_) => continue,
            Say::Call { name, input, .. } => {
                // What is no JSON at all can't be written on this wire; it becomes a string.
                let arguments = serde_json::from_str(input).unwrap_or_else(|_| json!(input));
                let call = json!({"function": {"name": name, "arguments": arguments}});
                let called = json!({"role": "assistant", "content": "", "tool_calls": [call]});
                message(asked, &called)
            }
            Say::Raw(bytes) => Step::Send(bytes.clone()),
            Say::Hold(hold) => Step::Hold(hold.clone()),
            Say::Cut => Step::Cut,
        };
        steps.push(step);
    }
    let tokens = answer.tokens;
    steps.push(line(&json!({
        "model": model(asked), "created_at": "2026-01-01T00:00:01Z",
        "message": {"role": "assistant", "content": ""},
        "done": true, "done_reason": answer.stop.as_deref().unwrap_or("stop"),
        "total_duration": 1, "load_duration": 1, "prompt_eval_duration": 1, "eval_duration": 1,
        "prompt_eval_count": tokens.input, "eval_count": tokens.output,
    })));
    steps
}
