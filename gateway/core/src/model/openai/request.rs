//! A request in OpenAI's words.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::details;
use super::dialect::{Dialect, Effort, effort};
use crate::model::{Format, GOOGLE_SEAL, Message, Part, Request, Role, Thinking, ToolChoice};

pub(super) fn body(request: &Request, dialect: &Dialect) -> Value {
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| body.insert(key.to_owned(), value);
    set("model", json!(request.model));
    set("stream", json!(true));
    if dialect.stream_options {
        set("stream_options", json!({"include_usage": true}));
    }
    set("messages", messages(request, dialect));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.schema,
            }})
        });
        set("tools", tools.collect());
        let choice = match &request.tool_choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        };
        set("tool_choice", choice);
    }
    if let Some(wanted) = request.format.as_ref().filter(|_| dialect.formats) {
        set("response_format", format(wanted));
    }
    if let Some(max) = request.max_tokens {
        set(dialect.max_tokens, json!(max));
    }
    if !dialect.refuses_sampling(request) {
        if let Some(temperature) = request.temperature {
            set("temperature", json!(temperature));
        }
        if let Some(top_p) = request.top_p {
            set("top_p", json!(top_p));
        }
        if !request.stop.is_empty() {
            set("stop", json!(request.stop));
        }
    }
    if request.thinking != Thinking::Off && dialect.thinks(&request.model) {
        let level = effort(request.thinking);
        match dialect.effort {
            Effort::Named(_) => set("reasoning_effort", json!(level)),
            Effort::Reasoning => set("reasoning", json!({"effort": level})),
            Effort::Switch => set("thinking", json!({"type": "enabled"})),
        };
    }
    Value::Object(body)
}

fn format(wanted: &Format) -> Value {
    let Format::Schema {
        name,
        schema,
        strict,
    } = wanted
    else {
        return json!({"type": "json_object"});
    };
    let mut named = json!({"name": name, "schema": schema});
    if let Some(strict) = strict {
        named["strict"] = json!(strict);
    }
    json!({"type": "json_schema", "json_schema": named})
}

fn messages(request: &Request, dialect: &Dialect) -> Value {
    let mut written = Vec::with_capacity(request.messages.len() + 1);
    let system = request.system.iter().map(|piece| piece.text.as_str());
    let system: Vec<&str> = system.filter(|text| !text.trim().is_empty()).collect();
    if !system.is_empty() {
        written.push(json!({"role": "system", "content": system.join("\n\n")}));
    }
    for message in request.messages.iter() {
        match message.role {
            Role::User => user(message, dialect, &mut written),
            Role::Assistant => assistant(message, request, dialect, &mut written),
        }
    }
    Value::Array(written)
}

/// Results are messages of their own, and come before words.
fn user(message: &Message, dialect: &Dialect, written: &mut Vec<Value>) {
    let mut content = Vec::new();
    let mut pictures = false;
    for part in &message.parts {
        match part {
            Part::ToolResult { id, content, .. } => written.push(json!({
                "role": "tool", "tool_call_id": call_id(id, dialect), "content": content,
            })),
            Part::Text { text } | Part::Note { text } if !text.is_empty() => {
                content.push(json!({"type": "text", "text": text}));
            }
            Part::Image { media_type, data } => {
                pictures = true;
                let url = format!("data:{media_type};base64,{data}");
                content.push(json!({"type": "image_url", "image_url": {"url": url}}));
            }
            // The model's, not the user's.
            Part::Text { .. }
            | Part::Note { .. }
            | Part::Thinking { .. }
            | Part::RedactedThinking { .. }
            | Part::ToolUse { .. } => {}
        }
    }
    if pictures {
        written.push(json!({"role": "user", "content": content}));
    } else if !content.is_empty() {
        // Plain words: not every server takes lists.
        written.push(json!({"role": "user", "content": message.text_and_notes()}));
    }
}

fn assistant(message: &Message, request: &Request, dialect: &Dialect, written: &mut Vec<Value>) {
    let mut calls = Vec::new();
    let mut thoughts = String::new();
    let mut details = Vec::new();
    // Only the first of several calls has a seal.
    let mut seal = dialect
        .seals_calls
        .then(|| no_seal(&request.model))
        .flatten();
    for part in &message.parts {
        match part {
            Part::ToolUse { id, name, input } => {
                let arguments = crate::model::arguments(input).to_string();
                let mut call = json!({
                    "id": call_id(id, dialect), "type": "function",
                    "function": {"name": name, "arguments": arguments},
                });
                if let Some(seal) = seal.take() {
                    call["extra_content"] = json!({"google": {"thought_signature": seal}});
                }
                calls.push(call);
            }
            Part::Thinking { text, signature } => {
                thoughts.push_str(text);
                if dialect.returns_details {
                    details.extend(details::of(signature.as_deref(), &request.model));
                }
                let google = signature
                    .as_deref()
                    .and_then(|s| s.strip_prefix(GOOGLE_SEAL));
                if dialect.seals_calls && google.is_some() {
                    seal = google;
                }
            }
            _ => {}
        }
    }
    let text = message.text();
    if text.is_empty() && calls.is_empty() {
        return;
    }
    let content = if text.is_empty() {
        Value::Null
    } else {
        json!(text)
    };
    let mut said = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        said["tool_calls"] = Value::Array(calls);
        if dialect.returns_thoughts && !thoughts.is_empty() {
            said["reasoning_content"] = json!(thoughts);
        }
    }
    if !details.is_empty() {
        said["reasoning_details"] = Value::Array(details);
    }
    written.push(said);
}

/// What Google's pages name in place of a seal for calls that another model made. Before its third generation none is asked for.
fn no_seal(model: &str) -> Option<&'static str> {
    let own = model.rsplit('/').next().unwrap_or(model);
    let early = ["gemini-1", "gemini-2"]
        .iter()
        .any(|early| own.starts_with(early));
    (!early).then_some("skip_thought_signature_validator")
}

/// What short ids are written in.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// An id as the provider takes it; the same id always becomes the same.
fn call_id(id: &str, dialect: &Dialect) -> String {
    let fits = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !dialect.short_ids || fits {
        return id.to_owned();
    }
    let digest = Sha256::digest(id);
    let letters = digest.iter().take(9);
    letters
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{System, ToolSpec};

    fn whole() -> Request {
        Request {
            model: "gpt-5.2".into(),
            system: vec![
                System {
                    text: "You are.".into(),
                    cache: true,
                },
                System {
                    text: "Now.".into(),
                    cache: false,
                },
            ]
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
                            signature: Some("s".into()),
                        },
                        Part::ToolUse {
                            id: "toolu_1".into(),
                            name: "t".into(),
                            input: json!({"a": 1}),
                        },
                    ],
                },
                Message {
                    role: Role::User,
                    parts: vec![
                        Part::ToolResult {
                            id: "toolu_1".into(),
                            name: "t".into(),
                            content: "42".into(),
                            is_error: false,
                        },
                        Part::Text {
                            text: "go on".into(),
                        },
                    ],
                },
            ]
            .into(),
            tools: vec![Arc::new(ToolSpec {
                name: "t".into(),
                description: "d".into(),
                schema: json!({"type": "object"}),
            })],
            tool_choice: ToolChoice::Named("t".into()),
            thinking: Thinking::Xhigh,
            max_tokens: Some(100),
            temperature: Some(0.5),
            top_p: None,
            stop: vec!["END".into()],
            session: Some("s".into()),
            format: None,
        }
    }

    #[test]
    fn a_format_is_asked_of_who_holds_models_to_it() {
        let schema = json!({"type": "object"});
        for (wanted, expected) in [
            (Format::Json, json!({"type": "json_object"})),
            (
                Format::Schema {
                    name: "n".into(),
                    schema: schema.clone(),
                    strict: Some(true),
                },
                json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}}),
            ),
        ] {
            let request = Request {
                format: Some(wanted),
                ..whole()
            };
            let of = |name| body(&request, Dialect::named(name).unwrap());
            assert_eq!(of("openai")["response_format"], expected);
            assert_eq!(of("deepseek").get("response_format"), None);
        }
    }

    #[test]
    fn a_whole_request_is_as_openai_takes_it() {
        let body = body(&whole(), Dialect::named("openai").unwrap());
        assert_eq!(
            body,
            json!({
                "model": "gpt-5.2", "stream": true, "stream_options": {"include_usage": true},
                "messages": [
                    {"role": "system", "content": "You are.\n\nNow."},
                    {"role": "user", "content": [
                        {"type": "text", "text": "look"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                    ]},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "toolu_1", "type": "function", "function": {"name": "t", "arguments": "{\"a\":1}"}},
                    ]},
                    {"role": "tool", "tool_call_id": "toolu_1", "content": "42"},
                    {"role": "user", "content": "go on"},
                ],
                "tools": [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object"}}}],
                "tool_choice": {"type": "function", "function": {"name": "t"}},
                "max_completion_tokens": 100,
                "reasoning_effort": "high",
            })
        );
    }

    #[test]
    fn others_are_told_in_their_own_ways() {
        let asked = |provider: &str, model: &str| {
            let request = Request {
                model: model.into(),
                ..whole()
            };
            body(&request, Dialect::named(provider).unwrap())
        };
        let mistral = asked("mistral", "mistral-large");
        assert!(mistral.get("stream_options").is_none());
        assert!(mistral.get("reasoning_effort").is_none());
        let id = mistral["messages"][2]["tool_calls"][0]["id"]
            .as_str()
            .unwrap();
        assert_eq!(
            (id.len(), id),
            (9, mistral["messages"][3]["tool_call_id"].as_str().unwrap())
        );
        assert_eq!(mistral["max_tokens"], 100);
        assert_eq!(mistral["temperature"], 0.5);
        assert_eq!(mistral["stop"], json!(["END"]));
        let router = asked("openrouter", "a/b:free");
        assert_eq!(router["reasoning"], json!({"effort": "high"}));
        let seal = |body: &Value| body["messages"][2]["tool_calls"][0]["extra_content"].clone();
        let google = |seal: &str| json!({"google": {"thought_signature": seal}});
        assert_eq!(seal(&asked("gemini", "gemini-2.5-pro")), Value::Null);
        assert_eq!(
            seal(&asked("gemini", "gemini-3-pro")),
            google("skip_thought_signature_validator")
        );
        assert_eq!(seal(&asked("openai", "gpt-5.2")), Value::Null);
        let mut own = whole();
        own.model = "gemini-3-pro".into();
        let Part::Thinking { signature, .. } = &mut own.messages_mut()[1].parts[0] else {
            panic!("{own:?}");
        };
        *signature = Some("google:sealed".into());
        let own = body(&own, Dialect::named("gemini").unwrap());
        assert_eq!(seal(&own), google("sealed"));
        let deepseek = asked("deepseek", "deepseek-chat");
        assert_eq!(deepseek["thinking"], json!({"type": "enabled"}));
        assert_eq!(deepseek["messages"][2]["reasoning_content"], "hm");
    }
}
