//! Where a program's names come from: imports, assignments, loops, parameters.

use super::{
    Language,
    eval::{Arg, Reader},
    token::{Piece, Token},
    value::Value,
};
use crate::shell::flow::{Field, Flow};

/// Longest header of a loop, an import or a list of parameters, in tokens.
const MAX_HEADER: usize = 64;

impl Reader<'_, '_> {
    /// `const {a: b, c} = require("fs")`: the names stand for members.
    pub(super) fn destructured(&mut self, word: &str) {
        if !matches!(word, "const" | "let" | "var") || self.peek() != Some(&Token::Open('{')) {
            return;
        }
        let start = self.at;
        let mut pairs: Vec<(String, String)> = Vec::new();
        self.at += 1;
        while let Some(token) = self.peek().cloned() {
            self.at += 1;
            match token {
                // `{promises: {rm}}`
                Token::Word(name)
                    if self.peek() == Some(&Token::Sign(':'))
                        && self.peek_at(1) == Some(&Token::Open('{')) =>
                {
                    self.at += 2;
                    while let Some(Token::Word(inner)) = self.peek().cloned() {
                        pairs.push((inner.clone(), format!("{name}.{inner}")));
                        self.at += 1;
                        if self.peek() == Some(&Token::Comma) {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                }
                Token::Word(name) if self.peek() == Some(&Token::Sign(':')) => {
                    if let Some(local) = self.word_at(1).map(str::to_owned) {
                        pairs.push((local, name));
                        self.at += 2;
                    }
                }
                Token::Word(name) => pairs.push((name.clone(), name)),
                Token::Comma => {}
                _ => break,
            }
        }
        if self.peek() != Some(&Token::Assign) {
            self.at = start;
            return;
        }
        self.at += 1;
        if let Value::Name(module) = self.expression() {
            for (local, name) in pairs {
                self.names
                    .insert(local, Value::Name(format!("{module}.{name}")));
            }
        }
    }

    /// `import a.b as c`, `from a import b as c`, `import {b as c} from "a"`, `import a from "a"`.
    pub(super) fn import(&mut self, word: &str) {
        let mut module = String::new();
        let mut names: Vec<(String, String)> = Vec::new();
        let mut importing = word == "import";
        let mut from_text = false;
        let start = self.at;
        let mut renamed = false;
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                Token::Word(word) if word == "import" => importing = true,
                Token::Word(word) if word == "from" => importing = false,
                Token::Word(word) if word == "as" => renamed = true,
                Token::Word(word) if renamed => {
                    renamed = false;
                    match names.last_mut() {
                        Some(last) => last.0 = word,
                        None => names.push((word, String::new())),
                    }
                }
                Token::Word(name) if importing => {
                    let member = matches!(
                        self.tokens.get(self.at.wrapping_sub(2)),
                        Some(Token::Member)
                    );
                    match names.last_mut().filter(|_| member) {
                        Some((local, full)) => {
                            *full = format!("{full}.{name}");
                            local.clone_from(full);
                        }
                        None => names.push((name.clone(), name)),
                    }
                }
                Token::Word(name) => {
                    if !module.is_empty() {
                        module.push('.');
                    }
                    module.push_str(&name);
                }
                Token::Text(pieces) => {
                    if let [Piece::Plain(text)] = pieces.as_slice() {
                        module = module_name(text);
                        from_text = true;
                    }
                }
                Token::Sign('*') => names.push(("*".to_owned(), String::new())),
                Token::Comma | Token::Member | Token::Open('{' | '(') | Token::Close('}' | ')') => {
                }
                _ => {
                    self.at -= 1;
                    break;
                }
            }
            if self.at - start > MAX_HEADER {
                break;
            }
        }
        let braces = self.tokens[start..self.at.min(self.tokens.len())].contains(&Token::Open('{'));
        for (local, name) in names {
            let full = match module.as_str() {
                "" => name.clone(),
                // `import fs from "fs"`, `import * as fs from "fs"`: the module as a whole.
                module if from_text && !braces || name.is_empty() => module.to_owned(),
                module => format!("{module}.{name}"),
            };
            // `import a.b` binds `a`.
            if !local.contains('.') && local != "*" {
                self.names.insert(local, Value::Name(full));
            }
        }
    }

    /// The names of a loop stand for what is gone through.
    pub(super) fn bind_loop(&mut self) {
        self.again = true;
        let mut names = Vec::new();
        let start = self.at;
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                Token::Word(word) if matches!(word.as_str(), "in" | "of") => break,
                Token::Sign('=') if self.language == Language::Julia => break,
                Token::Word(word)
                    if matches!(word.as_str(), "const" | "let" | "var" | "my" | "each") => {}
                Token::Word(word)
                    if self.language == Language::Perl && !word.starts_with(['$', '@', '%']) =>
                {
                    self.at -= 1;
                    break;
                }
                // `foreach my $x (@list)`, `for (glob …)`.
                Token::Open('(') if self.language == Language::Perl => {
                    self.at -= 1;
                    break;
                }
                Token::Word(word) if self.word_at(0) == Some("as") => {
                    let value = self.names.get(&word).cloned().unwrap_or_default();
                    return self.bind_as(&value);
                }
                Token::Open('(') if self.language == Language::Php => break,
                // `foreach (glob("…") as $f)`.
                Token::Word(_) if self.language == Language::Php => {
                    self.at -= 1;
                    break;
                }
                Token::Word(word) => names.push(word),
                Token::Comma | Token::Open('(' | '[') | Token::Close(')') => {}
                _ => {
                    self.at -= 1;
                    break;
                }
            }
            if self.at - start > 12 {
                self.at = start;
                return;
            }
        }
        let value = self.expression();
        if self.word_at(0) == Some("as") {
            return self.bind_as(&value);
        }
        let mut element = value.element();
        // `for f in … if …`, `for f in …: if …`.
        if (0..4).any(|ahead| self.word_at(ahead) == Some("if")) {
            element = element.narrowed();
        }
        if self.language == Language::Perl {
            self.names.insert("$_".to_owned(), element.clone());
        }
        for name in names {
            self.names.insert(name, element.clone());
            // The further names of `for root, dirs, files in os.walk(…)` are names within it.
            if element.field().is_some_and(|field| field.glob) {
                element = Value::Text(Box::new(Field {
                    glob: true,
                    ..Field::known("*")
                }));
            }
        }
    }

    fn bind_as(&mut self, value: &Value) {
        let mut ahead = 1;
        // `as $key => $value`.
        if self.peek_at(2) == Some(&Token::Arrow) {
            ahead = 3;
        }
        if let Some(name) = self.word_at(ahead).map(str::to_owned) {
            self.names.insert(name, value.element());
            self.at += ahead + 1;
        }
    }

    /// The program's own function: its parameters are bound when it is called.
    pub(super) fn define(&mut self) {
        self.again = true;
        let name = self.word_at(0).map(str::to_owned);
        if name.is_some() {
            self.at += 1;
        }
        let bracket = self.peek() == Some(&Token::Open('('));
        if !bracket && self.language != Language::Ruby {
            if let Some(name) = name {
                self.functions.insert(name, vec!["@_".to_owned()]);
            }
            return;
        }
        self.at += usize::from(bracket);
        let parameters = self.header();
        match name {
            Some(name) => {
                self.functions.insert(name, parameters);
            }
            None => self.bind_first(&parameters),
        }
    }

    /// The names up to the closing bracket or the end of the line.
    fn header(&mut self) -> Vec<String> {
        let mut parameters = Vec::new();
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token {
                Token::Word(word) if parameters.len() < 16 => parameters.push(word),
                Token::Close(_) | Token::End => break,
                _ => {}
            }
        }
        parameters
    }

    fn bind_first(&mut self, parameters: &[String]) {
        let given = self.pending.last().cloned().unwrap_or_default();
        if let Some(first) = parameters.first()
            && (!matches!(given, Value::Unknown) || !self.names.contains_key(first))
        {
            self.names.insert(first.clone(), given);
        }
    }

    /// The parameters of `(a, b) => …`, `a => …`, `lambda a: …`, `function (a) …` that start here, if it is one.
    pub(super) fn lambda(&self) -> Option<Vec<String>> {
        let mut ahead = 0;
        if self.word_at(ahead) == Some("async") {
            ahead += 1;
        }
        let by_word = match self.word_at(ahead) {
            Some("lambda" | "function" | "fn" | "proc" | "sub") => {
                ahead += 1;
                true
            }
            Some(_) if self.peek_at(ahead + 1) == Some(&Token::Arrow) => {
                return (self.language == Language::JavaScript)
                    .then(|| self.word_at(ahead).map(str::to_owned).into_iter().collect());
            }
            Some(_) => return None,
            None => false,
        };
        let mut names = Vec::new();
        let mut braced = "";
        let open = matches!(self.peek_at(ahead), Some(Token::Open('(')));
        if !open && !by_word {
            return None;
        }
        ahead += usize::from(open);
        for _ in 0..MAX_HEADER {
            match self.peek_at(ahead) {
                Some(Token::Word(word)) => {
                    let rest = ahead > 0
                        && matches!(
                            self.peek_at(ahead - 1),
                            Some(Token::Join | Token::Member | Token::Sign('*' | '&'))
                        );
                    names.push(format!("{}{word}", if rest { "*" } else { braced }));
                }
                Some(
                    Token::Comma
                    | Token::Join
                    | Token::Member
                    | Token::Assign
                    | Token::Text(_)
                    | Token::Number(_)
                    | Token::Sign('*' | '&')
                    | Token::Open('[')
                    | Token::Close(']' | '}'),
                ) => {}
                Some(Token::Open('{')) if open => braced = "{",
                Some(Token::Close(')') | Token::Sign(':') | Token::Open('{')) => break,
                _ => return None,
            }
            ahead += 1;
        }
        (by_word || self.peek_at(ahead + 1) == Some(&Token::Arrow)).then_some(names)
    }

    /// Code of a function without a name: read where it stands, with what it is given there.
    pub(super) fn anonymous(&mut self, parameters: Vec<String>) -> Value {
        // Past the header to its end.
        while let Some(token) = self.peek() {
            if *token == Token::Open('{') {
                break;
            }
            let done = matches!(token, Token::Arrow | Token::Sign(':') | Token::Close(')'));
            let arrow = matches!(token, Token::Arrow | Token::Sign(':'));
            self.at += 1;
            if done && (arrow || self.peek() != Some(&Token::Arrow)) {
                break;
            }
        }
        let given = self.pending.last().cloned().unwrap_or_default();
        let all = parameters.clone();
        for parameter in parameters {
            let given = member_of(&given, &parameter);
            let parameter = parameter.trim_start_matches(['*', '{']).to_owned();
            if !matches!(given, Value::Unknown) || !self.names.contains_key(&parameter) {
                self.names.insert(parameter, given);
            }
        }
        self.again = true;
        let value = self.expression();
        self.last_lambda = all;
        value
    }

    /// `(lambda p: …)("/x")`: the function that was just read is called.
    pub(super) fn call_last(&mut self, args: &[Arg]) {
        for (parameter, arg) in std::mem::take(&mut self.last_lambda).into_iter().zip(args) {
            self.names.insert(parameter, arg.value.clone());
        }
    }

    /// `list.append(…)`, `list.push(…)`: the list has more from here on.
    pub(super) fn grow(&mut self, word: &str) {
        let grows = matches!(
            self.word_at(1),
            Some("append" | "push" | "extend" | "add" | "push_back" | "concat")
        );
        if !grows
            || self.peek() != Some(&Token::Member)
            || self.peek_at(2) != Some(&Token::Open('('))
        {
            return;
        }
        let Some(Value::List(mut all)) = self.names.get(word).cloned() else {
            return;
        };
        let at = self.at;
        self.at += 3;
        for arg in self.statements(Some('(')) {
            match arg.value {
                Value::List(more) => all.extend(more),
                one => all.push(one),
            }
        }
        self.at = at;
        self.names.insert(word.to_owned(), Value::list(all));
    }

    /// What a program reads, or one line of it.
    pub(super) fn line_of_input(&self) -> Value {
        match &self.input.text {
            Some(text) => Value::of_flow(&Flow {
                text: Some(text.trim_end_matches('\n').to_owned()),
                ..self.input.clone()
            }),
            None => match &self.input.taint.listing {
                Some(listing) => Value::Text(Box::new(Field {
                    glob: true,
                    taint: self.input.taint.clone(),
                    ..Field::known(listing)
                })),
                None => Value::tainted(self.input.taint.clone()),
            },
        }
    }

    /// The words that the program was called with; `before` stand for its own name and the like.
    pub(super) fn arguments_given(&self, before: usize) -> Value {
        let own = (0..before).map(|_| Value::known("-"));
        let given = self
            .given
            .iter()
            .map(|field| Value::Text(Box::new(field.clone())));
        Value::list(own.chain(given).collect())
    }
}

/// What `{name}` takes of a module; any other parameter takes the whole.
fn member_of(given: &Value, parameter: &str) -> Value {
    match (given, parameter.strip_prefix('{')) {
        (Value::Name(module), Some(name)) => Value::Name(format!("{module}.{name}")),
        _ => given.clone(),
    }
}

/// `node:fs/promises` → `fs.promises`.
pub(super) fn module_name(text: &str) -> String {
    text.strip_prefix("node:").unwrap_or(text).replace('/', ".")
}
