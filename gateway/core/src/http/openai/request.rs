//! What OpenAI's clients send, read strictly where it matters and leniently where it doesn't.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::OpenAiError;
use super::messages;
use crate::agent::{Ask, Given};
use crate::clock::unique;
use crate::limits::{MAX_GIVEN_TOOLS, MAX_STOP_TEXTS};
use crate::model::{Part, Thinking, ToolChoice, ToolSpec};

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
        let (system, mut messages) = messages::conversation(&body.messages)?;
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
