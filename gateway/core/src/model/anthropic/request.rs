//! A request in Anthropic's words.

use serde_json::{Map, Value, json};

use super::version;
use crate::model::{Message, Part, Request, Role, Thinking, ToolChoice, anthropic_seal};

/// Tokens that are left for the answer itself when only the thinking has a budget.
const ANSWER_TOKENS: u32 = 8192;
/// The smallest budget that the API takes.
const LEAST_BUDGET: u32 = 1024;
/// Marks for the system prompt; the API takes four, and the last tool and the last message have one each.
const SYSTEM_MARKS: usize = 2;

pub(super) fn body(request: &Request) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("stream", json!(true));
    let tools = !request.tools.is_empty();
    set("messages", messages(&request.messages, tools));
    let system = system(request);
    if !system.is_empty() {
        set("system", Value::Array(system));
    }
    if tools {
        set("tools", specs(request));
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!({"type": "auto"}),
            ToolChoice::None => json!({"type": "none"}),
            ToolChoice::Required => json!({"type": "any"}),
            ToolChoice::Named(name) => json!({"type": "tool", "name": name}),
        };
        set("tool_choice", choice);
    }
    let stop: Vec<&String> = request
        .stop
        .iter()
        .filter(|text| !text.trim().is_empty())
        .collect();
    if !stop.is_empty() {
        set("stop_sequences", json!(stop));
    }
    let thinks = limits(request, &mut set);
    if !thinks && !version::is_strict(version::of(&request.model)) {
        // Its range ends at 1, and newer models take only one of the two.
        match (request.temperature, request.top_p) {
            (Some(temperature), _) => drop(set("temperature", json!(temperature.clamp(0.0, 1.0)))),
            (None, Some(top_p)) => drop(set("top_p", json!(top_p))),
            (None, None) => {}
        }
    }
    Value::Object(body)
}

/// Sets how much is thought and answered; whether it thinks.
fn limits(request: &Request, set: &mut impl FnMut(&str, Value) -> Option<Value>) -> bool {
    let model = &request.model;
    let version = version::of(model);
    let longest = version::longest_answer(version);
    let max = request.max_tokens.map(|max| max.max(1));
    let forced = matches!(
        request.tool_choice,
        ToolChoice::Required | ToolChoice::Named(_)
    );
    // The API takes no thinking together with a call that must be made.
    let wanted = request.thinking != Thinking::Off && (request.tools.is_empty() || !forced);
    if version::thinks_adaptively(version) {
        set("max_tokens", json!(max.unwrap_or(longest)));
        if wanted {
            let strict = version::is_strict(version);
            let mut thinking = json!({"type": "adaptive"});
            if strict {
                thinking["display"] = json!("summarized");
            }
            set("thinking", thinking);
            let effort = effort(request.thinking, strict);
            set("output_config", json!({"effort": effort}));
        } else if version::must_be_told_not_to_think(model, version) {
            set("thinking", json!({"type": "disabled"}));
        }
        return wanted;
    }
    // Thoughts must be followed by an answer: the budget is less than the limit, whichever of the two must give way.
    let budget = request.thinking.budget();
    let max =
        max.unwrap_or_else(|| longest.min(budget.saturating_add(ANSWER_TOKENS).max(longest / 2)));
    let budget = budget.min(max.saturating_sub(max.min(ANSWER_TOKENS) / 2));
    let thinks = wanted && budget >= LEAST_BUDGET && max > budget && !unthought(&request.messages);
    set("max_tokens", json!(max));
    if thinks {
        set(
            "thinking",
            json!({"type": "enabled", "budget_tokens": budget}),
        );
    }
    thinks
}

fn effort(level: Thinking, strict: bool) -> &'static str {
    match level {
        Thinking::Off | Thinking::Minimal | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::Xhigh if strict => "xhigh",
        Thinking::High | Thinking::Xhigh => "high",
    }
}

/// Whether the model is in the middle of a turn in which it called tools without thinking: with a budget the API then refuses to go on
/// thinking. Such a turn was another provider's.
fn unthought(messages: &[Message]) -> bool {
    let turn = messages.iter().rev().take_while(|message| {
        message.role == Role::Assistant
            || message
                .parts
                .iter()
                .any(|part| matches!(part, Part::ToolResult { .. }))
    });
    let mut calls = turn.filter(|message| {
        message
            .parts
            .iter()
            .any(|part| matches!(part, Part::ToolUse { .. }))
    });
    calls.any(|message| match message.parts.first() {
        Some(Part::Thinking { signature, .. }) => anthropic_seal(signature.as_deref()).is_none(),
        Some(Part::RedactedThinking { .. }) => false,
        _ => true,
    })
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({"type": "ephemeral"});
}

fn system(request: &Request) -> Vec<Value> {
    let pieces = request
        .system
        .iter()
        .filter(|piece| !piece.text.trim().is_empty());
    let pieces: Vec<_> = pieces.collect();
    let marked: Vec<usize> = (0..pieces.len()).filter(|at| pieces[*at].cache).collect();
    // The first, which lasts longest, and the last, which reaches farthest.
    let kept = |at: usize| {
        let order = marked.iter().position(|of| *of == at);
        order.is_some_and(|order| order + 1 < SYSTEM_MARKS || order + 1 == marked.len())
    };
    let blocks = pieces.iter().enumerate().map(|(at, piece)| {
        let mut block = json!({"type": "text", "text": piece.text});
        if kept(at) {
            mark(&mut block);
        }
        block
    });
    blocks.collect()
}

fn specs(request: &Request) -> Value {
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.schema}))
        .collect();
    if let Some(last) = tools.last_mut() {
        mark(last);
    }
    Value::Array(tools)
}

fn messages(messages: &[Message], tools: bool) -> Value {
    let mut written: Vec<Value> = Vec::with_capacity(messages.len());
    // The last block of the user's that is no note: whoever keeps the conversation may not keep our notes.
    let mut last = None;
    for message in messages {
        let mut content: Vec<Value> = Vec::with_capacity(message.parts.len());
        // Results stand before words in their message.
        let results = |part: &&Part| matches!(part, Part::ToolResult { .. });
        let parts = message.parts.iter();
        content.extend(
            parts
                .clone()
                .filter(results)
                .filter_map(|part| block(part, tools)),
        );
        content.extend(
            parts
                .filter(|part| !results(part))
                .filter_map(|part| block(part, tools)),
        );
        if !content.is_empty() {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            let notes = message.parts.iter().rev();
            let notes = notes.take_while(|part| matches!(part, Part::Note { .. }));
            if message.role == Role::User {
                let said = content.len().saturating_sub(notes.count());
                last = Some((written.len(), said.max(1) - 1));
            }
            written.push(json!({"role": role, "content": content}));
        }
    }
    if let Some((message, block)) = last {
        mark(&mut written[message]["content"][block]);
    }
    Value::Array(written)
}

/// A part in the API's words; none for what it does not take. Without tools, calls are told in words: it takes no others then.
fn block(part: &Part, tools: bool) -> Option<Value> {
    Some(match part {
        Part::Text { text } | Part::Note { text } if text.trim().is_empty() => return None,
        Part::Text { text } | Part::Note { text } => json!({"type": "text", "text": text}),
        Part::Image { media_type, data } => json!({
            "type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": data},
        }),
        Part::Thinking { text, signature } => {
            // Without its seal they are another provider's thoughts.
            let signature = anthropic_seal(signature.as_deref())?;
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Part::RedactedThinking { data } => json!({"type": "redacted_thinking", "data": data}),
        Part::ToolUse { name, input, .. } if !tools => json!({
            "type": "text", "text": format!("[called the tool {name} with {input}]"),
        }),
        Part::ToolResult { name, content, .. } if !tools => json!({
            "type": "text", "text": format!("[the tool {name} answered: {content}]"),
        }),
        Part::ToolUse { id, name, input } => json!({
            "type": "tool_use", "id": plain(id), "name": name, "input": crate::model::arguments(input),
        }),
        Part::ToolResult {
            id,
            content,
            is_error,
            ..
        } => json!({
            "type": "tool_result", "tool_use_id": plain(id), "content": content, "is_error": is_error,
        }),
    })
}

/// An id in the characters that the API takes: another provider's may have others.
fn plain(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{System, ToolSpec};

    fn request(model: &str) -> Request {
        Request {
            model: model.into(),
            messages: vec![Message::user("hello")].into(),
            ..Request::default()
        }
    }

    fn tool() -> ToolSpec {
        ToolSpec {
            name: "t".into(),
            description: "d".into(),
            schema: json!({"type": "object"}),
        }
    }

    #[test]
    fn thinking_goes_by_budget_or_by_effort() {
        let asked = |model: &str, thinking, max_tokens| {
            let request = Request {
                thinking,
                max_tokens,
                temperature: Some(1.5),
                ..request(model)
            };
            let body = body(&request);
            let get = |key: &str| body.get(key).cloned().unwrap_or_default();
            (
                get("thinking"),
                get("max_tokens"),
                get("output_config"),
                get("temperature"),
            )
        };
        let old = "claude-haiku-4-5";
        assert_eq!(
            asked(old, Thinking::Off, None),
            (Value::Null, json!(32_000), Value::Null, json!(1.0))
        );
        assert_eq!(
            asked(old, Thinking::Xhigh, None),
            (
                json!({"type": "enabled", "budget_tokens": 32_768}),
                json!(40_960),
                Value::Null,
                Value::Null
            )
        );
        // The limit counts: the budget gives way, and then the thinking.
        assert_eq!(
            asked(old, Thinking::High, Some(4000)).0,
            json!({"type": "enabled", "budget_tokens": 2000})
        );
        assert_eq!(asked(old, Thinking::High, Some(1500)).0, Value::Null);
        assert_eq!(
            asked("claude-opus-5-5", Thinking::Xhigh, None),
            (
                json!({"type": "adaptive", "display": "summarized"}),
                json!(64_000),
                json!({"effort": "xhigh"}),
                Value::Null
            )
        );
        assert_eq!(
            asked("claude-opus-4-6", Thinking::Xhigh, Some(100)),
            (
                json!({"type": "adaptive"}),
                json!(100),
                json!({"effort": "high"}),
                Value::Null
            )
        );
        assert_eq!(asked("claude-opus-4-6", Thinking::Off, None).3, json!(1.0));
        assert_eq!(
            asked("claude-haiku-5-5", Thinking::Off, None).0,
            json!({"type": "disabled"})
        );
        assert_eq!(
            asked("claude-opus-5-5", Thinking::Off, None),
            (Value::Null, json!(64_000), Value::Null, Value::Null)
        );
    }

    #[test]
    fn every_budget_is_below_its_limit() {
        for model in ["claude-haiku-4-5", "claude-opus-4-1", "other"] {
            for thinking in Thinking::ALL {
                for max in [
                    None,
                    Some(1),
                    Some(1024),
                    Some(2048),
                    Some(9000),
                    Some(64_000),
                ] {
                    let body = body(&Request {
                        thinking,
                        max_tokens: max,
                        ..request(model)
                    });
                    let limit = body["max_tokens"].as_u64().unwrap();
                    assert!(
                        limit <= u64::from(max.unwrap_or(64_000)),
                        "{model} {thinking:?} {max:?}"
                    );
                    if let Some(budget) = body["thinking"]["budget_tokens"].as_u64() {
                        assert!(
                            (1024..limit).contains(&budget),
                            "{model} {thinking:?} {max:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn at_most_four_marks_are_set_where_they_reach_farthest() {
        let piece = |text: &str, cache| System {
            text: text.into(),
            cache,
        };
        let request = Request {
            system: vec![
                piece("static", true),
                piece("soul", true),
                piece("user", true),
                piece("now", false),
                piece(" ", true),
            ]
            .into(),
            tools: vec![Arc::new(tool()), Arc::new(tool())],
            messages: vec![
                Message::user("a"),
                Message::assistant("b"),
                Message::user("c"),
            ]
            .into(),
            ..request("claude-opus-5-5")
        };
        let body = body(&request);
        let marks = |list: &Value| -> Vec<bool> {
            let list = list.as_array().unwrap().iter();
            list.map(|block| block.get("cache_control").is_some())
                .collect()
        };
        assert_eq!(marks(&body["system"]), [true, false, true, false]);
        assert_eq!(marks(&body["tools"]), [false, true]);
        assert_eq!(marks(&body["messages"][0]["content"]), [false]);
        assert_eq!(marks(&body["messages"][2]["content"]), [true]);
    }

    #[test]
    fn a_turn_of_another_provider_goes_on_without_thinking() {
        let call = Part::ToolUse {
            id: "a.b".into(),
            name: "t".into(),
            input: Value::String("{x".into()),
        };
        let result = Part::ToolResult {
            id: "a.b".into(),
            name: "t".into(),
            content: "no".into(),
            is_error: true,
        };
        let thought = |signature: Option<&str>| Part::Thinking {
            text: "hm".into(),
            signature: signature.map(str::to_owned),
        };
        let asked = |first: Part| {
            let mut request = request("claude-haiku-4-5");
            request.thinking = Thinking::Low;
            request.tools = vec![Arc::new(tool())];
            request.messages_mut().push(Message {
                role: Role::Assistant,
                parts: vec![first, call.clone()],
            });
            request.messages_mut().push(Message {
                role: Role::User,
                parts: vec![Part::Text { text: "and".into() }, result.clone()],
            });
            body(&request)
        };
        let other = asked(thought(None));
        assert!(other.get("thinking").is_none());
        assert_eq!(
            other["messages"][1]["content"],
            json!([{"type": "tool_use", "id": "a_b", "name": "t", "input": {"invalid_arguments": "{x"}}])
        );
        assert_eq!(other["messages"][2]["content"][0]["type"], "tool_result");
        assert_eq!(other["messages"][2]["content"][0]["is_error"], true);
        let google = asked(thought(Some("google:s")));
        assert_eq!(google["messages"], other["messages"]);
        assert!(google.get("thinking").is_none());
        let own = asked(thought(Some("s")));
        assert!(own.get("thinking").is_some());
        assert_eq!(own["messages"][1]["content"][0]["signature"], "s");
    }
}
