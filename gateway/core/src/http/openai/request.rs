//! What OpenAI's clients send, read strictly where it matters and leniently where it doesn't.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::OpenAiError;
use super::fields::Fields;
use super::format;
use super::messages::conversation;
use crate::agent::{Ask, Given};
use crate::clock::unique;
use crate::limits::{MAX_GIVEN_TOOLS, MAX_STOP_TEXTS};
use crate::model::{Format, Part, Thinking, ToolChoice, ToolSpec};

/// The channel of these requests.
const CHANNEL: &str = "api";

/// A request, read.
#[derive(Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) tells_usage: bool,
    /// Whether a stream waits for the answer to be whole: what the agent says between its calls is no part of what must be JSON.
    pub(super) at_once: bool,
    thinking: Option<Thinking>,
    user: Option<String>,
    last: Vec<Part>,
    given: Given,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
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
        let mut body = Fields::read(body)?;
        body.refuse_what_would_be_left_out()?;
        let model = body.needed(
            "model",
            "the name of a model; `smoltbot` is the agent's own",
        )?;
        let sent: Vec<Value> = body.needed("messages", "a list of messages")?;
        let stop = body.take("stop", "a text, or a list of texts")?;
        let stop = match stop {
            None => Vec::new(),
            Some(Stop::One(text)) => vec![text],
            Some(Stop::Many(texts)) => texts,
        };
        if stop.len() > MAX_STOP_TEXTS {
            let text = format!("at most {MAX_STOP_TEXTS} texts may end an answer");
            return Err(OpenAiError::param("stop", text));
        }
        let max_tokens = body.tokens("max_completion_tokens")?;
        let max_tokens = max_tokens.or(body.tokens("max_tokens")?);
        let format = format::read(body.take("response_format", "an object with a `type`")?)?;
        let tools = body.take(
            "tools",
            r#"a list of {"type": "function", "function": {"name": "…"}}"#,
        )?;
        let tools = tools_of(tools.unwrap_or_default())?;
        let choice: Option<Value> = body.take("tool_choice", "a word or an object")?;
        let tool_choice = tool_choice(choice.as_ref(), &tools)?;
        let parallel = body.take("parallel_tool_calls", "true or false")?;
        let effort: Option<String> = body.take("reasoning_effort", "a level's name")?;
        let options: Option<StreamOptions> = body.take(
            "stream_options",
            r#"an object such as {"include_usage": true}"#,
        )?;
        let (mut system, mut messages) = conversation(&sent)?;
        system.extend(format.as_ref().map(Format::told));
        // `conversation` made sure that there is one, and that it is the user's or a tool's.
        let last = messages
            .pop()
            .map(|message| message.parts)
            .unwrap_or_default();
        Ok(Self {
            model,
            stream: body.take("stream", "true or false")?.unwrap_or_default(),
            tells_usage: options.is_some_and(|options| options.include_usage.unwrap_or_default()),
            at_once: format.is_some() && tools.is_empty(),
            thinking: effort.as_deref().map(thinking).transpose()?,
            user: body.take("user", "a text")?,
            last,
            given: Given {
                system,
                messages,
                tools,
                tool_choice,
                one_call: parallel == Some(false),
                max_tokens,
                temperature: body.within("temperature", 2.0)?,
                top_p: body.within("top_p", 1.0)?,
                stop,
                format,
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

fn tools_of(tools: Vec<Tool>) -> Result<Vec<Arc<ToolSpec>>, OpenAiError> {
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
