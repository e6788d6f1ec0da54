//! OpenAI's chat completions, streamed.

use serde_json::{Value, json};

use super::{Step, call_id, calls, event, model, pieces};
use crate::Asked;
use crate::answer::{Answer, Say};

fn chunk(asked: &Asked, delta: &Value, finish: Option<&str>) -> Step {
    event(&json!({
        "id": format!("chatcmpl-{}", asked.number), "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": model(asked),
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        "usage": null,
    }))
}

/// Writes `say`; `call` counts the calls so far.
fn say(steps: &mut Vec<Step>, say: &Say, asked: &Asked, piece: usize, call: &mut usize) {
    match say {
        Say::Text(text) => steps.push(chunk(asked, &json!({"content": text}), None)),
        Say::Think(text) => steps.push(chunk(asked, &json!({"reasoning_content": text}), None)),
        // It has no such thing.
        Say::Redacted(_) => {}
        Say::Call { id, name, input } => {
            let id = call_id(id.as_ref(), asked, *call);
            let function = json!({"name": name, "arguments": ""});
            let first = json!({"index": *call, "id": id, "type": "function", "function": function});
            steps.push(chunk(asked, &json!({"tool_calls": [first]}), None));
            for piece in pieces(input, piece) {
                let more = json!({"index": *call, "function": {"arguments": piece}});
                steps.push(chunk(asked, &json!({"tool_calls": [more]}), None));
            }
            *call += 1;
        }
        Say::Raw(bytes) => steps.push(Step::Send(bytes.clone())),
        Say::Hold(hold) => steps.push(Step::Hold(hold.clone())),
        Say::Cut => steps.push(Step::Cut),
    }
}

pub(super) fn steps(asked: &Asked, answer: &Answer) -> Vec<Step> {
    let role = json!({"role": "assistant", "content": ""});
    let mut steps = vec![chunk(asked, &role, None)];
    let mut call = 0;
    for piece in &answer.says {
        say(&mut steps, piece, asked, answer.input_piece, &mut call);
    }
    let told = answer.stop.as_deref();
    let reason = told.unwrap_or(if calls(answer) { "tool_calls" } else { "stop" });
    steps.push(chunk(asked, &json!({}), Some(reason)));
    if asked.body["stream_options"]["include_usage"] == true {
        let tokens = answer.tokens;
        let prompt = tokens.input + tokens.cache_read;
        steps.push(event(&json!({
            "id": format!("chatcmpl-{}", asked.number), "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": model(asked), "choices": [],
            "usage": {
                "prompt_tokens": prompt, "completion_tokens": tokens.output, "total_tokens": prompt + tokens.output,
                "prompt_tokens_details": {"cached_tokens": tokens.cache_read},
            },
        })));
    }
    steps.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    steps
}
