//! A conversation in Anthropic's words.

use serde_json::{Value, json};

use super::mark;
use crate::model::{Message, Part, Role, anthropic_seal};

pub(super) fn messages(messages: &[Message], tools: bool) -> Value {
    let mut written: Vec<Value> = Vec::with_capacity(messages.len());
    // The last block of the user's that is no note: whoever keeps the conversation may not keep our notes.
    let mut last = None;
    for message in messages {
        let mut content: Vec<Value> = Vec::with_capacity(message.parts.len());
        // Results stand before words in their message.
        let results = |part: &&Part| matches!(part, Part::ToolResult { .. });
        let parts = message.parts.iter();
        content.extend(
            parts
                .clone()
                .filter(results)
                .filter_map(|part| block(part, tools)),
        );
        content.extend(
            parts
                .filter(|part| !results(part))
                .filter_map(|part| block(part, tools)),
        );
        if !content.is_empty() {
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            let notes = message.parts.iter().rev();
            let notes = notes.take_while(|part| matches!(part, Part::Note { .. }));
            if message.role == Role::User {
                let said = content.len().saturating_sub(notes.count());
                last = Some((written.len(), said.max(1) - 1));
            }
            written.push(json!({"role": role, "content": content}));
        }
    }
    if let Some((message, block)) = last {
        mark(&mut written[message]["content"][block]);
    }
    Value::Array(written)
}

/// A part in the API's words; none for what it does not take. Without tools, calls are told in words: it takes no others then.
fn block(part: &Part, tools: bool) -> Option<Value> {
    Some(match part {
        Part::Text { text } | Part::Note { text } if text.trim().is_empty() => return None,
        Part::Text { text } | Part::Note { text } => json!({"type": "text", "text": text}),
        Part::Image { media_type, data } => json!({
            "type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": data},
        }),
        Part::Thinking { text, signature } => {
            // Without its seal they are another provider's thoughts.
            let signature = anthropic_seal(signature.as_deref())?;
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Part::RedactedThinking { data } => json!({"type": "redacted_thinking", "data": data}),
        Part::ToolUse { name, input, .. } if !tools => json!({
            "type": "text", "text": format!("[called the tool {name} with {input}]"),
        }),
        Part::ToolResult { name, content, .. } if !tools => json!({
            "type": "text", "text": format!("[the tool {name} answered: {content}]"),
        }),
        Part::ToolUse { id, name, input } => json!({
            "type": "tool_use", "id": plain(id), "name": name, "input": crate::model::arguments(input),
        }),
        Part::ToolResult {
            id,
            content,
            is_error,
            ..
        } => json!({
            "type": "tool_result", "tool_use_id": plain(id), "content": content, "is_error": is_error,
        }),
    })
}

/// An id in the characters that the API takes: another provider's may have others.
fn plain(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}
