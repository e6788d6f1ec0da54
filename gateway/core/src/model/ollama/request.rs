//! A request in Ollama's words.

use serde_json::{Map, Value, json};

use crate::model::{Message, Part, Request, Role, Thinking, ToolChoice};

/// `think` is false for a model that was found not to know the word.
pub(super) fn body(request: &Request, think: bool, context: Option<u32>) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("stream", json!(true));
    set("messages", messages(request));
    // It can't be told to call a tool; it can be kept from it.
    if !request.tools.is_empty() && request.tool_choice != ToolChoice::None {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.schema,
            }})
        });
        set("tools", tools.collect());
    }
    if think {
        set("think", level(request));
    }
    let mut options = Map::new();
    let numbers = [
        ("num_predict", request.max_tokens.map(Value::from)),
        ("num_ctx", context.map(Value::from)),
        ("temperature", request.temperature.map(Value::from)),
        ("top_p", request.top_p.map(Value::from)),
        (
            "stop",
            (!request.stop.is_empty()).then(|| json!(request.stop)),
        ),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            options.insert(name.to_owned(), value);
        }
    }
    if !options.is_empty() {
        set("options", Value::Object(options));
    }
    Value::Object(body)
}

/// Whether it thinks; gpt-oss alone takes how much.
fn level(request: &Request) -> Value {
    let levels = request.model.contains("gpt-oss");
    match request.thinking {
        Thinking::Off => json!(false),
        _ if !levels => json!(true),
        Thinking::Minimal | Thinking::Low => json!("low"),
        Thinking::Medium => json!("medium"),
        Thinking::High | Thinking::Xhigh => json!("high"),
    }
}

fn messages(request: &Request) -> Value {
    let mut written = Vec::with_capacity(request.messages.len() + 1);
    let system = request.system.iter().map(|piece| piece.text.as_str());
    let system: Vec<&str> = system.filter(|text| !text.trim().is_empty()).collect();
    if !system.is_empty() {
        written.push(json!({"role": "system", "content": system.join("\n\n")}));
    }
    for message in request.messages.iter() {
        write(message, &mut written);
    }
    Value::Array(written)
}

fn write(message: &Message, written: &mut Vec<Value>) {
    let (mut images, mut calls, mut thoughts) = (Vec::new(), Vec::new(), String::new());
    for part in &message.parts {
        match part {
            Part::ToolResult { name, content, .. } => {
                written.push(json!({"role": "tool", "tool_name": name, "content": content}));
            }
            Part::Image { data, .. } => images.push(json!(data)),
            Part::ToolUse { name, input, .. } => calls.push(json!({
                "function": {"name": name, "arguments": crate::model::arguments(input)},
            })),
            Part::Thinking { text, .. } => thoughts.push_str(text),
            Part::Text { .. } | Part::Note { .. } | Part::RedactedThinking { .. } => {}
        }
    }
    let text = message.text_and_notes();
    if text.is_empty() && images.is_empty() && calls.is_empty() {
        return;
    }
    let mut said = json!({
        "role": match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        "content": text,
    });
    if !images.is_empty() {
        said["images"] = Value::Array(images);
    }
    if !calls.is_empty() {
        said["tool_calls"] = Value::Array(calls);
        // What led to a call is part of it.
        if !thoughts.is_empty() {
            said["thinking"] = json!(thoughts);
        }
    }
    written.push(said);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{System, ToolSpec};

    #[test]
    fn a_whole_request_is_as_ollama_takes_it() {
        let request = Request {
            model: "qwen3".into(),
            system: vec![System {
                text: "You are.".into(),
                cache: true,
            }]
            .into(),
            messages: vec![
                Message {
                    role: Role::User,
                    parts: vec![
                        Part::Text {
                            text: "look".into(),
                        },
                        Part::Image {
                            media_type: "image/png".into(),
                            data: "AA==".into(),
                        },
                    ],
                },
                Message {
                    role: Role::Assistant,
                    parts: vec![
                        Part::Thinking {
                            text: "hm".into(),
                            signature: None,
                        },
                        Part::ToolUse {
                            id: "1".into(),
                            name: "t".into(),
                            input: json!({"a": 1}),
                        },
                    ],
                },
                Message {
                    role: Role::User,
                    parts: vec![Part::ToolResult {
                        id: "1".into(),
                        name: "t".into(),
                        content: "42".into(),
                        is_error: false,
                    }],
                },
            ]
            .into(),
            tools: vec![Arc::new(ToolSpec {
                name: "t".into(),
                description: "d".into(),
                schema: json!({"type": "object"}),
            })],
            thinking: Thinking::High,
            max_tokens: Some(100),
            temperature: Some(0.5),
            ..Request::default()
        };
        let expected = json!({
            "model": "qwen3", "stream": true,
            "messages": [
                {"role": "system", "content": "You are."},
                {"role": "user", "content": "look", "images": ["AA=="]},
                {"role": "assistant", "content": "", "thinking": "hm",
                 "tool_calls": [{"function": {"name": "t", "arguments": {"a": 1}}}]},
                {"role": "tool", "tool_name": "t", "content": "42"},
            ],
            "tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object"}}}],
            "think": true,
            "options": {"num_predict": 100, "num_ctx": 32768, "temperature": 0.5},
        });
        assert_eq!(body(&request, true, Some(32_768)), expected);
        let levels = Request {
            model: "gpt-oss:20b".into(),
            ..request.clone()
        };
        assert_eq!(body(&levels, true, None)["think"], "high");
        assert!(body(&request, false, None).get("think").is_none());
        let none = Request {
            tool_choice: ToolChoice::None,
            thinking: Thinking::Off,
            ..request
        };
        assert_eq!(body(&none, true, None)["think"], false);
        assert!(body(&none, true, None).get("tools").is_none());
    }
}
