//! Expansion of words: quotes, variables, substitutions, tildes, braces. Our own reader of a word's text, because it
//! must keep apart what is known, what is unknown and what would be empty.

use super::{
    Shell,
    flow::{Field, Flow, Taint},
    scan::{braces, end_of_ansi, end_of_bracket, end_of_double, end_of_tick, find, text},
};
use crate::{escape, limits::MAX_VALUE_BYTES, secret};

/// Fields under construction.
#[derive(Default)]
struct Fields {
    done: Vec<Field>,
    now: Field,
    started: bool,
}

impl Fields {
    fn add(&mut self, text: &str) {
        self.now.push(text);
        self.started = true;
    }

    fn end(&mut self) {
        if self.started {
            self.done.push(std::mem::take(&mut self.now));
            self.started = false;
        }
    }

    /// Adds an expansion that is split at blanks.
    fn add_split(&mut self, text: &str, separators: &[char]) {
        let mut first = true;
        for part in text.split(separators) {
            if !first {
                self.end();
            }
            first = false;
            if !part.is_empty() {
                self.now.glob |= part.contains(['*', '?', '[']);
                self.add(part);
            }
        }
    }
}

/// What a `$…` stands for.
enum Value {
    Known(String),
    /// The name to show, and whether it surely has some text.
    Unknown(String, bool),
}

impl Shell<'_> {
    /// All the fields that a word comes to.
    pub(super) fn expand(&mut self, raw: &str) -> Vec<Field> {
        if !raw.contains(['\\', '\'', '"', '$', '`', '~', '{', '*', '?', '[']) {
            return vec![Field::known(raw)];
        }
        let mut words = Vec::new();
        let mut left = self.left;
        if self.work(raw.len() / 16) {
            braces(raw, &mut words, 0, &mut left);
        }
        // More than braces may come to is charged here, so that the call is opaque.
        let spent = self.left.saturating_sub(left);
        let mut fields = Fields::default();
        if !self.work(spent) {
            return vec![Field::unread(raw)];
        }
        for word in words {
            if !self.work(2 + word.len() / 16) {
                break;
            }
            self.word(&word, &mut fields);
            fields.end();
        }
        fields.done
    }

    /// A word as one field, unsplit: assignments, redirection targets, here-strings.
    pub(super) fn expand_one(&mut self, raw: &str) -> Field {
        if !self.work(raw.len() / 16) {
            return Field::unread(raw);
        }
        let mut fields = Fields::default();
        let chars: Vec<char> = raw.chars().collect();
        self.pieces(&chars, false, true, &mut fields);
        fields.now
    }

    /// The body of a here-document that is not quoted.
    pub(super) fn expand_body(&mut self, raw: &str) -> Field {
        if !self.work(raw.len() / 16) {
            return Field::unread(raw);
        }
        let mut fields = Fields::default();
        let chars: Vec<char> = raw.chars().collect();
        self.pieces(&chars, true, true, &mut fields);
        fields.now
    }

    fn word(&mut self, raw: &str, fields: &mut Fields) {
        let chars: Vec<char> = raw.chars().collect();
        self.pieces(&chars, false, false, fields);
    }

    /// `quoted` is inside double quotes, `whole` keeps expansions in one field.
    fn pieces(&mut self, chars: &[char], quoted: bool, whole: bool, fields: &mut Fields) {
        let mut at = 0;
        if !quoted && chars.first() == Some(&'~') {
            at = self.tilde(chars, fields);
        }
        while at < chars.len() {
            match chars[at] {
                '\\' if quoted => {
                    match chars.get(at + 1) {
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            fields.add(c.encode_utf8(&mut [0; 4]));
                        }
                        Some('\n') => {}
                        Some(c) => {
                            fields.add("\\");
                            fields.add(c.encode_utf8(&mut [0; 4]));
                        }
                        None => fields.add("\\"),
                    }
                    at += 2;
                }
                '\\' => {
                    match chars.get(at + 1) {
                        Some('\n') | None => {}
                        Some(c) => fields.add(c.encode_utf8(&mut [0; 4])),
                    }
                    at += 2;
                }
                '\'' if !quoted => {
                    let end = find(chars, at + 1, '\'');
                    fields.add(&text(&chars[at + 1..end]));
                    at = end + 1;
                }
                '"' if !quoted => {
                    let end = end_of_double(chars, at + 1);
                    fields.add("");
                    self.pieces(&chars[at + 1..end], true, true, fields);
                    at = end + 1;
                }
                '$' if !quoted && chars.get(at + 1) == Some(&'\'') => {
                    let end = end_of_ansi(chars, at + 2);
                    fields.add(&escape::unescape(&text(&chars[at + 2..end])));
                    at = end + 1;
                }
                '$' if !quoted && chars.get(at + 1) == Some(&'"') => at += 1,
                '$' => at = self.dollar(chars, at, quoted || whole, fields),
                '`' => {
                    let end = end_of_tick(chars, at + 1);
                    let inner = text(&chars[at + 1..end])
                        .replace("\\`", "`")
                        .replace("\\\\", "\\")
                        .replace("\\$", "$");
                    self.substitute(&inner, quoted || whole, fields);
                    at = end + 1;
                }
                c => {
                    fields.now.glob |= !quoted && matches!(c, '*' | '?' | '[');
                    fields.add(c.encode_utf8(&mut [0; 4]));
                    at += 1;
                }
            }
        }
    }

    fn tilde(&mut self, chars: &[char], fields: &mut Fields) -> usize {
        let end = chars
            .iter()
            .position(|c| matches!(c, '/' | ':'))
            .unwrap_or(chars.len());
        let name = text(&chars[1..end]);
        match name.as_str() {
            "" => fields.add(self.home.clone().as_deref().unwrap_or("~")),
            "+" => fields.add(&self.scope.cwd.display()),
            "-" => fields.now.push_unknown("~-", true),
            _ if name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) =>
            {
                fields.add(&format!("~{name}"));
            }
            _ => return 0,
        }
        fields.started = true;
        end
    }

    /// Handles what starts at the `$` at `at`; answers where it ends.
    fn dollar(&mut self, chars: &[char], at: usize, whole: bool, fields: &mut Fields) -> usize {
        match chars.get(at + 1) {
            Some('(') if chars.get(at + 2) == Some(&'(') => {
                let end = end_of_bracket(chars, at + 2, '(', ')');
                let inner = text(&chars[(at + 3).min(end)..end]);
                if inner.contains(['$', '`']) {
                    self.expand_body(&inner);
                }
                fields.now.push_unknown("0", true);
                fields.started = true;
                end + 1
            }
            Some('(') => {
                let end = end_of_bracket(chars, at + 2, '(', ')');
                let inner = text(&chars[(at + 2).min(end)..end]);
                self.substitute(&inner, whole, fields);
                end + 1
            }
            Some('{') => {
                let end = end_of_bracket(chars, at + 2, '{', '}');
                let inner = text(&chars[(at + 2).min(end)..end]);
                self.parameter(&inner, whole, fields);
                end + 1
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let end = (at + 1..chars.len())
                    .find(|&i| !(chars[i].is_ascii_alphanumeric() || chars[i] == '_'))
                    .unwrap_or(chars.len());
                self.parameter(&text(&chars[at + 1..end]), whole, fields);
                end
            }
            Some(c @ ('0'..='9' | '@' | '*' | '#' | '?' | '$' | '!' | '-')) => {
                self.parameter(&c.to_string(), whole, fields);
                at + 2
            }
            _ => {
                fields.add("$");
                at + 1
            }
        }
    }

    /// What splits expansions into words: `IFS`, where the text sets it.
    fn separators(&self) -> Vec<char> {
        match self
            .scope
            .variables
            .get("IFS")
            .and_then(|ifs| ifs.text.as_ref())
        {
            Some(text) => text.chars().collect(),
            None => vec![' ', '\t', '\n'],
        }
    }

    fn substitute(&mut self, inner: &str, whole: bool, fields: &mut Fields) {
        let flow = self.subshell(inner, &Flow::default());
        fields.now.taint.merge(&flow.taint);
        if let Some(text) = flow.text {
            let text = text.trim_end_matches('\n');
            if whole {
                fields.add(text);
            } else {
                fields.add_split(text, &self.separators());
            }
        } else {
            let shown: String = inner.chars().take(80).collect();
            fields.now.push_unknown(&format!("$({shown})"), false);
            fields.now.taint.unforeseen = true;
            fields.started = true;
        }
    }

    /// `$NAME` and `${…}`.
    fn parameter(&mut self, inner: &str, whole: bool, fields: &mut Fields) {
        // All elements of an array are words of their own, quoted or not.
        let whole = whole && !inner.ends_with("[@]");
        if matches!(inner, "@" | "*") {
            let positional = self.scope.positional.clone();
            for (i, field) in positional.iter().enumerate() {
                if i > 0 {
                    fields.end();
                }
                fields.add(&field.text);
                fields.now.taint.merge(&field.taint);
            }
            return;
        }
        let mut taint = Taint::default();
        match self.parameter_value(inner, &mut taint) {
            Value::Known(text) if text.len() > MAX_VALUE_BYTES => {
                fields.now.push_unknown("$…", true);
                fields.started = true;
            }
            Value::Known(text) if !self.work(2 + text.len() / 64) => {
                fields.now.push_unknown("$…", true);
                fields.started = true;
            }
            Value::Known(text) if whole => fields.add(&text),
            Value::Known(text) => fields.add_split(&text, &self.separators()),
            Value::Unknown(shown, never_empty) => {
                fields.now.push_unknown(&shown, never_empty);
                fields.started = true;
            }
        }
        fields.now.taint.merge(&taint);
    }

    fn parameter_value(&mut self, inner: &str, taint: &mut Taint) -> Value {
        if inner.starts_with('#') && inner.len() > 1 || inner.starts_with('!') {
            return Value::Unknown(format!("${{{inner}}}"), true);
        }
        let name_end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inner.len())
            .max(1)
            .min(inner.len());
        let Some((name, operation)) = inner.split_at_checked(name_end) else {
            return Value::Unknown("$?".to_owned(), true);
        };
        let operation = if let Some(rest) = operation.strip_prefix('[') {
            rest.split_once(']').map_or("", |(_, op)| op)
        } else {
            operation
        };
        let value = self.variable(name, taint);
        let Some(kind) = operation.chars().next() else {
            return value;
        };
        let word = |skip: usize| operation.get(skip..).unwrap_or_default();
        match (kind, value) {
            (':', value) if matches!(operation.chars().nth(1), Some('-' | '=' | '+' | '?')) => {
                self.default_value(name, word(1), value)
            }
            ('-' | '=' | '+' | '?', value) => self.default_value(name, operation, value),
            (':', Value::Known(text)) => substring(&text, word(1))
                .map_or_else(|| Value::Unknown(format!("${name}"), false), Value::Known),
            ('^', Value::Known(text)) => Value::Known(if operation.starts_with("^^") {
                text.to_uppercase()
            } else {
                text
            }),
            (',', Value::Known(text)) => Value::Known(if operation.starts_with(",,") {
                text.to_lowercase()
            } else {
                text
            }),
            ('/', Value::Known(text)) => {
                let all = operation.starts_with("//");
                let (from, to) = word(1 + usize::from(all))
                    .split_once('/')
                    .unwrap_or((word(1 + usize::from(all)), ""));
                let (from, to) = (self.expand_one(from).text, self.expand_one(to).text);
                Value::Known(if from.is_empty() {
                    text
                } else if all {
                    text.replace(&from, &to)
                } else {
                    text.replacen(&from, &to, 1)
                })
            }
            ('#', Value::Known(text)) if !operation.contains(['*', '?', '[']) => Value::Known(
                text.strip_prefix(operation.trim_start_matches('#'))
                    .unwrap_or(&text)
                    .to_owned(),
            ),
            ('%', Value::Known(text)) if !operation.contains(['*', '?', '[']) => Value::Known(
                text.strip_suffix(operation.trim_start_matches('%'))
                    .unwrap_or(&text)
                    .to_owned(),
            ),
            (_, Value::Unknown(shown, never_empty)) => Value::Unknown(shown, never_empty),
            _ => Value::Unknown(format!("${name}"), false),
        }
    }

    /// `${x:-word}` and its kin; `operation` starts with the sign.
    fn default_value(&mut self, name: &str, operation: &str, value: Value) -> Value {
        let (sign, word) = operation.split_at(1);
        match (sign, value) {
            ("+", Value::Known(text)) if text.is_empty() => Value::Known(text),
            ("+", Value::Known(_)) => Value::Known(self.expand_one(word).text),
            (_, Value::Known(text)) if !text.is_empty() => Value::Known(text),
            ("-" | "=", Value::Known(_)) => Value::Known(self.expand_one(word).text),
            // Not set on this line, so the default is what it will be, as likely as not.
            ("-" | "=", Value::Unknown(..)) => {
                let field = self.expand_one(word);
                if field.is_known() && !field.text.is_empty() {
                    Value::Known(field.text)
                } else {
                    Value::Unknown(format!("${name}"), false)
                }
            }
            // `${x:?}` stops the line when x is empty.
            ("?", Value::Unknown(shown, _)) => Value::Unknown(shown, true),
            (_, value) => value,
        }
    }

    fn variable(&mut self, name: &str, taint: &mut Taint) -> Value {
        if let Some(variable) = self.scope.variables.get(name) {
            taint.merge(&variable.taint);
            return variable
                .text
                .clone()
                .map_or_else(|| Value::Unknown(format!("${name}"), false), Value::Known);
        }
        if let Ok(position) = name.parse::<usize>() {
            if position == 0 {
                return Value::Known("bash".to_owned());
            }
            return match self.scope.positional.get(position - 1) {
                Some(field) => {
                    taint.merge(&field.taint);
                    if field.is_known() {
                        Value::Known(field.text.clone())
                    } else {
                        Value::Unknown(field.text.clone(), false)
                    }
                }
                None => Value::Unknown(format!("${name}"), false),
            };
        }
        match name {
            "HOME" => Value::Known(self.home.clone().unwrap_or_else(|| "~".to_owned())),
            "PWD" => Value::Known(self.scope.cwd.display()),
            "IFS" => Value::Known(" \t\n".to_owned()),
            "PATH" => Value::Known("/usr/local/bin:/usr/bin:/bin".to_owned()),
            "SHELL" | "BASH" => Value::Known("/bin/bash".to_owned()),
            "TMPDIR" | "TEMP" | "TMP" => Value::Known("/tmp".to_owned()),
            "USER" | "LOGNAME" | "UID" | "EUID" | "HOSTNAME" | "OSTYPE" | "RANDOM" | "SECONDS"
            | "PPID" | "OLDPWD" | "$" | "?" | "#" | "!" | "-" | "BASH_SOURCE"
            | "GITHUB_WORKSPACE" => Value::Unknown(format!("${name}"), true),
            _ => {
                if secret::secret_variable(name) {
                    taint.merge(&Taint::secret(format!("${name}")));
                }
                Value::Unknown(format!("${name}"), false)
            }
        }
    }
}

fn substring(value: &str, range: &str) -> Option<String> {
    let (offset, length) = range.split_once(':').unwrap_or((range, ""));
    let chars: Vec<char> = value.chars().collect();
    let offset: i64 = offset.trim().trim_matches(['(', ')']).parse().ok()?;
    let size = i64::try_from(chars.len()).ok()?;
    let start = if offset < 0 {
        (size + offset).max(0)
    } else {
        offset.min(size)
    };
    let end = if length.is_empty() {
        size
    } else {
        start
            .saturating_add(length.trim().parse::<i64>().ok()?.max(0))
            .min(size)
    };
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    Some(chars.get(start..end)?.iter().collect())
}
