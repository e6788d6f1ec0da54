//! Spans and their attributes, as far as tool calls need them.

use serde_json::{Map, Number};

/// Why bytes are no spans.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not what OTLP's protobuf is.
    #[error("the body is no ExportTraceServiceRequest in protobuf: {0}")]
    Protobuf(&'static str),
    /// Not JSON.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error("the body is no ExportTraceServiceRequest in JSON: {0}")]
    Json(&'static str),
}

/// OTLP's `AnyValue`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `stringValue`.
    Text(String),
    /// `boolValue`.
    Bool(bool),
    /// `intValue`.
    Int(i64),
    /// `doubleValue`.
    Double(f64),
    /// `arrayValue`.
    List(Vec<Self>),
    /// `kvlistValue`.
    Map(Vec<(String, Self)>),
    /// `bytesValue`: its length. What is in it is never looked at.
    Bytes(usize),
    /// Nothing.
    Empty,
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON has it.
    pub fn into_json(self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Bool(flag) => flag.into(),
            Self::Int(number) => number.into(),
            Self::Double(number) => Number::from_f64(number).into(),
            Self::List(items) => items.into_iter().map(Self::into_json).collect(),
            Self::Map(members) => {
                let members = members.into_iter();
                let members: Map<_, _> = members
                    .map(|(key, value)| (key, value.into_json()))
                    .collect();
                members.into()
            }
            Self::Bytes(length) => format!("[{length} bytes]").into(),
            Self::Empty => serde_json::Value::Null,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Attributes in the order in which they were told.
pub type Attributes = Vec<(String, Value)>;

/// What spans have in common: the attributes of their resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// `service.name` and the like.
    pub attributes: Attributes,
}

/// A span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    /// 16 bytes, or whatever was sent in their place.
    pub trace_id: Vec<u8>,
    /// 8 bytes, or whatever was sent in their place.
    pub span_id: Vec<u8>,
    /// The span that this one is a part of.
    pub parent: Option<Vec<u8>>,
    /// `execute_tool NAME`.
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// What is told of it.
    pub attributes: Attributes,
    /// The message of a status that is an error.
    pub error: Option<String>,
}

/// Spans of one resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// Whose they are.
    pub resource: Resource,
    /// The spans of all its scopes.
    pub spans: Vec<Span>,
}

/// The attribute of this key; the last one counts.
pub(crate) fn attribute<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a Value> {
    let found = attributes.iter().rev().find(|(known, _)| known == key);
    found.map(|(_, value)| value)
}

/// The same, if it is a text that is not empty.
pub(crate) fn text<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a str> {
    attribute(attributes, key)
        .and_then(Value::as_text)
        .filter(|text| !text.is_empty())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hexadecimal digits in either case.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
        .collect()
}
