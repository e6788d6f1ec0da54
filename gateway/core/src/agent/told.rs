//! What became of a call, in words: for the model, and for a person on a channel that shows only text.

use std::fmt::Write as _;

use super::answer::{CallReply, Reply};
use crate::limits::MAX_TOLD_BYTES;
use crate::tools::{self, text};

/// What the model is told of a call, and whether that is an error.
pub(super) fn to_model(reply: &Reply) -> (String, bool) {
    match reply {
        Reply::Result(call) => (cut(&shown(call)), false),
        Reply::Failure(call) => {
            let mut text = call.error.clone().unwrap_or_default();
            if !call.result.is_null() {
                text = format!("{text}\n\n{}", shown(call));
            }
            (cut(&text), true)
        }
        Reply::Refusal(call) => (refusal(call), true),
        // Nothing else comes of a call.
        other => (other.text(), true),
    }
}

/// The same for a person.
pub(super) fn to_person(reply: &Reply, call: &CallReply) -> String {
    let text = match reply {
        Reply::Refusal(_) => why(call),
        _ => to_model(reply).0,
    };
    format!("{text}\n\n{}", call.trace_url)
}

fn refusal(call: &CallReply) -> String {
    format!(
        "{} Don't try to reach the same by another way; tell the user what was refused, why, and this link: {}",
        why(call),
        call.trace_url
    )
}

/// Who refused, what for, and what would do instead.
fn why(call: &CallReply) -> String {
    let by = match call.approval {
        Some(_) => "A person was asked and did not agree",
        None => "The conscience refused this call, nothing was run",
    };
    let mut text = format!("{by}: {}.", call.verdict.reason.trim_end_matches('.'));
    if !call.verdict.values_violated.is_empty() {
        // Writing to a String does not fail.
        let _ = write!(
            text,
            " It would have violated: {}.",
            call.verdict.values_violated.join(", ")
        );
    }
    if let Some(advice) = &call.verdict.advice {
        let _ = write!(text, " Instead: {}.", advice.trim_end_matches('.'));
    }
    text
}

/// A result as text.
fn shown(call: &CallReply) -> String {
    let mut text = text(&call.result);
    if let Some(code) = call.exit_code.filter(|code| *code != 0) {
        let _ = write!(text, "\n[exit code {code}]");
    }
    text
}

/// Cuts in the middle, between characters: the beginning and the end tell most.
fn cut(text: &str) -> String {
    tools::cut(text, MAX_TOLD_BYTES).0
}
