//! What OpenAI's clients send, read strictly where it matters and leniently where it doesn't.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::OpenAiError;
use crate::agent::{Ask, Given};
use crate::clock::unique;
use crate::limits::{MAX_GIVEN_MESSAGES, MAX_GIVEN_TOOLS, MAX_STOP_TEXTS};
use crate::model::{Message, Part, Role, Thinking, ToolChoice, ToolSpec};

/// The channel of these requests.
const CHANNEL: &str = "api";

/// A request, read.
#[derive(Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) tells_usage: bool,
    thinking: Option<Thinking>,
    user: Option<String>,
    last: Vec<Part>,
    given: Given,
}

/// The body. What is not here means nothing to us and is left alone, as clients send much.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    messages: Vec<Value>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<u32>,
    stop: Option<Stop>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Value>,
    functions: Option<Value>,
    reasoning_effort: Option<String>,
    response_format: Option<Value>,
    user: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
}

impl Completion {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, OpenAiError> {
        let body: Body = serde_json::from_slice(body).map_err(|error| {
            OpenAiError::new(
                StatusCode::BAD_REQUEST,
                format!(
                    r#"the body is not what is expected: {error}; send for example {{"model": "smoltbot", "messages": [{{"role": "user", "content": "Hello"}}]}}"#
                ),
            )
        })?;
        if body.n.is_some_and(|n| n != 1) {
            return Err(OpenAiError::param(
                "n",
                "only one answer is made: leave n out",
            ));
        }
        if let Some(format) = &body.response_format
            && format["type"] != "text"
        {
            let text = "only text is answered: leave response_format out, or ask for JSON in words";
            return Err(OpenAiError::param("response_format", text));
        }
        within("temperature", body.temperature, 2.0)?;
        within("top_p", body.top_p, 1.0)?;
        let stop = match body.stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Many(texts)) => texts,
        };
        if stop.len() > MAX_STOP_TEXTS {
            let text = format!("at most {MAX_STOP_TEXTS} texts may end an answer");
            return Err(OpenAiError::param("stop", text));
        }
        if body.functions.is_some() {
            let text = "functions were replaced by tools: send each as {\"type\": \"function\", \"function\": {…}} in `tools`";
            return Err(OpenAiError::param("functions", text));
        }
        let tools = tools(body.tools.unwrap_or_default())?;
        let tool_choice = tool_choice(body.tool_choice.as_ref(), &tools)?;
        let (system, mut messages) = conversation(&body.messages)?;
        // `conversation` made sure that there is one, and that it is the user's or a tool's.
        let last = messages
            .pop()
            .map(|message| message.parts)
            .unwrap_or_default();
        Ok(Self {
            model: body.model,
            stream: body.stream.unwrap_or_default(),
            tells_usage: body
                .stream_options
                .is_some_and(|options| options.include_usage),
            thinking: body.reasoning_effort.as_deref().map(thinking).transpose()?,
            user: body.user,
            last,
            given: Given {
                system,
                messages,
                tools,
                tool_choice,
                max_tokens: body.max_completion_tokens.or(body.max_tokens),
                temperature: body.temperature,
                top_p: body.top_p,
                stop,
            },
        })
    }

    /// The question to the agent; `model` is the one to use, if the agent is not to choose.
    pub(super) fn into_ask(self, model: Option<String>) -> Ask {
        Ask {
            parts: self.last,
            user: self.user,
            model,
            thinking: self.thinking,
            given: Some(Box::new(self.given)),
            ..Ask::new(format!("{CHANNEL}-{}", unique()), CHANNEL, String::new())
        }
    }
}

fn within(param: &str, value: Option<f64>, most: f64) -> Result<(), OpenAiError> {
    match value {
        Some(value) if !(0.0..=most).contains(&value) => Err(OpenAiError::param(
            param,
            format!("{value} is out of range: send 0 to {most}"),
        )),
        _ => Ok(()),
    }
}

fn thinking(effort: &str) -> Result<Thinking, OpenAiError> {
    let name = if effort == "none" { "off" } else { effort };
    let found = Thinking::ALL.into_iter().find(|level| level.name() == name);
    found.ok_or_else(|| {
        OpenAiError::param(
            "reasoning_effort",
            format!("`{effort}` is no level: send none, minimal, low, medium, high or xhigh"),
        )
    })
}

fn tools(tools: Vec<Tool>) -> Result<Vec<Arc<ToolSpec>>, OpenAiError> {
    if tools.len() > MAX_GIVEN_TOOLS {
        let text = format!(
            "there are {} tools, at most {MAX_GIVEN_TOOLS} are taken",
            tools.len()
        );
        return Err(OpenAiError::param("tools", text));
    }
    let read = |(at, tool): (usize, Tool)| match tool.function {
        Some(function) if tool.kind == "function" => Ok(Arc::new(ToolSpec {
            name: function.name,
            description: function.description.unwrap_or_default(),
            schema: function
                .parameters
                .unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        })),
        _ => Err(OpenAiError::param(
            format!("tools[{at}]"),
            "only tools of type function are known, each with its `function`",
        )),
    };
    tools.into_iter().enumerate().map(read).collect()
}

fn tool_choice(choice: Option<&Value>, tools: &[Arc<ToolSpec>]) -> Result<ToolChoice, OpenAiError> {
    let wrong = |text: String| Err(OpenAiError::param("tool_choice", text));
    let name = match choice {
        None | Some(Value::Null) => return Ok(ToolChoice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => return Ok(ToolChoice::Auto),
            "none" => return Ok(ToolChoice::None),
            "required" if tools.is_empty() => return wrong("there are no tools to require".into()),
            "required" => return Ok(ToolChoice::Required),
            word => return wrong(format!("`{word}` is none of auto, none, required")),
        },
        Some(choice) => choice["function"]["name"].as_str(),
    };
    match name {
        Some(name) if tools.iter().any(|tool| tool.name == name) => {
            Ok(ToolChoice::Named(name.to_owned()))
        }
        Some(name) => wrong(format!("there is no tool `{name}` among `tools`")),
        None => wrong(r#"name one as {"type": "function", "function": {"name": "…"}}"#.into()),
    }
}

/// What is for the system prompt, and the conversation, which ends with the user or with results of tools.
fn conversation(sent: &[Value]) -> Result<(Vec<String>, Vec<Message>), OpenAiError> {
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
