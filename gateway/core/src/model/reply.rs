//! What comes back from a model.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::message::Part;

/// A piece of an answer, when it comes.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Words.
    Text(String),
    /// Thoughts.
    Thinking(String),
    /// A call of a tool begins; its arguments follow.
    ToolUse {
        /// Which of the answer's calls, from 0.
        index: usize,
        /// The model's id of the call.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a call's arguments, as the JSON text they are written in.
    ToolInput {
        /// Which of the answer's calls, from 0.
        index: usize,
        /// The next piece of the text.
        json: String,
    },
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The model that answered, as the provider names it.
    pub model: String,
    /// What it said, thought and called, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it cost.
    pub usage: Usage,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model was done.
    EndTurn,
    /// It waits for the tools that it called.
    ToolUse,
    /// It ran into the limit of tokens.
    MaxTokens,
    /// One of the texts that end an answer came.
    StopSequence,
    /// The provider's own filter held it back.
    Refusal,
}

/// Tokens, as the provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Read anew: neither from nor into a cache.
    pub input_tokens: u64,
    /// Written, thoughts included.
    pub output_tokens: u64,
    /// Read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Read and put into the provider's cache.
    pub cache_write_tokens: u64,
}

impl Usage {
    /// All tokens that were read, cached or not.
    pub fn prompt_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_read_tokens)
            .saturating_add(self.cache_write_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        let sums = [
            (&mut self.input_tokens, more.input_tokens),
            (&mut self.output_tokens, more.output_tokens),
            (&mut self.cache_read_tokens, more.cache_read_tokens),
            (&mut self.cache_write_tokens, more.cache_write_tokens),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
    }
}
