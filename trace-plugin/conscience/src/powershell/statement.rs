//! Statements and pipelines of PowerShell.

use super::{
    BLOCK, Reader,
    args::{Arg, Words},
};
use crate::{
    code::value::Value,
    effect::{Effect, EffectKind},
    limits::MAX_LOOP_VALUES,
    shell::flow::{Field, Flow},
};

/// Keywords that are followed by a condition in brackets and a block, or by a block alone.
const BLOCKS: &[&str] = &[
    "if",
    "elseif",
    "else",
    "while",
    "until",
    "do",
    "for",
    "switch",
    "try",
    "catch",
    "finally",
    "begin",
    "process",
    "end",
    "trap",
    "dynamicparam",
    "clean",
];

impl Reader<'_, '_> {
    /// Reads to the end of the text; answers what the last statements give.
    pub(super) fn statements(&mut self) -> Value {
        let mut out: Option<Value> = None;
        loop {
            self.lines();
            let Some(c) = self.peek() else { break };
            let before = self.at;
            if matches!(c, ')' | '}' | ']' | '|') {
                self.at += 1;
                continue;
            }
            let value = self.statement();
            if !matches!(value, Value::Unknown) {
                out = Some(match out {
                    Some(Value::List(mut all)) => {
                        all.push(value);
                        Value::list(all)
                    }
                    Some(first) => Value::list(vec![first, value]),
                    None => value,
                });
            }
            if self.at == before {
                self.at += 1;
            }
            if !self.shell.work(10) {
                self.at = self.chars.len();
                break;
            }
        }
        out.unwrap_or_default()
    }

    pub(super) fn statement(&mut self) -> Value {
        if self.word_here("function") || self.word_here("filter") {
            self.function();
            return Value::Unknown;
        }
        if self.word_here("foreach") && self.loop_follows() {
            return self.each();
        }
        if self.word_here("param") || self.word_here("using") {
            self.name();
            self.blanks();
            if self.peek() == Some('(') {
                self.bracketed();
            }
            return Value::Unknown;
        }
        for word in ["return", "throw", "exit", "break", "continue"] {
            if self.word_here(word) {
                self.name();
                self.blanks();
                return if matches!(self.peek(), None | Some(';' | '\n' | '}')) {
                    Value::Unknown
                } else {
                    self.chain()
                };
            }
        }
        if let Some(word) = BLOCKS.iter().find(|word| self.word_here(word))
            && self.block_follows(word.len())
        {
            let loops = matches!(*word, "while" | "for");
            self.at += word.len();
            return self.controlled(loops);
        }
        self.chain()
    }

    /// Whether `(` or `{` follows the word that stands here.
    fn block_follows(&self, length: usize) -> bool {
        self.chars
            .get(self.at + length..)
            .unwrap_or_default()
            .iter()
            .find(|c| !c.is_whitespace())
            .is_some_and(|c| matches!(c, '(' | '{' | '['))
    }

    fn loop_follows(&self) -> bool {
        self.rest()
            .iter()
            .skip("foreach".len())
            .find(|c| !c.is_whitespace())
            == Some(&'(')
    }

    /// The condition and the block of a keyword.
    fn controlled(&mut self, loops: bool) -> Value {
        let mut out = Value::Unknown;
        let mut endless = false;
        loop {
            self.blanks();
            match self.peek() {
                Some('(') => {
                    let condition = self.bracketed();
                    endless = loops
                        && matches!(
                            condition.trim().to_ascii_lowercase().as_str(),
                            "$true" | "1" | "1 -eq 1" | ";;" | "$true -eq $true"
                        );
                    self.script(&condition);
                }
                Some('[') => {
                    self.bracketed();
                }
                Some('\n') if matches!(self.next_line(), Some('{')) => self.lines(),
                Some('{') => {
                    let body = self.bracketed();
                    let lower = body.to_ascii_lowercase();
                    if endless
                        && [
                            "start-process",
                            "start-job",
                            "saps ",
                            "start pwsh",
                            "start powershell",
                        ]
                        .iter()
                        .any(|word| lower.contains(word))
                        && !lower.contains("sleep")
                        && !lower.contains("-wait")
                    {
                        self.shell.emit(
                            Effect::new(EffectKind::Exhaust, "processes")
                                .manner("fork_bomb")
                                .program(self.program),
                        );
                    }
                    let given = self.names.get("_").cloned().unwrap_or_default();
                    out = self.block(&body, &given);
                    return out;
                }
                Some('-') => {
                    // `switch -regex (…)`.
                    self.at += 1;
                    self.name();
                }
                _ => return out,
            }
        }
    }

    fn next_line(&self) -> Option<char> {
        self.rest().iter().find(|c| !c.is_whitespace()).copied()
    }

    /// `foreach ($x in …) { … }`
    fn each(&mut self) -> Value {
        self.name();
        self.blanks();
        let header = self.bracketed();
        let (name, list) = header
            .split_once(" in ")
            .or_else(|| header.split_once(" IN "))
            .unwrap_or((&header, ""));
        let values = self.script(list);
        self.lines();
        if self.peek() != Some('{') {
            return Value::Unknown;
        }
        let body = self.bracketed();
        let name = name.trim().trim_start_matches('$').to_ascii_lowercase();
        let elements = match values {
            Value::List(values) => values,
            other => vec![other],
        };
        for element in elements.into_iter().take(MAX_LOOP_VALUES) {
            self.names.insert(name.clone(), element);
            self.script(&body);
        }
        Value::Unknown
    }

    fn function(&mut self) {
        self.name();
        self.blanks();
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | '{'))
        {
            self.at += 1;
        }
        let name: String = self.between(start, self.at);
        self.lines();
        let mut parameters = Vec::new();
        if self.peek() == Some('(') {
            parameters = names_in(&self.bracketed());
            self.lines();
        }
        if self.peek() != Some('{') {
            return;
        }
        let body = self.bracketed();
        let trimmed = body.trim_start();
        if parameters.is_empty()
            && trimmed
                .get(..5)
                .is_some_and(|word| word.eq_ignore_ascii_case("param"))
            && let Some(end) = trimmed.find(')')
        {
            parameters = names_in(&trimmed[5..end]);
        }
        let name = name
            .rsplit(':')
            .next()
            .unwrap_or(&name)
            .to_ascii_lowercase();
        self.functions.insert(name, (parameters, body));
    }

    /// Pipelines with `&&` and `||` between.
    pub(super) fn chain(&mut self) -> Value {
        let mut value = self.pipeline();
        loop {
            self.blanks();
            if self.here("&&") || self.here("||") {
                self.at += 2;
                self.blanks();
                value = self.pipeline();
            } else {
                if self.peek() == Some('&') {
                    self.at += 1;
                }
                return value;
            }
        }
    }

    fn pipeline(&mut self) -> Value {
        let mut piped: Option<Value> = None;
        loop {
            self.blanks();
            let value = self.element(piped.take());
            self.blanks();
            while self.peek() == Some('\n') && self.next_line() == Some('|') {
                self.lines();
            }
            if self.peek() == Some('|') && self.peek_at(1) != Some('|') {
                self.at += 1;
                self.lines();
                piped = Some(value);
            } else {
                return value;
            }
        }
    }

    /// One command or expression of a pipeline.
    fn element(&mut self, piped: Option<Value>) -> Value {
        if self.peek() == Some('$')
            && let Some(value) = self.assignment()
        {
            return value;
        }
        match self.peek() {
            Some('&' | '.')
                if self.peek_at(1).is_some_and(|c| {
                    c.is_whitespace() || matches!(c, '(' | '{' | '$' | '"' | '\'')
                }) =>
            {
                self.at += 1;
                self.blanks();
                self.invocation(piped)
            }
            Some('[') if self.typed_assignment() => {
                self.bracketed();
                self.blanks();
                self.element(piped)
            }
            Some(c)
                if matches!(c, '$' | '"' | '\'' | '(' | '[' | '@' | '{' | '!' | ',')
                    || c.is_ascii_digit()
                    || c == '-' && self.peek_at(1) != Some('-') =>
            {
                let value = self.expression();
                self.redirected(&value);
                value
            }
            Some(_) => {
                let word = self.bareword();
                self.command(&word, piped)
            }
            None => Value::Unknown,
        }
    }

    /// `& name …`, `& { … }`, `& $x …`, `. script`.
    fn invocation(&mut self, piped: Option<Value>) -> Value {
        let target = match self.peek() {
            Some('{') => {
                let body = self.bracketed();
                Value::Name(format!("{BLOCK}{body}"))
            }
            _ => self.one_value(),
        };
        self.command(&target, piped)
    }

    /// Reads the rest of a command whose name is `target`, and does it.
    fn command(&mut self, target: &Value, piped: Option<Value>) -> Value {
        let mut words = Words {
            piped,
            ..Words::default()
        };
        while words.args.len() < 128 {
            self.blanks();
            match self.peek() {
                None | Some('|' | ';' | '\n' | ')' | '}') => break,
                Some('&') => {
                    if self.peek_at(1) == Some('>') {
                        self.at += 1;
                        continue;
                    }
                    break;
                }
                Some('>') => {
                    words.redirects.extend(self.redirect());
                }
                Some(c) if c.is_ascii_digit() && self.peek_at(1) == Some('>') => {
                    self.at += 1;
                    words.redirects.extend(self.redirect());
                }
                Some('*') if self.peek_at(1) == Some('>') => {
                    self.at += 1;
                    words.redirects.extend(self.redirect());
                }
                Some(_) => {
                    let before = self.at;
                    let arg = self.argument();
                    words.args.push(arg);
                    self.at += usize::from(self.at == before);
                }
            }
        }
        let out = self.run_command(target, &mut words);
        self.deliver(&words.redirects, &out);
        out
    }

    /// `> file`, `>> file`, `2>&1`.
    fn redirect(&mut self) -> Option<(Field, bool)> {
        self.at += 1;
        let append = self.peek() == Some('>');
        self.at += usize::from(append);
        if self.peek() == Some('&') {
            self.at += 2;
            return None;
        }
        self.blanks();
        let target = self.argument();
        match target {
            Arg::Value(value) => value.field().cloned().map(|field| (field, append)),
            Arg::Parameter(..) => None,
        }
    }

    fn redirected(&mut self, value: &Value) {
        self.blanks();
        while self.peek() == Some('>') {
            let target = self.redirect();
            self.deliver(&target.into_iter().collect::<Vec<_>>(), value);
            self.blanks();
        }
    }

    fn deliver(&mut self, redirects: &[(Field, bool)], out: &Value) {
        for (field, append) in redirects {
            if !matches!(
                field.text.to_ascii_lowercase().as_str(),
                "$null" | "nul" | "/dev/null"
            ) {
                let content: Flow = out.flow();
                self.shell.write(field, *append, &content, self.program);
            }
        }
    }
}

/// The variables among parameters.
pub(super) fn names_in(text: &str) -> Vec<String> {
    text.split('$')
        .skip(1)
        .filter_map(|part| {
            let end = part
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(part.len());
            (end > 0).then(|| part[..end].to_ascii_lowercase())
        })
        .filter(|name| !matches!(name.as_str(), "true" | "false" | "null"))
        .collect()
}
