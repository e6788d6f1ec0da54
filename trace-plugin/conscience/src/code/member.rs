//! What follows a value: members, indexes, brackets, blocks; and what stands inside a text literal.

use super::{
    Language,
    eval::{Arg, Reader},
    token::{Piece, Token, tokens},
    value::{Value, is_environment},
};
use crate::{
    secret,
    shell::flow::{Field, Flow, Taint},
};

/// Most arguments of a call without brackets.
const MAX_ARGUMENTS: usize = 64;

/// Longest name with all its members that is followed, in bytes.
const MAX_NAME: usize = 200;

impl Reader<'_, '_> {
    /// The members, indexes and brackets after a value.
    pub(super) fn postfix(&mut self, mut value: Value) -> Value {
        loop {
            match self.peek() {
                Some(Token::Member) => {
                    self.at += 1;
                    match self.peek().cloned() {
                        Some(Token::Word(name)) => {
                            self.at += 1;
                            value = self.member(value, &name);
                        }
                        Some(Token::Sign('!')) => {
                            self.at += 1;
                            value = self.call("!", Some(&value), Vec::new());
                        }
                        _ => {}
                    }
                }
                Some(Token::Open('(')) if self.language != Language::Lisp => {
                    self.at += 1;
                    // `import("fs").then(fs => …)`
                    let module = match &value {
                        Value::Name(name) => name.strip_suffix(".then"),
                        _ => None,
                    };
                    let module = module.map(|module| Value::Name(module.to_owned()));
                    let args = self.arguments(module.as_ref());
                    value = match value {
                        Value::Name(name) => self.call(&name, None, args),
                        // `$f("…")` with a function's name in a variable.
                        Value::Text(field)
                            if field.is_known() && self.language == Language::Php =>
                        {
                            let name = field.text.clone();
                            self.call(&name, None, args)
                        }
                        other => {
                            self.call_last(&args);
                            self.call("", Some(&other), args)
                        }
                    };
                }
                Some(Token::Open('[')) if !matches!(value, Value::Unknown) => {
                    self.at += 1;
                    value = self.index(value);
                }
                Some(Token::Open('{')) if matches!(&value, Value::Name(name) if name == "$ENV") => {
                    self.at += 1;
                    let name = self.first_word();
                    self.statements(Some('{'));
                    value = self.variable(&name);
                }
                Some(Token::Open('{'))
                    if self.language == Language::Perl && matches!(value, Value::List(_)) =>
                {
                    self.at += 1;
                    self.statements(Some('{'));
                    value = value.element();
                }
                Some(Token::Open('{')) if self.block_follows(&value) => {
                    self.at += 1;
                    self.block(&value);
                }
                Some(Token::Word(word)) if word == "do" && self.language == Language::Ruby => {
                    self.at += 1;
                    let given = value.element();
                    self.parameters(&given);
                    return value;
                }
                _ if self.loose_call_follows(&value) => {
                    let Value::Name(name) = value else {
                        return Value::Unknown;
                    };
                    let args = self.loose_arguments();
                    value = self.call(&name, None, args);
                }
                _ => return value,
            }
        }
    }

    fn first_word(&self) -> String {
        match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Text(pieces)) => match pieces.as_slice() {
                [Piece::Plain(text)] => text.clone(),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    fn block_follows(&self, value: &Value) -> bool {
        matches!(self.language, Language::Ruby | Language::Groovy)
            && !matches!(value, Value::Unknown)
    }

    /// `{ |x| … }`: what is given is bound to the parameter.
    fn block(&mut self, value: &Value) {
        let given = value.element();
        self.names.insert("it".to_owned(), given.clone());
        self.names.insert("_1".to_owned(), given.clone());
        self.parameters(&given);
        self.statements(Some('{'));
    }

    fn parameters(&mut self, given: &Value) {
        if self.peek() == Some(&Token::Sign('|'))
            && let Some(name) = self.word_at(1).map(str::to_owned)
        {
            self.names.insert(name, given.clone());
            self.at += 2;
            if self.peek() == Some(&Token::Sign('|')) {
                self.at += 1;
            }
        }
    }

    /// Whether a call without brackets follows: `system "…"`.
    fn loose_call_follows(&self, value: &Value) -> bool {
        let Value::Name(name) = value else {
            return false;
        };
        let fits = matches!(
            self.language,
            Language::Perl
                | Language::Ruby
                | Language::Php
                | Language::Lua
                | Language::Groovy
                | Language::Elixir
                | Language::AppleScript
                | Language::Braces
        );
        fits && !name.starts_with(['$', '@', '%'])
            && match self.peek() {
                Some(Token::Text(_) | Token::Command(_) | Token::Words(_)) => true,
                Some(Token::Sign('<' | '-')) => self.language == Language::Perl,
                Some(Token::Number(_)) => {
                    matches!(self.language, Language::Perl | Language::Ruby)
                }
                Some(Token::Word(word)) => {
                    !Self::ends_arguments(word)
                        && !matches!(self.language, Language::Lua | Language::Braces)
                }
                _ => false,
            }
    }

    fn loose_arguments(&mut self) -> Vec<Arg> {
        let mut args = Vec::new();
        self.depth += 1;
        while args.len() < MAX_ARGUMENTS {
            match self.peek() {
                None | Some(Token::End | Token::Close(_) | Token::Sign('|' | '?' | ':')) => break,
                Some(Token::Word(word)) if Self::ends_arguments(word) => break,
                Some(Token::Comma) => self.at += 1,
                Some(_) => {
                    let before = self.at;
                    args.push(self.argument());
                    self.at += usize::from(self.at == before);
                }
            }
        }
        self.depth -= 1;
        args
    }

    pub(super) fn arguments(&mut self, receiver: Option<&Value>) -> Vec<Arg> {
        self.pending
            .push(receiver.map(Value::element).unwrap_or_default());
        let args = self.statements(Some('('));
        self.pending.pop();
        args
    }

    fn member(&mut self, value: Value, name: &str) -> Value {
        let called = self.peek() == Some(&Token::Open('('));
        match value {
            Value::Name(module) if is_environment(&module) => {
                if called {
                    self.at += 1;
                    let args = self.arguments(None);
                    let named = args.first().and_then(|arg| arg.value.text());
                    let Some(named) = named.map(str::to_owned) else {
                        return Value::tainted(Value::Name(module).taint());
                    };
                    let value = self.variable(&named);
                    return match (&value, args.into_iter().nth(1)) {
                        (Value::Unknown, Some(default)) => default.value,
                        _ => value,
                    };
                }
                self.variable(name)
            }
            Value::Name(_) if self.peek() == Some(&Token::Assign) => {
                self.at += 1;
                self.expression()
            }
            Value::Name(module) if module.len() > MAX_NAME => Value::Unknown,
            Value::Name(module) => {
                let full = format!("{module}.{name}");
                match full.as_str() {
                    "sys.argv" | "Deno.args" | "System.argv" => {
                        self.arguments_given(usize::from(name == "argv"))
                    }
                    "process.argv" => self.arguments_given(2),
                    "sys.stdin" | "STDIN" => self.line_of_input(),
                    "sys.executable" => Value::known("python3"),
                    "process.execPath" | "process.argv0" => Value::known("node"),
                    "RbConfig.ruby" => Value::known("ruby"),
                    _ if !called
                        && super::table::does(&full, self.language)
                            == Some(super::table::Does::Home) =>
                    {
                        Value::known(self.shell.home.as_deref().unwrap_or("~"))
                    }
                    _ => Value::Name(full),
                }
            }
            Value::List(values) if !called && self.language == Language::JavaScript => {
                Value::List(values)
            }
            receiver => {
                let args = if called {
                    self.at += 1;
                    self.arguments(Some(&receiver))
                } else if self.language == Language::Ruby
                    && matches!(self.peek(), Some(Token::Text(_)))
                {
                    self.loose_arguments()
                } else {
                    Vec::new()
                };
                self.call(name, Some(&receiver), args)
            }
        }
    }

    fn index(&mut self, value: Value) -> Value {
        // `x[::-1]`
        let reversed = self.peek() == Some(&Token::Member)
            && (self.peek_at(1) == Some(&Token::Sign('-')))
            && matches!(self.peek_at(2), Some(Token::Number(n)) if n == "1");
        let ranged = self.tokens[self.at.min(self.tokens.len())..]
            .iter()
            .take(4)
            .take_while(|token| !matches!(token, Token::Close(_)))
            .any(|token| matches!(token, Token::Sign(':')));
        let args = self.statements(Some('['));
        let first = args.first().map(|arg| &arg.value);
        match (value, first.and_then(Value::text)) {
            (Value::Text(field), _) if reversed => Value::Text(Box::new(Field {
                text: field.text.chars().rev().collect(),
                ..*field
            })),
            (Value::Name(name), Some(key)) if is_environment(&name) => self.variable(key),
            (Value::Name(name), Some(key)) if name == "Dir" => Value::Text(Box::new(Field {
                glob: true,
                ..Field::known(key)
            })),
            (Value::Name(name), Some(key)) => Value::Name(format!("{name}.{key}")),
            (Value::List(values), Some(at)) if !ranged => at
                .parse::<usize>()
                .ok()
                .and_then(|at| values.get(at).cloned())
                .unwrap_or_else(|| Value::List(values).element()),
            (Value::List(values), from) => {
                let skip = from
                    .and_then(|from| from.parse::<usize>().ok())
                    .unwrap_or(0);
                Value::list(values.into_iter().skip(skip).collect())
            }
            (other, _) => Value::tainted(other.taint()),
        }
    }

    /// A variable of the environment.
    pub(super) fn variable(&mut self, name: &str) -> Value {
        match name {
            "HOME" | "USERPROFILE" => Value::known(self.shell.home.as_deref().unwrap_or("~")),
            "PWD" => Value::known("."),
            _ if secret::secret_variable(name) => Value::tainted(Taint::secret(format!("${name}"))),
            _ => match self.shell.scope.variables.get(name) {
                Some(variable) => match &variable.text {
                    Some(text) => Value::Text(Box::new(Field {
                        taint: variable.taint.clone(),
                        ..Field::known(text)
                    })),
                    None => Value::tainted(variable.taint.clone()),
                },
                None => Value::Unknown,
            },
        }
    }

    pub(super) fn text(&mut self, pieces: &[Piece]) -> Value {
        if let [Piece::Plain(text)] = pieces {
            return Value::known(text.as_str());
        }
        let mut out = Value::known("");
        for piece in pieces {
            let next = match piece {
                Piece::Plain(text) => Value::known(text.as_str()),
                Piece::Code(code) => self.inner(code),
            };
            out = out.joined("", &next);
        }
        out
    }

    /// The value of code within a literal.
    fn inner(&mut self, code: &str) -> Value {
        if self.depth > 20 {
            return Value::Unknown;
        }
        let tokens = std::mem::replace(&mut self.tokens, tokens(code, self.language));
        let at = std::mem::take(&mut self.at);
        self.depth += 1;
        let value = self.expression();
        self.depth -= 1;
        self.tokens = tokens;
        self.at = at;
        value
    }

    pub(super) fn command(&mut self, pieces: &[Piece]) -> Value {
        let text = self.text(pieces);
        self.run_text(&text)
    }

    /// Perl's `<…>`: what a file, standard input or a pattern gives.
    pub(super) fn angle(&mut self) -> Value {
        let mut text = String::new();
        let mut input = true;
        for _ in 0..16 {
            match self.peek() {
                Some(Token::Sign('>')) => {
                    self.at += 1;
                    break;
                }
                Some(Token::Word(word)) => text.push_str(word),
                Some(Token::Sign(sign)) => {
                    input = false;
                    text.push(*sign);
                }
                Some(Token::Join) => text.push('.'),
                _ => break,
            }
            self.at += 1;
        }
        if input {
            return self.line_of_input();
        }
        let text = text.replace("$ENVHOME", "~");
        Value::Text(Box::new(Field {
            glob: text.contains('*'),
            ..Field::known(text)
        }))
    }

    /// Text that is handed to a shell; answers what it prints.
    pub(super) fn run_text(&mut self, text: &Value) -> Value {
        let Some(field) = text.field() else {
            self.shell.code_taint(&text.taint(), self.program);
            self.shell.opaque("command", self.program);
            return Value::Unknown;
        };
        self.shell.code_taint(&field.taint, self.program);
        let shown = field.text.clone();
        let flow = self.shell.subshell(&shown, &Flow::default());
        Value::of_flow(&flow)
    }

    /// Notes what is printed.
    pub(super) fn print(&mut self, value: &Value, line: bool) {
        let mut flow = value.flow();
        if line && let Some(text) = &mut flow.text {
            text.push('\n');
        }
        flow.connected = true;
        self.printed = Some(match self.printed.take() {
            Some(before) => before.then(&flow),
            None => flow,
        });
    }

    pub(super) fn call(
        &mut self,
        name: &str,
        receiver: Option<&Value>,
        mut args: Vec<Arg>,
    ) -> Value {
        if let Some(parameters) = self.functions.get(name) {
            for (at, parameter) in parameters.clone().into_iter().enumerate() {
                let value = match parameter.strip_prefix('*') {
                    Some(_) => {
                        Value::list(args.iter().skip(at).map(|arg| arg.value.clone()).collect())
                    }
                    None => match args.get(at) {
                        Some(arg) => arg.value.clone(),
                        None => continue,
                    },
                };
                let parameter = parameter.trim_start_matches(['*', '{']).to_owned();
                self.names.insert(parameter, value);
            }
            return Value::Unknown;
        }
        // `value |> f()` hands the value on as the first argument.
        if self.language == Language::Elixir
            && receiver.is_none()
            && args.is_empty()
            && let Some(value) = self
                .pending
                .last()
                .cloned()
                .filter(|value| value.field().is_some())
        {
            args.push(Arg { name: None, value });
        }
        super::calls::call(self, name, receiver, &args)
    }
}
