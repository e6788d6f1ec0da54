//! What is looked at in any object: whether a key is there, of its kind, and one that is read.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::place::member;
use super::rules::{Part, Rules};
use crate::timestamp::Timestamp;

impl Rules {
    pub(super) fn fault(&mut self, path: &str, problem: &str) {
        self.faults.push((path.to_owned(), problem.to_owned()));
    }

    pub(super) fn missing(&mut self, path: &str, key: &str) {
        self.fault(&member(path, key), "it is missing");
    }

    /// Notes keys that nothing reads: they are kept, and may be written wrongly.
    pub(super) fn only(&mut self, (fields, path): Part<'_>, known: &[&str]) {
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let note = format!("nothing reads it; known here are {}", known.join(", "));
            self.notes.push((member(path, key), note));
        }
    }

    pub(super) fn part(
        &mut self,
        (fields, path): Part<'_>,
        key: &str,
        look: fn(&mut Self, Part<'_>),
    ) {
        match self.object((fields, path), key) {
            Some(part) => look(self, (part, &member(path, key))),
            None if fields.contains_key(key) => {}
            None => self.missing(path, key),
        }
    }

    pub(super) fn object<'a>(
        &mut self,
        (fields, path): Part<'a>,
        key: &str,
    ) -> Option<&'a Map<String, Value>> {
        let value = fields.get(key)?;
        if !value.is_object() {
            self.fault(
                &member(path, key),
                &format!("it must be an object, this is {}", kind(value)),
            );
        }
        value.as_object()
    }

    pub(super) fn text<'a>(
        &mut self,
        (fields, path): Part<'a>,
        key: &str,
        needed: bool,
    ) -> Option<&'a str> {
        match fields.get(key) {
            None if needed => self.missing(path, key),
            None | Some(Value::String(_)) => {}
            Some(other) => self.fault(
                &member(path, key),
                &format!("it must be a text, this is {}", kind(other)),
            ),
        }
        fields.get(key).and_then(Value::as_str)
    }

    pub(super) fn one_of<'a>(
        &mut self,
        part: Part<'a>,
        key: &str,
        words: &[&str],
        needed: bool,
    ) -> Option<&'a str> {
        let word = self.text(part, key, needed)?;
        if !words.contains(&word) {
            let shown: String = word.chars().take(64).collect();
            self.fault(
                &member(part.1, key),
                &format!("`{shown}` is none of {}", words.join(", ")),
            );
        }
        Some(word)
    }

    pub(super) fn time(&mut self, part: Part<'_>, key: &str, needed: bool) -> Option<Timestamp> {
        let time = Timestamp::parse(self.text(part, key, needed)?);
        if let Err(error) = &time {
            self.fault(&member(part.1, key), &error.to_string());
        }
        time.ok()
    }

    /// The texts of a list with their paths; none empty, none twice.
    pub(super) fn texts<'a>(
        &mut self,
        (fields, path): Part<'a>,
        key: &str,
        needed: bool,
    ) -> Vec<(String, &'a str)> {
        let path = member(path, key);
        let items = match fields.get(key) {
            Some(Value::Array(items)) => items.as_slice(),
            None if needed => {
                self.fault(&path, "it is missing");
                &[]
            }
            None => &[],
            Some(other) => {
                self.fault(
                    &path,
                    &format!("it must be a list of texts, this is {}", kind(other)),
                );
                &[]
            }
        };
        let mut found: Vec<(String, &str)> = Vec::with_capacity(items.len());
        let mut seen = HashSet::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match item.as_str() {
                Some(text) if text.trim().is_empty() => self.fault(&path, "it is empty"),
                Some(text) if !seen.insert(text) => {
                    self.fault(&path, &format!("`{text}` is there twice"));
                }
                Some(text) => found.push((path, text)),
                None => self.fault(&path, &format!("it must be a text, this is {}", kind(item))),
            }
        }
        found
    }
}

/// What a JSON value is, in a word.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
