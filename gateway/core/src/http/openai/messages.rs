//! The conversation that comes with a request.

use serde_json::{Map, Value};

use super::error::OpenAiError;
use crate::limits::MAX_GIVEN_MESSAGES;
use crate::model::{Message, Part, Role};

/// What is for the system prompt, and the conversation, which ends with the user or with results of tools.
pub(super) fn conversation(sent: &[Value]) -> Result<(Vec<String>, Vec<Message>), OpenAiError> {
    if sent.len() > MAX_GIVEN_MESSAGES {
        let text = format!(
            "there are {} messages, at most {MAX_GIVEN_MESSAGES} are taken",
            sent.len()
        );
        return Err(OpenAiError::param("messages", text));
    }
    let mut system = Vec::new();
    let mut messages: Vec<Message> = Vec::new();
    // The tools' names by the ids of their calls.
    let mut called: Map<String, Value> = Map::new();
    for (at, message) in sent.iter().enumerate() {
        let place = format!("messages[{at}]");
        let content = || parts(&message["content"], &place);
        let (role, parts) = match message["role"].as_str() {
            Some("system" | "developer") => {
                system.push(words(&content()?));
                continue;
            }
            Some("user") => (Role::User, content()?),
            Some("assistant") => (Role::Assistant, assistant(message, &place, &mut called)?),
            Some("tool") => (Role::User, vec![result(message, &place, &called)?]),
            _ => {
                return Err(OpenAiError::param(
                    format!("{place}.role"),
                    "must be system, developer, user, assistant or tool",
                ));
            }
        };
        match messages.last_mut() {
            // Results of several calls are one answer.
            Some(last) if last.role == role && role == Role::User => last.parts.extend(parts),
            _ => messages.push(Message { role, parts }),
        }
    }
    if messages.last().is_none_or(|last| last.role != Role::User) {
        return Err(OpenAiError::param(
            "messages",
            "the last message must be the user's, or a tool's",
        ));
    }
    Ok((system, messages))
}

fn assistant(
    message: &Value,
    place: &str,
    called: &mut Map<String, Value>,
) -> Result<Vec<Part>, OpenAiError> {
    let mut said = match &message["content"] {
        Value::Null => Vec::new(),
        content => parts(content, place)?,
    };
    let calls = message["tool_calls"].as_array().map(Vec::as_slice);
    for (at, call) in calls.unwrap_or_default().iter().enumerate() {
        let function = &call["function"];
        let (Some(id), Some(name)) = (call["id"].as_str(), function["name"].as_str()) else {
            return Err(OpenAiError::param(
                format!("{place}.tool_calls[{at}]"),
                "needs an id and a function with a name",
            ));
        };
        called.insert(id.to_owned(), name.into());
        let arguments = function["arguments"].as_str().unwrap_or_default();
        said.push(Part::ToolUse {
            id: id.to_owned(),
            name: name.to_owned(),
            input: serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into()),
        });
    }
    Ok(said)
}

fn result(message: &Value, place: &str, called: &Map<String, Value>) -> Result<Part, OpenAiError> {
    let id = message["tool_call_id"].as_str().unwrap_or_default();
    let Some(name) = called.get(id).and_then(Value::as_str) else {
        return Err(OpenAiError::param(
            format!("{place}.tool_call_id"),
            format!("`{id}` is the id of no call in the assistant's messages before"),
        ));
    };
    Ok(Part::ToolResult {
        id: id.to_owned(),
        name: name.to_owned(),
        content: words(&parts(&message["content"], place)?),
        is_error: false,
    })
}

/// Content: a text, or a list of texts and pictures.
fn parts(content: &Value, place: &str) -> Result<Vec<Part>, OpenAiError> {
    let wrong = |place: String, text: &str| Err(OpenAiError::param(place, text));
    let list = match content {
        Value::String(text) => return Ok(vec![Part::Text { text: text.clone() }]),
        Value::Array(list) => list,
        _ => {
            return wrong(
                format!("{place}.content"),
                "must be a text or a list of parts",
            );
        }
    };
    let mut parts = Vec::with_capacity(list.len());
    for (at, part) in list.iter().enumerate() {
        let place = format!("{place}.content[{at}]");
        parts.push(match part["type"].as_str() {
            Some("text") => match part["text"].as_str() {
                Some(text) => Part::Text {
                    text: text.to_owned(),
                },
                None => return wrong(place, "needs its `text`"),
            },
            // What an assistant once said instead of an answer.
            Some("refusal") => match part["refusal"].as_str() {
                Some(text) => Part::Text {
                    text: text.to_owned(),
                },
                None => return wrong(place, "needs its `refusal`"),
            },
            Some("image_url") => match picture(part["image_url"]["url"].as_str()) {
                Some(picture) => picture,
                None => {
                    return wrong(
                        place,
                        "pictures come as data: URLs in base64; none is fetched",
                    );
                }
            },
            _ => return wrong(place, "only parts of type text and image_url are known"),
        });
    }
    Ok(parts)
}

fn picture(url: Option<&str>) -> Option<Part> {
    let (media_type, data) = url?.strip_prefix("data:")?.split_once(";base64,")?;
    media_type.starts_with("image/").then(|| Part::Image {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

fn words(parts: &[Part]) -> String {
    let words = parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    words.collect::<Vec<_>>().join("\n")
}
