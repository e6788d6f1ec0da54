//! A conversation as OpenAI's clients send it: its messages, and the parts of their content.

use serde_json::{Map, Value};

use super::error::OpenAiError;
use crate::attach;
use crate::limits::{MAX_GIVEN_MESSAGES, MAX_GIVEN_PICTURES};
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
                system.push(words(&message["content"], &place)?);
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
    let all = messages.iter().flat_map(|message| &message.parts);
    let pictures = all.filter(|part| matches!(part, Part::Image { .. }));
    let count = pictures.count();
    if count > MAX_GIVEN_PICTURES {
        let text = format!("there are {count} pictures, at most {MAX_GIVEN_PICTURES} are taken");
        return Err(OpenAiError::param("messages", text));
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
        content => texts(content, place)?,
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
        content: words(&message["content"], place)?,
        is_error: false,
    })
}

/// The user's content: a text, or a list of texts and pictures.
fn parts(content: &Value, place: &str) -> Result<Vec<Part>, OpenAiError> {
    let list = match content {
        Value::String(text) => return Ok(vec![Part::Text { text: text.clone() }]),
        Value::Array(list) => list,
        _ => {
            return Err(OpenAiError::param(
                format!("{place}.content"),
                "must be a text or a list of parts",
            ));
        }
    };
    let read = |(at, part): (usize, &Value)| {
        let place = format!("{place}.content[{at}]");
        match part["type"].as_str() {
            Some("text") => said(part, "text", &place),
            // What an assistant once said instead of an answer.
            Some("refusal") => said(part, "refusal", &place),
            Some("image_url") => picture(part["image_url"]["url"].as_str(), &place),
            _ => Err(OpenAiError::param(
                place,
                "only parts of type text and image_url are known",
            )),
        }
    };
    list.iter().enumerate().map(read).collect()
}

fn said(part: &Value, name: &str, place: &str) -> Result<Part, OpenAiError> {
    let text = part[name].as_str().map(str::to_owned);
    let text = text.ok_or_else(|| OpenAiError::param(place, format!("needs its `{name}`")))?;
    Ok(Part::Text { text })
}

fn picture(url: Option<&str>, place: &str) -> Result<Part, OpenAiError> {
    let wrong = |text: String| OpenAiError::param(format!("{place}.image_url.url"), text);
    match url {
        Some(url) if url.starts_with("data:") => {
            attach::picture(url, "the picture").map_err(|not| wrong(not.to_string()))
        }
        _ => Err(wrong(
            "pictures come as data: URLs in base64, such as data:image/png;base64,…; none is fetched".to_owned(),
        )),
    }
}

/// Content that has no pictures: only the user shows any.
fn texts(content: &Value, place: &str) -> Result<Vec<Part>, OpenAiError> {
    let parts = parts(content, place)?;
    if parts.iter().any(|part| matches!(part, Part::Image { .. })) {
        return Err(OpenAiError::param(
            format!("{place}.content"),
            "only messages of the user have pictures",
        ));
    }
    Ok(parts)
}

fn words(content: &Value, place: &str) -> Result<String, OpenAiError> {
    let parts = texts(content, place)?;
    let words = parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    Ok(words.collect::<Vec<_>>().join("\n"))
}
