//! Lists, tables and here-strings of PowerShell: what starts with `@`.

use super::{Reader, expression::MAX_ELEMENTS, scan::is_quote};
use crate::code::value::Value;

impl Reader<'_, '_> {
    /// `@(…)`, `@{…}`, `@'…'@`, `@name`.
    pub(super) fn at_sign(&mut self) -> Value {
        match self.peek_at(1) {
            Some('(') => {
                self.at += 1;
                let inner = self.bracketed();
                match self.script(&inner) {
                    Value::List(values) => Value::List(values),
                    Value::Unknown => Value::list(Vec::new()),
                    one => Value::list(vec![one]),
                }
            }
            Some('{') => {
                self.at += 1;
                let inner = self.bracketed();
                self.table(&inner)
            }
            Some('\'' | '"') => {
                let (text, plain) = self.here_string();
                if plain {
                    Value::known(text)
                } else {
                    self.filled(&text)
                }
            }
            _ => {
                self.at += 1;
                let name = self.name().to_ascii_lowercase();
                self.variable(&name)
            }
        }
    }

    /// A table's values as a list of `-key` and value, as they are handed on by `@name`.
    fn table(&mut self, text: &str) -> Value {
        let mut all = Vec::new();
        let chars = std::mem::replace(&mut self.chars, super::scan::prepared(text));
        let at = std::mem::take(&mut self.at);
        while all.len() < MAX_ELEMENTS {
            self.lines();
            let key = match self.peek() {
                None => break,
                Some(c) if is_quote(c) => self.literal().0,
                Some('$') => self.variable_name(),
                Some(_) => self.name(),
            };
            self.blanks();
            if self.peek() != Some('=') {
                self.at += 1;
                continue;
            }
            self.at += 1;
            self.lines();
            let value = self.chain();
            all.push(Value::known(format!("-{key}")));
            all.push(value);
        }
        self.chars = chars;
        self.at = at;
        Value::list(all)
    }
}
