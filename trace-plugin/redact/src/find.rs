//! The edge's check: is there a secret in the JSON text of a trace?

use std::borrow::Cow;

use crate::assign::is_harmless;
use crate::names::{Named, named};
use crate::random::{random, stands_in};
use crate::scan::{Zeal, scan};
use crate::{encoded, gate};

/// A secret that should not be there. Never holds the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static str,
    /// The byte offset of the secret, or of the string that holds it in an escaped form.
    pub at: usize,
}

/// Looks for a secret in the raw JSON text of a trace, or in any other text.
///
/// Finds less than a [`Redactor`](crate::Redactor) masks: what only its name makes suspicious (`token=abc`) is masked at the
/// source, but is no reason to reject a trace. What a redactor put out is never found.
pub fn find_secret(text: &str) -> Option<Finding> {
    if !gate::occurs(text) && !encoded::any_run(text) {
        return None;
    }
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return first(text, 0);
    }
    let bytes = text.as_bytes();
    let mut name: Option<(Named, Cow<'_, str>)> = None;
    let mut at = 0;
    while let Some(open) = bytes[at..].iter().position(|&b| b == b'"').map(|n| at + n) {
        // A value that is no string uses a name up.
        if name.is_some()
            && bytes[at..open]
                .iter()
                .any(|b| !b.is_ascii_whitespace() && *b != b':')
        {
            name = None;
        }
        let close = closing_quote(bytes, open + 1);
        let raw = &text[open + 1..close];
        let content = unescape(raw);
        at = (close + 1).min(bytes.len());
        let escaped = content.len() != raw.len();
        if let Some(mut finding) = first(&content, open + 1) {
            if escaped {
                finding.at = open + 1;
            }
            return Some(finding);
        }
        if let Some((named, name)) = name.take() {
            let certain = named.strong || random(&content);
            if certain && !stands_in(&content) && !is_harmless(&name, &content) {
                return Some(Finding {
                    rule: named.rule,
                    at: open + 1,
                });
            }
        }
        let is_key = bytes[at..].iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
        if is_key {
            name = named(&content).map(|named| (named, content));
        }
    }
    None
}

fn first(text: &str, offset: usize) -> Option<Finding> {
    let hit = scan(text, Zeal::Accuse).into_iter().next()?;
    Some(Finding {
        rule: hit.rule,
        at: offset + hit.range.start,
    })
}

fn closing_quote(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The string that a JSON literal stands for; what is no JSON stays as it is.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str::<String>(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}
