//! The section `agent`: the one who answers in the chat.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::sections::absolute;

/// Tokens of a conversation from which on its older part is summarised, unless configured.
pub const DEFAULT_CONTEXT_TOKENS: usize = 100_000;
/// The fewest that may be configured: less would not hold the tools and a question.
pub const MIN_CONTEXT_TOKENS: usize = 4_000;
/// The most that may be configured: more than any model takes.
pub const MAX_CONTEXT_TOKENS: usize = 10_000_000;
/// The levels of thinking, the least first. What each means is `gateway`'s business; the words are the same.
pub const THINKING: [&str; 6] = ["off", "minimal", "low", "medium", "high", "xhigh"];

/// The agent of the chat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Agent {
    /// The model that answers when nobody names one, as `anthropic/claude-opus-5-5`; the first of the first provider.
    #[serde(deserialize_with = "model")]
    pub model: Option<String>,
    /// How long the model thinks when nobody says, one of [`THINKING`]; off.
    #[serde(deserialize_with = "thinking")]
    pub thinking: String,
    /// Tokens of a conversation from which on its older part is summarised; [`DEFAULT_CONTEXT_TOKENS`], from
    /// [`MIN_CONTEXT_TOKENS`] to [`MAX_CONTEXT_TOKENS`].
    #[serde(deserialize_with = "context")]
    pub context_tokens: usize,
    /// The directory that its tools work in, instead of the one in the home.
    #[serde(deserialize_with = "absolute")]
    pub workspace: Option<PathBuf>,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            model: None,
            thinking: THINKING[0].to_owned(),
            context_tokens: DEFAULT_CONTEXT_TOKENS,
            workspace: None,
        }
    }
}

fn model<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(D::Error::custom(format_args!(
            "\"{text}\" is no model's name: write it like anthropic/claude-opus-5-5"
        )));
    }
    Ok(Some(text))
}

fn thinking<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if THINKING.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(D::Error::custom(format_args!(
        "\"{text}\" is no level of thinking: use one of {}",
        THINKING.join(", ")
    )))
}

fn context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let tokens = u64::deserialize(deserializer)?;
    match usize::try_from(tokens) {
        Ok(tokens) if (MIN_CONTEXT_TOKENS..=MAX_CONTEXT_TOKENS).contains(&tokens) => Ok(tokens),
        _ => Err(D::Error::custom(format_args!(
            "{tokens} is out of range: write {MIN_CONTEXT_TOKENS} to {MAX_CONTEXT_TOKENS} tokens"
        ))),
    }
}
