//! Messages of a conversation, in a form that every provider's can be made of and that is kept in sessions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person, or a tool that answers.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// What the gateway adds to the user's words, such as the day. It was not said by anybody: people are not shown it.
    Note {
        /// The words.
        text: String,
    },
    /// A picture that the user sent.
    Image {
        /// `image/png` and the like.
        media_type: String,
        /// In base64; nothing where only is told that there is one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        data: String,
    },
    /// What the model thought. Only the provider that signed it gets it back, unchanged and in its place.
    Thinking {
        /// The thoughts.
        text: String,
        /// The provider's seal over them: Anthropic's as it is, Google's after `google:`, OpenRouter's details after `openrouter:`.
        signature: Option<String>,
    },
    /// Thoughts that the provider keeps to itself.
    RedactedThinking {
        /// Opaque.
        data: String,
    },
    /// A call of a tool.
    ToolUse {
        /// The model's id of the call.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments: an object, or a string with the model's own text where that was no JSON.
        input: Value,
    },
    /// What came of a call.
    ToolResult {
        /// The id of the call.
        id: String,
        /// The tool, for providers that ask for its name.
        name: String,
        /// What the model is told.
        content: String,
        /// Whether it failed or was refused.
        is_error: bool,
    },
}

/// How the seals of Google's models begin here, so that no other provider is shown them.
pub(super) const GOOGLE_SEAL: &str = "google:";

/// How the details begin here that OpenRouter tells of thoughts; the model that they are of follows, and a line feed.
pub(super) const OPENROUTER_SEAL: &str = "openrouter:";

/// A seal that is Anthropic's own.
pub(super) fn anthropic_seal(signature: Option<&str>) -> Option<&str> {
    let others = [GOOGLE_SEAL, OPENROUTER_SEAL];
    signature.filter(|seal| !others.iter().any(|other| seal.starts_with(other)))
}

impl Message {
    /// Words of the user.
    pub fn user(text: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            parts: vec![Part::Text { text: text.into() }],
        }
    }

    /// Words of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            parts: vec![Part::Text { text: text.into() }],
        }
    }

    /// All words of it with the gateway's notes among them, for providers that take plain text.
    pub(super) fn text_and_notes(&self) -> String {
        let mut all = String::new();
        let mut noted = false;
        for part in &self.parts {
            let (text, note) = match part {
                Part::Text { text } => (text, false),
                Part::Note { text } => (text, true),
                _ => continue,
            };
            if (note || noted) && !all.is_empty() {
                all.push_str("\n\n");
            }
            all.push_str(text);
            noted = note;
        }
        all
    }

    /// All words of it, one after the other; notes are none.
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}
