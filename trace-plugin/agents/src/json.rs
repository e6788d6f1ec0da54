//! Edits of JSON that people wrote, with comments, trailing commas and JSON5's liberties: each edit is an insertion, or takes
//! out what an insertion brought; every other byte stays, be it an odd indent, a CRLF or a byte order mark.

use jsonc_parser::ast::{Object, Value as Node};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

mod cut;
mod layout;
mod place;

#[cfg(test)]
mod tests;

/// Why a file's text cannot be edited. It is left as it is then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It cannot be read.
    #[error("line {line}, column {column}: {what}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// Something stands where something else must.
    #[error("line {line}, column {column}: {what} is {found}, and must be {expected}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// The keys that lead there.
        what: String,
        /// What stands there.
        found: &'static str,
        /// What would have to.
        expected: &'static str,
    },
}

/// What shall be there.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// An element of an array, unless one of its elements holds `mark` among its strings.
    Element {
        /// The keys that lead to the array.
        path: Vec<String>,
        /// The element.
        value: Value,
        /// The string that tells that it is there already.
        mark: String,
    },
    /// A key with a value, unless the key is there already, whatever its value.
    Key {
        /// The keys that lead to it, itself included.
        path: Vec<String>,
        /// Its value.
        value: Value,
    },
}

/// What undoes an edit where the file has been changed by others since.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Undo {
    /// Array elements that hold one of these strings are ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Keys that are ours whatever they hold, each by the keys that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<String>>,
    /// Objects and arrays that were not there before us: they go when nothing is left in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Vec<String>>,
}

impl Undo {
    /// Adds what `other` undoes.
    pub fn merge(&mut self, other: Self) {
        fn add<T: PartialEq>(to: &mut Vec<T>, more: Vec<T>) {
            for one in more {
                if !to.contains(&one) {
                    to.push(one);
                }
            }
        }
        add(&mut self.marks, other.marks);
        add(&mut self.keys, other.keys);
        add(&mut self.made, other.made);
    }
}

/// Puts `wants` into `text`, and says what would undo it. What is there already stays as it is.
///
/// # Errors
/// [`EditError`] says where and what, before anything is changed.
pub fn insert(text: &str, wants: &[Want]) -> Result<(String, Undo), EditError> {
    let (mark, mut body) = split_mark(text);
    let mut undo = Undo::default();
    for want in wants {
        let splices = place::splices(&body, want, &mut undo)?;
        body = layout::spliced(&body, splices);
    }
    Ok((format!("{mark}{body}"), undo))
}

/// Takes out of `text` what `undo` names; what is not there any more is no mistake.
///
/// # Errors
/// [`EditError::Malformed`] when the text cannot be read any more.
pub fn remove(text: &str, undo: &Undo) -> Result<String, EditError> {
    let (mark, mut body) = split_mark(text);
    while let Some(cuts) = cut::next(&body, undo)? {
        body = layout::cut(&body, cuts);
    }
    Ok(format!("{mark}{body}"))
}

/// Puts `to` in the place of every string that is `from`: a program that has moved.
///
/// # Errors
/// [`EditError::Malformed`] when the text cannot be read.
pub fn replace_strings(text: &str, from: &str, to: &str) -> Result<String, EditError> {
    let (mark, body) = split_mark(text);
    let mut found = Vec::new();
    if let Some(root) = parse(&body)? {
        strings(&root, &mut |string, start, end| {
            if string == from {
                found.push((start, end));
            }
        });
    }
    let mut changed = body;
    for (start, end) in found.into_iter().rev() {
        changed.replace_range(start..end, &Value::from(to).to_string());
    }
    Ok(format!("{mark}{changed}"))
}

/// What `text` says; none where nothing is written yet.
///
/// # Errors
/// [`EditError::Malformed`] when it cannot be read.
pub fn read(text: &str) -> Result<Option<Value>, EditError> {
    let (_, body) = split_mark(text);
    Ok(parse(&body)?.map(Value::from))
}

/// A byte order mark, and the rest.
pub(crate) fn split_mark(text: &str) -> (&str, String) {
    match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body.to_owned()),
        None => ("", text.to_owned()),
    }
}

pub(crate) fn parse(text: &str) -> Result<Option<Node<'_>>, EditError> {
    let options = ParseOptions {
        // Everything that JSON5 allows; a missing comma is a mistake everywhere.
        allow_missing_commas: false,
        ..ParseOptions::default()
    };
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => Ok(parsed.value),
        Err(error) => Err(EditError::Malformed {
            line: error.line_display(),
            column: error.column_display(),
            what: error.kind().to_string().to_lowercase(),
        }),
    }
}

/// The last member of that name, for that one counts.
pub(crate) fn member<'a, 'b>(object: &'b Object<'a>, name: &str) -> Option<&'b Node<'a>> {
    let mut named = object.properties.iter().rev();
    named
        .find(|property| property.name.as_str() == name)
        .map(|property| &property.value)
}

/// Every string value within `node`, with where it starts and ends.
fn strings(node: &Node<'_>, tell: &mut impl FnMut(&str, usize, usize)) {
    match node {
        Node::StringLit(string) => tell(&string.value, string.range.start, string.range.end),
        Node::Array(array) => array
            .elements
            .iter()
            .for_each(|element| strings(element, tell)),
        Node::Object(object) => object
            .properties
            .iter()
            .for_each(|property| strings(&property.value, tell)),
        _ => {}
    }
}

/// Whether one of the strings within `node` is `mark`.
fn holds(node: &Node<'_>, mark: &str) -> bool {
    let mut found = false;
    strings(node, &mut |string, _, _| found |= string == mark);
    found
}

/// What stands at a place where something else must.
fn wrong_shape(text: &str, node: &Node<'_>, path: &[String], expected: &'static str) -> EditError {
    let before = &text[..node.range().start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    EditError::Shape {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        what: match path {
            [] => "the file".to_owned(),
            path => format!("`{}`", path.join(".")),
        },
        found: match node {
            Node::StringLit(_) => "a string",
            Node::NumberLit(_) => "a number",
            Node::BooleanLit(_) => "true or false",
            Node::Object(_) => "an object",
            Node::Array(_) => "an array",
            Node::NullKeyword(_) => "null",
        },
        expected,
    }
}
