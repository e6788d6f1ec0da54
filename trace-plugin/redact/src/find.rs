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
    // Where there may be a secret, by one look at the whole text; most texts have no such place, or few.
    let mut marks = Vec::new();
    gate::marks(text, &mut marks);
    encoded::marks(text, &mut marks);
    if marks.is_empty() {
        return None;
    }
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return first(text, 0);
    }
    marks.sort_unstable();
    let mut marks = marks.into_iter().peekable();
    find(text, |open, close| {
        while marks.next_if(|&mark| mark <= open).is_some() {}
        // No keyword, run or escape begins before one string and ends in it: quotes are in none of them.
        marks.peek().is_some_and(|&mark| mark < close)
    })
}

/// Looks into the strings of a JSON text; `is_marked` is asked of each, from its opening to its closing quote, in order.
fn find(text: &str, mut is_marked: impl FnMut(usize, usize) -> bool) -> Option<Finding> {
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
        let (close, is_escaped) = closing_quote(bytes, open + 1);
        at = (close + 1).min(bytes.len());
        let raw = &text[open + 1..close];
        let is_marked = is_marked(open, close) || is_escaped;
        let content = unescape(raw, is_escaped);
        if is_marked && let Some(mut finding) = first(&content, open + 1) {
            if content.len() != raw.len() {
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
        if is_key && (is_marked || is_unmarked_name(raw)) {
            name = named(&content).map(|named| (named, content));
        }
    }
    None
}

/// Whether this may name a secret though no keyword is in it: all such names end in `hash` or `jwt`.
fn is_unmarked_name(name: &str) -> bool {
    matches!(name.as_bytes(), [.., b'h' | b'H' | b't' | b'T'])
}

fn first(text: &str, offset: usize) -> Option<Finding> {
    let hit = scan(text, Zeal::Accuse).into_iter().next()?;
    Some(Finding {
        rule: hit.rule,
        at: offset + hit.range.start,
    })
}

/// Where the string that begins at `from` ends, and whether anything in it is escaped.
fn closing_quote(bytes: &[u8], from: usize) -> (usize, bool) {
    let mut at = from;
    let mut is_escaped = false;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return (at, is_escaped),
            b'\\' => {
                is_escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    (bytes.len(), is_escaped)
}

/// The string that a JSON literal stands for; what is no JSON stays as it is.
fn unescape(raw: &str, is_escaped: bool) -> Cow<'_, str> {
    if !is_escaped {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str::<String>(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            3 => "[ -~é]{0,6}",
            2 => prop::sample::select(vec![
                "password", "token", "api_key", "cookie", "jwt", "pass_word_hash", "authorization", "DB_PWD", "-us",
                "pat", "Bearer ", "AKIA", "ghp_", "eyJ", "://", "%41KIA", "%2f", "%0a", "\\", "\"", "\n", "a/b",
            ]).prop_map(str::to_owned),
            1 => prop::sample::select(vec![
                "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
                "AKIAIOSFODNN7EXAMPLQ",
                "https://ann:hunter22x@host/",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
                // `export TOKEN=ghp_…` in base64, and a token in percent-encoding.
                "ZXhwb3J0IFRPS0VOPWdocF8xNkM3ZTQyRjI5MmM2OTEyRTc3MTBjODM4MzQ3QWUxNzhCNGE=",
                "ghp%5F16C7e42F292c6912E7710c838347Ae178B4a",
                "alternatives_considered",
            ]).prop_map(str::to_owned),
        ];
        prop::collection::vec(part, 0..3).prop_map(|parts| parts.concat())
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            text().prop_map(Value::from),
            any::<i32>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn what_is_not_marked_holds_no_secret(document in document()) {
            let text = document.to_string();
            let by_marks = find_secret(&text);
            let mut marks = Vec::new();
            gate::marks(&text, &mut marks);
            encoded::marks(&text, &mut marks);
            let into_each = if text.starts_with(['{', '[', '"']) {
                find(&text, |_, _| true)
            } else {
                first(&text, 0)
            };
            // A text without any mark is not looked into at all; all else is found as if every string were.
            prop_assert_eq!(by_marks, into_each.filter(|_| !marks.is_empty()));
        }
    }
}
