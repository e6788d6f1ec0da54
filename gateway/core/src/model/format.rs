//! Answers as JSON.
//!
//! Every model is told in words what is wanted; a provider that holds its models to it is asked for that, too. Others have such an
//! option only without tools, or refuse what they don't know.

use serde_json::Value;

/// What an answer must be, where it is not words.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// JSON that fits a schema.
    Schema {
        /// What it is called.
        name: String,
        /// JSON Schema.
        schema: Value,
        /// Whether the provider is to hold the model to it; its own default if there is none.
        strict: Option<bool>,
    },
}

impl Format {
    /// What the model is told.
    pub(crate) fn told(&self) -> String {
        let alone = "Write it alone: no words before or after it, and no Markdown around it.";
        match self {
            Self::Json => format!("Your final answer is one JSON object. {alone}"),
            Self::Schema { name, schema, .. } => format!(
                "Your final answer is JSON that fits the schema `{name}`. {alone} The schema:\n{schema}"
            ),
        }
    }
}

/// `text` without the Markdown fence that some models put around JSON all the same.
pub(crate) fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'))
        .filter(|(sort, _)| matches!(sort.trim(), "" | "json" | "JSON"));
    inner.map_or(text, |(_, inner)| inner.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_around_the_whole_is_taken_away() {
        for (text, expected) in [
            ("{}", "{}"),
            ("```json\n{\"a\": 1}\n```", "{\"a\": 1}"),
            ("\n```\n[1]\n```\n", "[1]"),
            ("```python\nx\n```", "```python\nx\n```"),
            ("{\"a\": \"```\"}", "{\"a\": \"```\"}"),
            ("```", "```"),
        ] {
            assert_eq!(unfenced(text), expected);
        }
    }
}
