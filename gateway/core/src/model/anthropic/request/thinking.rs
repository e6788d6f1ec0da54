//! How much is thought before an answer, and how long both may be.

use serde_json::{Value, json};

use crate::model::anthropic::version;
use crate::model::{Message, Part, Request, Role, Thinking, ToolChoice, anthropic_seal};

/// Tokens that are left for the answer itself when only the thinking has a budget.
const ANSWER_TOKENS: u32 = 8192;
/// The smallest budget that the API takes.
const LEAST_BUDGET: u32 = 1024;

/// Sets how much is thought and answered; whether it thinks.
pub(super) fn limits(
    request: &Request,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) -> bool {
    let model = &request.model;
    let version = version::of(model);
    let longest = version::longest_answer(version);
    let max = request.max_tokens.map(|max| max.max(1));
    let forced = matches!(
        request.tool_choice,
        ToolChoice::Required | ToolChoice::Named(_)
    );
    // The API takes no thinking together with a call that must be made.
    let wanted = request.thinking != Thinking::Off && (request.tools.is_empty() || !forced);
    if version::thinks_adaptively(version) {
        set("max_tokens", json!(max.unwrap_or(longest)));
        if wanted {
            let strict = version::is_strict(version);
            let mut thinking = json!({"type": "adaptive"});
            if strict {
                thinking["display"] = json!("summarized");
            }
            set("thinking", thinking);
            let effort = effort(request.thinking, strict);
            set("output_config", json!({"effort": effort}));
        } else if version::must_be_told_not_to_think(model, version) {
            set("thinking", json!({"type": "disabled"}));
        }
        return wanted;
    }
    // Thoughts must be followed by an answer: the budget is less than the limit, whichever of the two must give way.
    let budget = request.thinking.budget();
    let max =
        max.unwrap_or_else(|| longest.min(budget.saturating_add(ANSWER_TOKENS).max(longest / 2)));
    let budget = budget.min(max.saturating_sub(max.min(ANSWER_TOKENS) / 2));
    let thinks = wanted && budget >= LEAST_BUDGET && max > budget && !unthought(&request.messages);
    set("max_tokens", json!(max));
    if thinks {
        set(
            "thinking",
            json!({"type": "enabled", "budget_tokens": budget}),
        );
    }
    thinks
}

fn effort(level: Thinking, strict: bool) -> &'static str {
    match level {
        Thinking::Off | Thinking::Minimal | Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::Xhigh if strict => "xhigh",
        Thinking::High | Thinking::Xhigh => "high",
    }
}

/// Whether the model is in the middle of a turn in which it called tools without thinking: with a budget the API then refuses to go on
/// thinking. Such a turn was another provider's.
fn unthought(messages: &[Message]) -> bool {
    let turn = messages.iter().rev().take_while(|message| {
        message.role == Role::Assistant
            || message
                .parts
                .iter()
                .any(|part| matches!(part, Part::ToolResult { .. }))
    });
    let mut calls = turn.filter(|message| {
        message
            .parts
            .iter()
            .any(|part| matches!(part, Part::ToolUse { .. }))
    });
    calls.any(|message| match message.parts.first() {
        Some(Part::Thinking { signature, .. }) => anthropic_seal(signature.as_deref()).is_none(),
        Some(Part::RedactedThinking { .. }) => false,
        _ => true,
    })
}
