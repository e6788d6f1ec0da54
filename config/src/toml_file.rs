//! A file in TOML as the values that a file in JSON holds, and where in it each key stands.

use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};
use toml_edit::{Document, Item, TableLike};

use crate::error::ConfigError;
use crate::places::Places;

/// Reads the text of a file as TOML. What JSON has no word for, dates and numbers that are none, is an error at its place.
pub(crate) fn parse(file: &Path, text: &str) -> Result<(Map<String, Value>, Places), ConfigError> {
    let reader = Reader { file, text };
    let document = Document::parse(text).map_err(|error| {
        let message = error.message().trim().replace('\n', ", ");
        if message.contains("duplicate key") {
            let key = error.span().and_then(|span| text.get(span));
            let key = key.unwrap_or_default().trim().to_owned();
            let problem = "is there twice: take one out".to_owned();
            return reader.wrong(error.span(), &key, problem);
        }
        // What a value without quotation marks is taken for first is no help.
        let message = message.replace(", expected nothing", "; text stands in quotation marks");
        reader.wrong(error.span(), "", format!("is not TOML: {message}"))
    })?;
    let mut places = Places::default();
    let members = reader.members(document.as_table(), "", &mut places)?;
    Ok((members, places))
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn members(
        &self,
        table: &dyn TableLike,
        path: &str,
        places: &mut Places,
    ) -> Result<Map<String, Value>, ConfigError> {
        let mut members = Map::new();
        for (name, item) in table.iter() {
            let path = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            let span = table.key(name).and_then(toml_edit::Key::span);
            // A table that only its members' headers name has no place but theirs.
            let span = span.or_else(|| item.span());
            places.put(&path, self.place(span));
            members.insert(name.to_owned(), self.value(item, &path, places)?);
        }
        Ok(members)
    }

    fn value(&self, item: &Item, path: &str, places: &mut Places) -> Result<Value, ConfigError> {
        if let Some(table) = item.as_table_like() {
            return Ok(Value::Object(self.members(table, path, places)?));
        }
        if let Some(tables) = item.as_array_of_tables() {
            let tables = tables.iter().enumerate();
            let tables = tables.map(|(at, table)| {
                let path = format!("{path}[{at}]");
                places.put(&path, self.place(table.span()));
                Ok(Value::Object(self.members(table, &path, places)?))
            });
            return tables.collect();
        }
        match item.as_value() {
            Some(value) => self.plain(value, path, places),
            None => Ok(Value::Null),
        }
    }

    fn plain(
        &self,
        value: &toml_edit::Value,
        path: &str,
        places: &mut Places,
    ) -> Result<Value, ConfigError> {
        use toml_edit::Value as Toml;
        Ok(match value {
            Toml::String(text) => text.value().as_str().into(),
            Toml::Integer(number) => (*number.value()).into(),
            Toml::Boolean(yes) => (*yes.value()).into(),
            Toml::Float(number) => {
                let Some(number) = serde_json::Number::from_f64(*number.value()) else {
                    let problem = "is no number: write one with digits".to_owned();
                    return Err(self.wrong(value.span(), path, problem));
                };
                Value::Number(number)
            }
            Toml::Datetime(_) => {
                let problem = "is a date: write text in quotation marks".to_owned();
                return Err(self.wrong(value.span(), path, problem));
            }
            Toml::Array(array) => {
                let values = array.iter().enumerate();
                let values = values.map(|(at, value)| {
                    let path = format!("{path}[{at}]");
                    places.put(&path, self.place(value.span()));
                    self.plain(value, &path, places)
                });
                values.collect::<Result<_, _>>()?
            }
            Toml::InlineTable(table) => Value::Object(self.members(table, path, places)?),
        })
    }

    /// Line and column in characters, from 1.
    fn place(&self, span: Option<Range<usize>>) -> (usize, usize) {
        let at = span.map_or(0, |span| span.start).min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    fn wrong(&self, span: Option<Range<usize>>, key: &str, problem: String) -> ConfigError {
        let (line, column) = self.place(span);
        ConfigError::File {
            path: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            problem,
        }
    }
}
