//! JSON as it comes in: borrowed from its text where it can be, members in the order in which they were written.
//!
//! An edge reads thousands of traces a second, and `serde_json`'s values cost it more than all its digests and proofs: a hash
//! and an allocation for every key, and again for every copy. Here a key is found by comparing it; objects are small.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::canon::NotCanonical;
use crate::chain::LINK_KEYS;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Members<'a>),
}

/// The members of an object. No two have the same name.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Which part of an AP-Trace is written: its metadata hold the link, which is no content.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Document,
    Context,
    Metadata,
    Elsewhere,
}

impl<'a> Json<'a> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Members<'a>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Json<'a>]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A member, if it is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.as_object()?.get(key)
    }

    /// How many levels arrays and objects are nested.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => {
                1 + members
                    .iter()
                    .map(|(_, value)| value.depth())
                    .max()
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// The same as a value of `serde_json`.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(members) => Value::Object(members.to_map()),
        }
    }

    /// Compact JSON, members in their order.
    pub(crate) fn to_text(&self) -> String {
        let mut out = Vec::with_capacity(2048);
        self.write(&mut out);
        // Kept until its batch is stored.
        out.shrink_to_fit();
        // Texts were UTF-8 before, all else is ASCII; an empty text would be refused wherever a document is read.
        String::from_utf8(out).unwrap_or_default()
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => write_number(number, out),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => list(items, out, |item, out| {
                item.write(out);
                Ok(())
            })
            .unwrap_or_default(),
            Self::Object(members) => {
                out.push(b'{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_text(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// RFC 8785 canonical JSON.
    pub(crate) fn to_canonical(&self) -> Result<Vec<u8>, NotCanonical> {
        let mut out = Vec::with_capacity(2048);
        self.write_canonical(Part::Elsewhere, &mut out)?;
        Ok(out)
    }

    /// RFC 8785 canonical JSON of an AP-Trace's content: all of it but the [`LINK_KEYS`] of the metadata.
    pub(crate) fn to_canonical_content(&self) -> Result<Vec<u8>, NotCanonical> {
        let mut out = Vec::with_capacity(2048);
        self.write_canonical(Part::Document, &mut out)?;
        Ok(out)
    }

    fn write_canonical(&self, part: Part, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
        match self {
            Self::Number(number) => write_canonical_number(number, out),
            Self::List(items) => list(items, out, |item, out| {
                item.write_canonical(Part::Elsewhere, out)
            }),
            Self::Object(members) => {
                let mut sorted: Vec<&(Cow<'a, str>, Json<'a>)> = members
                    .iter()
                    .filter(|(key, _)| part != Part::Metadata || !LINK_KEYS.contains(&&**key))
                    .collect();
                // Names are never the same, so it does not matter that equal ones might change places.
                sorted.sort_unstable_by(|(one, _), (other, _)| in_utf16(one, other));
                out.push(b'{');
                for (at, (key, value)) in sorted.into_iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    write_text(key, out);
                    out.push(b':');
                    value.write_canonical(part.within(key), out)?;
                }
                out.push(b'}');
                Ok(())
            }
            _ => {
                self.write(out);
                Ok(())
            }
        }
    }
}

impl Part {
    fn within(self, key: &str) -> Self {
        match (self, key) {
            (Self::Document, "context") => Self::Context,
            (Self::Context, "metadata") => Self::Metadata,
            _ => Self::Elsewhere,
        }
    }
}

fn list<'a, 'b>(
    items: &'b [Json<'a>],
    out: &mut Vec<u8>,
    mut write: impl FnMut(&'b Json<'a>, &mut Vec<u8>) -> Result<(), NotCanonical>,
) -> Result<(), NotCanonical> {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}

/// RFC 8785, section 3.2.3: by UTF-16 code units, which for ASCII is by bytes.
fn in_utf16(one: &str, other: &str) -> std::cmp::Ordering {
    if one.is_ascii() && other.is_ascii() {
        one.cmp(other)
    } else {
        one.encode_utf16().cmp(other.encode_utf16())
    }
}

/// A JSON string; `serde_json` and RFC 8785 escape the same characters in the same way.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let escaped = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    // Without an early end, so that it runs over many bytes at once; most texts need no escape.
    if text
        .as_bytes()
        .iter()
        .fold(false, |any, byte| any | escaped(byte))
    {
        // Writing a text into a Vec cannot fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    // Writing a number into a Vec cannot fail.
    let _ = serde_json::to_writer(out, number);
}

/// Whole numbers up to this are written in the same way by everybody; an IEEE 754 double holds them exactly.
const MAX_SAFE_INTEGER: u64 = 1 << 53;

fn write_canonical_number(number: &Number, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let plain = match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => whole.unsigned_abs() < MAX_SAFE_INTEGER,
        (None, whole) => whole.is_some_and(|whole| whole < MAX_SAFE_INTEGER),
    };
    if plain {
        write_number(number, out);
    } else {
        let double = number.as_f64().and_then(Number::from_f64);
        let double = double.ok_or_else(|| NotCanonical(format!("{number} is no double")))?;
        crate::canon::write_double(&double.to_string(), out);
    }
    Ok(())
}

impl<'a> Members<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Takes a member out; the others keep their order.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Json<'a>> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (Cow<'a, str>, Json<'a>)> {
        self.0.iter()
    }

    /// The same as a map of `serde_json`.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        self.iter()
            .map(|(key, value)| (key.clone().into_owned(), value.to_value()))
            .collect()
    }

    /// Members as they were written: of several with one name the last counts, in the place of the first.
    fn of(members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        if !repeats(&members) {
            return Self(members);
        }
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut kept: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(members.len());
        for (key, value) in members {
            if let Some(&at) = places.get(&*key) {
                kept[at].1 = value;
            } else {
                places.insert(key.clone().into_owned(), kept.len());
                kept.push((key, value));
            }
        }
        Self(kept)
    }
}

/// Members up to which names are compared with each other; beyond, they are sorted first.
const FEW: usize = 64;

/// Whether a name occurs twice.
fn repeats(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if members.len() > FEW {
        let mut names: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
        names.sort_unstable();
        return names.windows(2).any(|pair| pair[0] == pair[1]);
    }
    // A bit for each look that was seen: only names that look alike are compared.
    let mut seen = 0_u64;
    for (at, (key, _)) in members.iter().enumerate() {
        let (first, last) = (key.bytes().next(), key.bytes().next_back());
        let look = key.len() + usize::from(first.unwrap_or(0)) * 7 + usize::from(last.unwrap_or(0));
        let bit = 1 << (look % 64);
        if seen & bit != 0 && members[..at].iter().any(|(other, _)| other == key) {
            return true;
        }
        seen |= bit;
    }
    false
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(Members(
                members
                    .iter()
                    .map(|(key, value)| (Cow::Borrowed(key.as_str()), Self::from(value)))
                    .collect(),
            )),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(bool))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Number::from_f64(number)
            .map(Json::Number)
            .ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::with_capacity(8);
        while let Some(key) = members.next_key::<Json<'de>>()? {
            let Json::Text(key) = key else {
                return Err(A::Error::custom("a key is not a string"));
            };
            object.push((key, members.next_value()?));
        }
        Ok(Json::Object(Members::of(object)))
    }
}

#[cfg(test)]
mod tests;
