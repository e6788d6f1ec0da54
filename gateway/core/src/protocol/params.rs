//! Reading the parameters of a method, with words for what is wrong.

use aap::limits::MAX_ID_CHARS;
use serde_json::{Map, Value};

use super::fault::{Code, Fault};

/// What a request carries.
pub(super) struct Params(pub(super) Map<String, Value>);

fn wrong(what: String) -> Fault {
    Fault::new(Code::Params, what)
}

impl Params {
    /// A text, where there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(format!("`{name}` is a string"))),
        }
    }

    /// A name: visible ASCII, so that it can stand in a key.
    pub(super) fn name(&self, name: &str) -> Result<Option<&str>, Fault> {
        let text = self.text(name)?;
        let plain = text.is_none_or(|text| {
            (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        });
        if plain {
            Ok(text)
        } else {
            Err(wrong(format!(
                "`{name}` is made of 1 to {MAX_ID_CHARS} visible ASCII characters"
            )))
        }
    }

    /// A name that there must be, under any of `names`.
    pub(super) fn needed(&self, names: &[&str]) -> Result<&str, Fault> {
        for name in names {
            if let Some(text) = self.name(name)? {
                return Ok(text);
            }
        }
        Err(wrong(format!("`{}` is needed", names.join("` or `"))))
    }

    /// Yes or no.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong(format!("`{name}` is true or false"))),
        }
    }

    /// A whole number from 1; what is more than `most` is `most`.
    pub(super) fn count(&self, name: &str, default: u32, most: u32) -> Result<u32, Fault> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value
                .as_u64()
                .filter(|count| *count > 0)
                .map(|count| u32::try_from(count).unwrap_or(most).min(most))
                .ok_or_else(|| wrong(format!("`{name}` is a whole number from 1"))),
        }
    }

    /// What `read` makes of a text, where there is one.
    pub(super) fn one_of<T>(
        &self,
        name: &str,
        all: &[T],
        called: impl Fn(&T) -> &'static str,
    ) -> Result<Option<T>, Fault>
    where
        T: Copy,
    {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let found = all.iter().find(|one| called(one) == text).copied();
        found.map(Some).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(called).collect();
            wrong(format!("`{name}` is one of {}", names.join(", ")))
        })
    }
}
