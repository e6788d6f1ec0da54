//! How a text is laid out: its newlines, its indent, and what lies between two values.

use std::ops::Range;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

/// A text that is put in at a place.
pub(super) struct Splice {
    pub(super) at: usize,
    pub(super) text: String,
}

/// `text` with `splices` put in, which stand in the order of their places.
pub(super) fn spliced(text: &str, splices: Vec<Splice>) -> String {
    let mut out = text.to_owned();
    for splice in splices.into_iter().rev() {
        out.insert_str(splice.at, &splice.text);
    }
    out
}

/// `text` without `cuts`, which stand in order and do not overlap.
pub(super) fn cut(text: &str, cuts: Vec<Range<usize>>) -> String {
    let mut out = text.to_owned();
    for range in cuts.into_iter().rev() {
        out.replace_range(range, "");
    }
    out
}

/// The newline that `text` uses.
pub(super) fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The white space that the line of `at` begins with.
pub(super) fn indent_at(text: &str, at: usize) -> &str {
    let start = text[..at]
        .rfind(['\n', '\r'])
        .map_or(0, |newline| newline + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether nothing but white space stands before `at` in its line.
pub(super) fn begins_line(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t']);
    before.ends_with(['\n', '\r'])
}

/// Where what is no comment and no white space comes, from `at` on.
pub(super) fn skip_trivia(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        if let Some(comment) = comment(rest) {
            at += comment;
        } else {
            match rest.chars().next() {
                Some(space) if space.is_whitespace() || space == '\u{feff}' => {
                    at += space.len_utf8();
                }
                _ => return at,
            }
        }
    }
}

/// The end of the comments that follow `at` in the same line; `at` itself if none does.
pub(super) fn after_comments_of_line(text: &str, at: usize) -> usize {
    let mut end = at;
    let mut here = at;
    loop {
        let rest = &text[here..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        match comment(&rest[spaces..]) {
            Some(length) if !rest[spaces..spaces + length].contains('\n') => {
                here += spaces + length;
                end = here;
            }
            _ => return end,
        }
    }
}

/// The length of the comment that `text` begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        Some(text.find(['\n', '\r']).unwrap_or(text.len()))
    } else {
        let inside = text.strip_prefix("/*")?;
        Some(inside.find("*/").map_or(text.len(), |end| end + 4))
    }
}

/// Where the white space before `at` begins: its line's indent with the newline before it, or the blanks after what stands
/// before it in the same line.
pub(super) fn lead(text: &str, at: usize) -> usize {
    let before = text[..at].trim_end_matches([' ', '\t']);
    let before = before
        .strip_suffix("\r\n")
        .or_else(|| before.strip_suffix('\n'))
        .unwrap_or(before);
    before.len()
}

/// How new values are written.
pub(super) struct Style {
    pub(super) newline: &'static str,
    /// One step of indent; none where all stands in one line.
    pub(super) unit: Option<String>,
}

impl Style {
    /// `value` in this style, as a value whose line begins with `indent`.
    pub(super) fn write(&self, value: &Value, indent: &str) -> String {
        let Some(unit) = &self.unit else {
            return value.to_string();
        };
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(unit.as_bytes());
        let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
        // Writing a value into memory cannot fail.
        debug_assert!(written.is_ok());
        // Strings hold no newlines: each is the formatter's.
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.newline))
    }
}
