//! The words of a command: parameters, their values, what is piped in.

use super::Reader;
use crate::{code::value::Value, shell::flow::Field};

/// One word of a command.
#[derive(Debug, Clone)]
pub(super) enum Arg {
    /// `-Name` and, after a colon, its value.
    Parameter(String, Option<Value>),
    Value(Value),
}

#[derive(Default)]
pub(super) struct Words {
    pub(super) args: Vec<Arg>,
    pub(super) piped: Option<Value>,
    pub(super) redirects: Vec<(Field, bool)>,
}

/// Parameters whose value is the next word, of any cmdlet that is read.
const VALUED: &[&str] = &[
    "path",
    "literalpath",
    "filepath",
    "destination",
    "value",
    "name",
    "newname",
    "uri",
    "method",
    "body",
    "infile",
    "outfile",
    "headers",
    "form",
    "contenttype",
    "filter",
    "include",
    "exclude",
    "itemtype",
    "type",
    "target",
    "argumentlist",
    "scriptblock",
    "computername",
    "command",
    "driveletter",
    "number",
    "disknumber",
    "filesystem",
    "newfilesystemlabel",
    "executionpolicy",
    "scope",
    "logname",
    "source",
    "action",
    "trigger",
    "taskname",
    "binarypathname",
    "startuptype",
    "profile",
    "enabled",
    "direction",
    "protocol",
    "localport",
    "displayname",
    "exclusionpath",
    "exclusionextension",
    "exclusionprocess",
    "disablerealtimemonitoring",
    "encoding",
    "inputobject",
    "process",
    "begin",
    "end",
    "parallel",
    "throttlelimit",
    "property",
    "pattern",
    "erroraction",
    "warningaction",
    "ea",
    "id",
    "group",
    "member",
    "password",
    "description",
    "credential",
    "class",
    "classname",
    "namespace",
    "query",
    "partitionnumber",
    "verb",
    "workingdirectory",
    "windowstyle",
    "historysavestyle",
    "propertytype",
    "delimiter",
    "first",
    "last",
    "skip",
    "username",
    "session",
    "assembly",
    "typename",
    "comobject",
    "initializationscript",
    "membername",
    "to",
    "from",
    "subject",
    "attachments",
    "smtpserver",
    "useragent",
    "websession",
    "depth",
    "tail",
    "totalcount",
];

impl Reader<'_, '_> {
    /// One word of a command.
    pub(super) fn argument(&mut self) -> Arg {
        if self.peek() == Some('-')
            && self
                .peek_at(1)
                .is_some_and(|c| c.is_alphabetic() || c == '`' || c == '_')
        {
            self.at += 1;
            let mut name = String::new();
            while let Some(c) = self.peek() {
                if c == '`' {
                    self.at += 1;
                    continue;
                }
                if c.is_whitespace()
                    || matches!(
                        c,
                        ':' | ';' | '|' | ')' | '}' | '(' | '{' | ',' | '"' | '\'' | '>' | '$'
                    )
                {
                    break;
                }
                name.push(c);
                self.at += 1;
            }
            if self.peek() == Some(':') {
                self.at += 1;
                self.blanks();
                return Arg::Parameter(name, Some(self.word_value()));
            }
            return Arg::Parameter(name, None);
        }
        // `@args` hands a table on as parameters.
        if self.peek() == Some('@')
            && self
                .peek_at(1)
                .is_some_and(|c| c.is_alphabetic() || c == '_')
        {
            let value = self.operand();
            // A table handed on as parameters is kept as the list that it is.
            return match value {
                Value::List(_) => Arg::Parameter("@".to_owned(), Some(value)),
                other => Arg::Value(other),
            };
        }
        Arg::Value(self.word_value())
    }

    /// A word's value; commas make a list.
    fn word_value(&mut self) -> Value {
        let first = self.one_value();
        self.blanks_before_comma();
        if self.peek() != Some(',') {
            return first;
        }
        let mut all = vec![first];
        while self.peek() == Some(',') && all.len() < 64 {
            self.at += 1;
            self.lines();
            all.push(self.one_value());
            self.blanks_before_comma();
        }
        Value::list(all)
    }

    fn blanks_before_comma(&mut self) {
        let start = self.at;
        self.blanks();
        if self.peek() != Some(',') {
            self.at = start;
        }
    }

    pub(super) fn one_value(&mut self) -> Value {
        match self.peek() {
            Some('(' | '{' | '@' | '[') => self.operand(),
            Some('$') => {
                let value = self.operand();
                self.continued(value)
            }
            Some(c) if super::scan::is_quote(c) => {
                let value = self.operand();
                self.continued(value)
            }
            _ => self.bareword(),
        }
    }

    /// `$x\more`, `"a"b`: a word goes on after a value.
    fn continued(&mut self, value: Value) -> Value {
        if self.peek().is_none_or(ends_word) {
            return value;
        }
        let rest = self.bareword();
        value.joined("", &rest)
    }

    /// A word without quotes around it, with the variables and quoted parts in it.
    pub(super) fn bareword(&mut self) -> Value {
        let mut out = Value::known("");
        let mut plain = String::new();
        while let Some(c) = self.peek() {
            match c {
                '`' => {
                    plain.extend(self.peek_at(1));
                    self.at += 2;
                }
                '"' | '\'' => {
                    let next = self.quoted();
                    out = out.joined(&std::mem::take(&mut plain), &next);
                }
                '$' if self
                    .peek_at(1)
                    .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '(' | '{')) =>
                {
                    let next = self.operand();
                    out = out.joined(&std::mem::take(&mut plain), &next);
                }
                c if ends_word(c) => break,
                c => {
                    plain.push(c);
                    self.at += 1;
                }
            }
        }
        match out.joined(&plain, &Value::known("")) {
            Value::Text(mut field) => {
                field.glob = field.text.contains(['*', '?']);
                Value::Text(field)
            }
            other => other,
        }
    }
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '|' | ')' | '}' | ',' | '>' | '(' | '{' | '&')
}

/// The words of one command with parameters and their values matched.
#[derive(Default)]
pub(super) struct Bound {
    /// Names in lower case without the sign, and what they are given.
    pub(super) parameters: Vec<(String, Value)>,
    pub(super) plain: Vec<Value>,
    pub(super) piped: Option<Value>,
}

impl Words {
    pub(super) fn bound(&self) -> Bound {
        let mut bound = Bound {
            piped: self.piped.clone(),
            ..Bound::default()
        };
        let mut args = self.args.iter().peekable();
        while let Some(arg) = args.next() {
            match arg {
                Arg::Parameter(name, Some(Value::List(values)))
                    if name == "@"
                        && !values
                            .first()
                            .and_then(Value::text)
                            .is_some_and(|text| text.starts_with('-')) =>
                {
                    bound.plain.extend(values.iter().cloned());
                }
                Arg::Parameter(name, Some(Value::List(table))) if name == "@" => {
                    for pair in table.chunks(2) {
                        if let [key, value] = pair {
                            let key = key.text().unwrap_or_default().trim_start_matches('-');
                            bound
                                .parameters
                                .push((key.to_ascii_lowercase(), value.clone()));
                        }
                    }
                }
                Arg::Parameter(name, Some(value)) => {
                    bound
                        .parameters
                        .push((name.to_ascii_lowercase(), value.clone()));
                }
                Arg::Parameter(name, None) => {
                    let lower = name.to_ascii_lowercase();
                    let valued = VALUED.iter().any(|full| {
                        *full == lower
                            || lower.len() > 1 && full.starts_with(&lower) && !is_switch(&lower)
                    });
                    let value = match args.peek() {
                        Some(Arg::Value(value)) if valued => {
                            let value = value.clone();
                            args.next();
                            value
                        }
                        _ => Value::known("$true"),
                    };
                    bound.parameters.push((lower, value));
                }
                Arg::Value(value) => bound.plain.push(value.clone()),
            }
        }
        bound
    }

    /// The words as a native program gets them.
    pub(super) fn fields(&self) -> Vec<Field> {
        let mut out = Vec::new();
        for arg in &self.args {
            match arg {
                Arg::Parameter(name, Some(value)) if name == "@" => out.extend(value.words()),
                Arg::Parameter(name, value) => {
                    let mut field = Field::known(format!("-{name}"));
                    if let Some(value) = value.as_ref().and_then(Value::field) {
                        field.push(":");
                        field.push(&value.text);
                    }
                    out.push(field);
                }
                Arg::Value(Value::Name(name)) if name.starts_with(super::BLOCK) => {
                    out.push(Field::known(format!("{name}}}")));
                }
                Arg::Value(value) => out.extend(value.words()),
            }
        }
        out
    }
}

/// Abbreviations of switches that are also those of parameters with a value.
fn is_switch(name: &str) -> bool {
    [
        "recurse", "force", "whatif", "confirm", "passthru", "append", "wait", "asjob", "raw",
        "file",
    ]
    .iter()
    .any(|switch| switch.starts_with(name) && !matches!(name, "f" | "fi" | "p" | "w" | "pa"))
}

impl Bound {
    /// The value of the parameter `name`, however abbreviated.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.parameters
            .iter()
            .find(|(given, _)| !given.is_empty() && name.starts_with(given.as_str()))
            .map(|(_, value)| value)
    }

    /// Whether the switch `name` is on.
    pub(super) fn on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| !matches!(value.text(), Some("$false" | "0")))
    }

    /// The value of `name`, or the operand at `position`.
    pub(super) fn at(&self, name: &str, position: usize) -> Option<&Value> {
        self.get(name).or_else(|| self.plain.get(position))
    }

    /// The paths that the command is about: by name, by position, or piped in.
    pub(super) fn paths(&self) -> Vec<Field> {
        let named = ["literalpath", "path", "filepath"]
            .iter()
            .find_map(|name| {
                self.parameters
                    .iter()
                    .find(|(given, _)| name.starts_with(given.as_str()) && given.len() > 1)
            })
            .map(|(_, value)| value);
        let value = named.or(self.plain.first()).or(self.piped.as_ref());
        value.map(Value::words).unwrap_or_default()
    }
}
