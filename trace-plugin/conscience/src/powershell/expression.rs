//! Values of PowerShell: variables, text with variables in it, lists, tables, operators, members.

use super::{BLOCK, Reader, assign::scoped, scan::is_quote};
use crate::{
    code::value::Value,
    secret,
    shell::flow::{Field, Taint},
};

/// Most elements of a list that are kept.
pub(super) const MAX_ELEMENTS: usize = 64;

/// How deep signs before a value, conversions and operators may nest; deeper ones are stepped over.
const MAX_NESTED: usize = 40;

impl Reader<'_, '_> {
    /// A value and what is joined to it by operators, up to the end of the pipeline's element.
    pub(super) fn expression(&mut self) -> Value {
        if self.nested > MAX_NESTED {
            self.at += 1;
            return Value::Unknown;
        }
        self.nested += 1;
        let value = self.one_expression();
        self.nested -= 1;
        value
    }

    fn one_expression(&mut self) -> Value {
        let mut value = self.operand();
        loop {
            self.blanks();
            match self.peek() {
                Some('+') => {
                    self.at += 1;
                    self.blanks();
                    let next = self.operand();
                    value = match (value, next) {
                        (Value::List(mut all), next) => {
                            all.push(next);
                            Value::list(all)
                        }
                        (value, next) => value.joined("", &next),
                    };
                }
                Some(',') => {
                    let mut all = vec![value];
                    while self.peek() == Some(',') && all.len() < MAX_ELEMENTS {
                        self.at += 1;
                        self.lines();
                        all.push(self.operand());
                        self.blanks();
                    }
                    value = Value::list(all);
                }
                Some('-') if self.peek_at(1).is_some_and(char::is_alphabetic) => {
                    self.at += 1;
                    let operator = self.name().to_ascii_lowercase();
                    self.blanks();
                    value = self.operated(value, &operator);
                }
                Some('*' | '/' | '%' | '-') => {
                    self.at += 1;
                    self.blanks();
                    let next = self.operand();
                    value.taint().merge(&next.taint());
                }
                Some('.') if self.here("..") => {
                    self.at += 2;
                    self.operand();
                    value = Value::Unknown;
                }
                Some('?') if self.here("??") => {
                    self.at += 2;
                    self.blanks();
                    self.operand();
                }
                _ => return value,
            }
        }
    }

    fn operated(&mut self, value: Value, operator: &str) -> Value {
        match operator {
            "f" => {
                let given = self.expression();
                formatted(&value, &given)
            }
            "join" => {
                let between = self.operand();
                let between = between.text().unwrap_or_default().to_owned();
                match value {
                    Value::List(values) => {
                        let mut out = Value::known("");
                        for (at, part) in values.iter().enumerate() {
                            out = out.joined(if at > 0 { &between } else { "" }, part);
                        }
                        out
                    }
                    other => other,
                }
            }
            "replace" | "creplace" | "ireplace" => {
                let pattern = self.expression();
                let (old, new) = match &pattern {
                    Value::List(pair) => (
                        pair.first().and_then(Value::text).unwrap_or_default(),
                        pair.get(1).and_then(Value::text).unwrap_or_default(),
                    ),
                    one => (one.text().unwrap_or_default(), ""),
                };
                match value.text() {
                    Some(text) if !old.is_empty() => Value::known(text.replace(old, new)),
                    _ => value,
                }
            }
            "split" => {
                let mark = self.operand();
                match (value.text(), mark.text()) {
                    (Some(text), Some(mark)) if !mark.is_empty() => {
                        Value::list(text.split(mark).map(Value::known).collect())
                    }
                    _ => value,
                }
            }
            "as" | "is" | "isnot" => {
                self.operand();
                value
            }
            "and" | "or" | "xor" => self.expression(),
            _ => {
                let next = self.operand();
                let mut taint = value.taint();
                taint.merge(&next.taint());
                Value::tainted(taint)
            }
        }
    }

    /// One value with its members and indexes.
    pub(super) fn operand(&mut self) -> Value {
        if self.nested > MAX_NESTED || !self.shell.work(1) {
            self.at += 1;
            return Value::Unknown;
        }
        self.nested += 1;
        let value = self.one_operand();
        self.nested -= 1;
        value
    }

    fn one_operand(&mut self) -> Value {
        self.blanks();
        let value = match self.peek() {
            Some('$') if self.peek_at(1) == Some('(') => {
                self.at += 1;
                let inner = self.bracketed();
                self.script(&inner)
            }
            Some('$') => {
                let name = self.variable_name();
                self.variable(&name)
            }
            Some('@') => self.at_sign(),
            Some('(') => {
                let inner = self.bracketed();
                self.script(&inner)
            }
            Some('{') => {
                let body = self.bracketed();
                Value::Name(format!("{BLOCK}{body}"))
            }
            Some('[') => {
                let name = self.bracketed();
                let name = name.trim().to_ascii_lowercase();
                let name = name.strip_prefix("system.").unwrap_or(&name).to_owned();
                self.blanks();
                // A conversion: the value itself.
                if !self.here("::")
                    && self.peek().is_some_and(|c| {
                        matches!(c, '$' | '(' | '[' | '@') || is_quote(c) || c.is_ascii_digit()
                    })
                {
                    return self.converted(&name);
                }
                Value::Name(name)
            }
            Some(c) if is_quote(c) => self.quoted(),
            Some('-') if self.here("-join") => {
                self.at += 5;
                match self.operand() {
                    Value::List(values) => values
                        .iter()
                        .fold(Value::known(""), |all, part| all.joined("", part)),
                    other => other,
                }
            }
            Some('-' | '!' | ',') => {
                self.at += 1;
                if self.peek().is_some_and(char::is_alphabetic) {
                    self.name();
                }
                self.operand()
            }
            Some(c) if c.is_alphanumeric() => {
                let start = self.at;
                self.name();
                Value::known(self.between(start, self.at))
            }
            _ => {
                self.at += 1;
                return Value::Unknown;
            }
        };
        self.members(value)
    }

    /// `[char]114`, `[char[]](114,109)`, `[string]…`.
    fn converted(&mut self, name: &str) -> Value {
        let value = self.operand();
        if !name.starts_with("char") {
            return value;
        }
        let letter = |value: &Value| {
            value
                .text()
                .and_then(|text| text.parse::<u32>().ok())
                .and_then(char::from_u32)
                .map(|c| Value::known(c.to_string()))
        };
        match &value {
            Value::List(values) => Value::list(
                values
                    .iter()
                    .map(|value| letter(value).unwrap_or_default())
                    .collect(),
            ),
            one => letter(one).unwrap_or(value),
        }
    }

    pub(super) fn variable_name(&mut self) -> String {
        self.at += 1;
        if self.peek() == Some('{') {
            return scoped(&self.bracketed());
        }
        if matches!(self.peek(), Some('?' | '$' | '^')) {
            self.at += 1;
            return String::new();
        }
        let start = self.at;
        while let Some(c) = self.peek() {
            let joins = c == ':'
                && self
                    .peek_at(1)
                    .is_some_and(|c| c.is_alphanumeric() || c == '_')
                && self.at > start;
            if !(c.is_alphanumeric() || c == '_' || joins) {
                break;
            }
            self.at += 1;
        }
        let name: String = self.between(start, self.at);
        scoped(&name)
    }

    pub(super) fn variable(&mut self, name: &str) -> Value {
        if let Some(value) = self.names.get(name) {
            // What is long is dear to copy.
            return if self.shell.work(value.weight() / 64) {
                value.clone()
            } else {
                Value::Unknown
            };
        }
        let home = || Value::known("~");
        match name {
            "home" | "env:home" | "env:userprofile" => home(),
            "pwd" | "psscriptroot" => Value::known("."),
            "profile" => Value::known("~/.config/powershell/profile.ps1"),
            "true" | "false" | "null" => Value::known(format!("${name}")),
            "pshome" => Value::known("C:/Windows/System32/WindowsPowerShell/v1.0"),
            _ => {
                if let Some(variable) = name.strip_prefix("env:") {
                    Self::environment(variable)
                } else {
                    let mut field = Field::default();
                    field.push_unknown(&format!("${name}"), false);
                    Value::Text(Box::new(field))
                }
            }
        }
    }

    pub(super) fn environment(name: &str) -> Value {
        let path = match name.to_ascii_lowercase().as_str() {
            "systemroot" | "windir" => "C:/Windows",
            "systemdrive" => "C:",
            "programfiles" | "programfiles(x86)" | "programw6432" => "C:/Program Files",
            "programdata" | "allusersprofile" => "C:/ProgramData",
            "public" => "C:/Users/Public",
            "appdata" => "~/AppData/Roaming",
            "localappdata" => "~/AppData/Local",
            "temp" | "tmp" => "/tmp/made",
            "onedrive" => "~/OneDrive",
            "home" | "userprofile" | "homepath" => "~",
            _ => {
                if secret::secret_variable(&name.to_ascii_uppercase()) {
                    return Value::tainted(Taint::secret(format!("${name}")));
                }
                let mut field = Field::default();
                field.push_unknown(&format!("${name}"), false);
                return Value::Text(Box::new(field));
            }
        };
        Value::known(path)
    }

    pub(super) fn quoted(&mut self) -> Value {
        let (text, plain) = self.literal();
        if plain {
            Value::known(text)
        } else {
            self.filled(&text)
        }
    }

    /// Text between double quotes: variables, `$(…)`, escapes.
    pub(super) fn filled(&mut self, text: &str) -> Value {
        if !text.contains(['$', '`', '"']) {
            return Value::known(text);
        }
        let chars = std::mem::replace(&mut self.chars, text.chars().collect());
        let at = std::mem::take(&mut self.at);
        let mut out = Value::known("");
        let mut plain = String::new();
        while let Some(c) = self.peek() {
            match c {
                '`' => {
                    match self.peek_at(1) {
                        Some('n') => plain.push('\n'),
                        Some('t') => plain.push('\t'),
                        Some('0') | None => {}
                        Some(other) => plain.push(other),
                    }
                    self.at += 2;
                }
                '"' if self.peek_at(1) == Some('"') => {
                    plain.push('"');
                    self.at += 2;
                }
                '$' if self
                    .peek_at(1)
                    .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '(' | '{')) =>
                {
                    let next = if self.peek_at(1) == Some('(') {
                        self.at += 1;
                        let inner = self.bracketed();
                        self.script(&inner)
                    } else {
                        let name = self.variable_name();
                        self.variable(&name)
                    };
                    out = out.joined(&std::mem::take(&mut plain), &next);
                }
                c => {
                    plain.push(c);
                    self.at += 1;
                }
            }
        }
        self.chars = chars;
        self.at = at;
        out.joined(&plain, &Value::known(""))
    }

    /// `.Name`, `.Name(…)`, `::Name(…)`, `[…]` after a value.
    fn members(&mut self, mut value: Value) -> Value {
        loop {
            let length = match (self.peek(), self.peek_at(1)) {
                (Some(':'), Some(':')) => 2,
                (Some('?'), Some('.')) => 2,
                (Some('.'), Some(next))
                    if next.is_alphabetic()
                        || next == '_'
                        || is_quote(next)
                        || next == '$'
                        || next == '(' =>
                {
                    1
                }
                (Some('['), _) => {
                    let index = self.bracketed();
                    let at = self.script(&index);
                    value = match (value, at.text().and_then(|text| text.parse::<usize>().ok())) {
                        (Value::List(values), Some(at)) => {
                            values.get(at).cloned().unwrap_or_default()
                        }
                        (other, _) => other,
                    };
                    continue;
                }
                (Some('+' | '-'), Some(sign)) if self.peek() == Some(sign) => {
                    self.at += 2;
                    continue;
                }
                _ => return value,
            };
            self.at += length;
            let name = match self.peek() {
                Some(c) if is_quote(c) => self.quoted().text().unwrap_or_default().to_owned(),
                Some('$' | '(') => self.operand().text().unwrap_or_default().to_owned(),
                _ => self.name(),
            };
            let args = (self.peek() == Some('(')).then(|| {
                let inner = self.bracketed();
                self.list_of(&inner)
            });
            value = self.member(value, &name.to_ascii_lowercase(), args);
        }
    }

    /// The values between brackets, with commas between.
    pub(super) fn list_of(&mut self, text: &str) -> Vec<Value> {
        match self.script(text) {
            Value::List(values) => values,
            Value::Unknown if text.trim().is_empty() => Vec::new(),
            one => vec![one],
        }
    }
}

/// `"{0} {1}" -f a, b`
fn formatted(pattern: &Value, given: &Value) -> Value {
    let Some(text) = pattern.text() else {
        return pattern.clone();
    };
    let values: &[Value] = match given {
        Value::List(values) => values,
        one => std::slice::from_ref(one),
    };
    let mut out = Value::known("");
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((hole, after)) = after.split_once('}') else {
            break;
        };
        let index: usize = hole
            .split([':', ','])
            .next()
            .and_then(|at| at.parse().ok())
            .unwrap_or(usize::MAX);
        out = out.joined(before, &values.get(index).cloned().unwrap_or_default());
        rest = after;
    }
    out.joined(rest, &Value::known(""))
}
