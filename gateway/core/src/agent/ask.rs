//! What somebody asks of the agent.

use std::sync::Arc;

use crate::model::{Format, Message, Part, Thinking, ToolChoice, ToolSpec};

use super::OWNER;

/// A message to the agent, with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The conversation, such as `web:default`.
    pub session: String,
    /// What is said: words and pictures of the user. A single text that begins with `/` is a command.
    pub parts: Vec<Part>,
    /// The channel that it came by.
    pub channel: String,
    /// Who says it, by the channel's id.
    pub user: Option<String>,
    /// Whom the agent acts for; `owner` for who shows the gateway's token.
    pub role: String,
    /// What it is about, where a channel tells, for a soul of its own.
    pub context: Option<String>,
    /// The model to use this once.
    pub model: Option<String>,
    /// How long it thinks this once.
    pub thinking: Option<Thinking>,
    /// Whether somebody can be asked when the conscience wants it; otherwise such a call is refused.
    pub asks: bool,
    /// What a program adds to the system prompt for this once.
    pub extra: Option<String>,
    /// The conversation itself, where whoever asks keeps it; then the gateway doesn't.
    pub given: Option<Box<Given>>,
}

/// A conversation that somebody else keeps, and how the model is to go on with it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// What they add to the system prompt.
    pub system: Vec<String>,
    /// What was said before [`Ask::parts`].
    pub messages: Vec<Message>,
    /// Their own tools, which they run themselves. While there are any, the gateway's are not offered.
    pub tools: Vec<Arc<ToolSpec>>,
    /// Whether the model may call them.
    pub tool_choice: ToolChoice,
    /// Tokens of the answer.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Whether of several calls of their tools they want the first alone.
    pub one_call: bool,
    /// What the answer must be, where it is not words.
    pub format: Option<Format>,
}

impl Ask {
    /// `text`, said in `session` on `channel` by the owner.
    pub fn new(
        session: impl Into<String>,
        channel: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            session: session.into(),
            parts: vec![Part::Text { text: text.into() }],
            channel: channel.into(),
            user: None,
            role: OWNER.to_owned(),
            context: None,
            model: None,
            thinking: None,
            asks: false,
            extra: None,
            given: None,
        }
    }

    /// Whether nothing is said, and nothing shown.
    pub(crate) fn is_blank(&self) -> bool {
        let blank = |part: &Part| matches!(part, Part::Text { text } if text.trim().is_empty());
        self.parts.iter().all(blank)
    }

    /// Adds what came with the message, which may be all of it.
    pub(crate) fn attach(&mut self, attached: Vec<Part>) {
        if !attached.is_empty() && self.text().is_some_and(|text| text.trim().is_empty()) {
            self.parts.clear();
        }
        self.parts.extend(attached);
    }

    /// The message, where it is a single text.
    pub(super) fn text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text { text }] => Some(text),
            _ => None,
        }
    }
}
