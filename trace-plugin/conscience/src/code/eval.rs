//! Walks a program's tokens: statements, expressions and their operands. Not a parser of any one language: what fits
//! none of the forms is stepped over.

use std::collections::HashMap;

use super::{
    Language,
    token::{Piece, Token, tokens},
    value::Value,
};
use crate::shell::{
    Shell,
    flow::{Field, Flow},
};

/// How deep brackets and literals with code in them may nest; deeper ones are stepped over.
const MAX_NESTING: usize = 40;

/// Values of one list or call that are kept.
const MAX_VALUES: usize = 64;

/// An argument of a call.
pub(super) struct Arg {
    pub(super) name: Option<String>,
    pub(super) value: Value,
}

pub(super) struct Reader<'r, 'w> {
    pub(super) shell: &'r mut Shell<'w>,
    pub(super) language: Language,
    pub(super) program: &'r str,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) names: HashMap<String, Value>,
    /// The program's own functions and their parameters.
    pub(super) functions: HashMap<String, Vec<String>>,
    /// What the functions given to the calls around are called with.
    pub(super) pending: Vec<Value>,
    pub(super) depth: usize,
    /// Whether there is a loop or a function, whose body is read again with what it is given.
    pub(super) again: bool,
    /// What the program was given to read and as arguments.
    pub(super) input: Flow,
    pub(super) given: Vec<Field>,
    /// What it prints, as far as that is known.
    pub(super) printed: Option<Flow>,
    /// The parameters of the function without a name that was read last.
    pub(super) last_lambda: Vec<String>,
    /// Within awk's `print`, where `>` writes.
    pub(super) printing: bool,
}

/// Words before a value that do not change it.
const SKIPPED: &str = " new await return not my our local const let var do then try yield async else if unless while \
    until elif elsif and or val global assert void throw raise begin lambda with export default case when progn \
    let* die end std in of public static final auto mut ";

/// Words that end the arguments of a call without brackets.
const ENDS_ARGUMENTS: &str =
    " if unless for foreach while until or and do then end rescue of in as ";

fn among(list: &str, word: &str) -> bool {
    list.match_indices(word).any(|(at, _)| {
        list.as_bytes().get(at.wrapping_sub(1)) == Some(&b' ')
            && list.as_bytes().get(at + word.len()) == Some(&b' ')
    })
}

impl<'r, 'w> Reader<'r, 'w> {
    pub(super) fn new(shell: &'r mut Shell<'w>, language: Language, program: &'r str) -> Self {
        Self {
            shell,
            language,
            program,
            tokens: Vec::new(),
            at: 0,
            names: HashMap::new(),
            functions: HashMap::new(),
            pending: Vec::new(),
            depth: 0,
            again: false,
            input: Flow::unforeseen(),
            given: Vec::new(),
            printed: None,
            last_lambda: Vec::new(),
            printing: false,
        }
    }

    /// Reads a whole program; answers what it prints.
    pub(super) fn program(&mut self, code: &str) -> Flow {
        self.tokens = tokens(code, self.language);
        self.statements(None);
        let printed = self.printed.take();
        if self.again {
            self.at = 0;
            self.statements(None);
        }
        printed.filter(|_| !self.again).unwrap_or_else(|| {
            let mut flow = self.printed.take().unwrap_or_else(Flow::unforeseen);
            flow.text = None;
            flow.taint.unforeseen = true;
            flow
        })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    pub(super) fn word_at(&self, ahead: usize) -> Option<&str> {
        match self.peek_at(ahead) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Reads up to the closing bracket that ends the text, if any; answers all values, with their names.
    pub(super) fn statements(&mut self, shut: Option<char>) -> Vec<Arg> {
        let mut all = Vec::new();
        self.depth += 1;
        loop {
            let before = self.at;
            if !self.shell.work(2) {
                self.at = self.tokens.len();
            }
            match self.peek() {
                None => break,
                Some(Token::Close(_)) => {
                    self.printing = false;
                    self.at += 1;
                    if shut.is_some() {
                        break;
                    }
                }
                Some(Token::End) => {
                    self.printing = false;
                    self.last_lambda.clear();
                    self.at += 1;
                }
                Some(Token::Comma) => self.at += 1,
                // Options in an object: their names are as good as arguments' names.
                Some(Token::Open('{'))
                    if shut == Some('(') && self.language == Language::JavaScript =>
                {
                    self.at += 1;
                    let options = self.statements(Some('{'));
                    all.extend(
                        options
                            .into_iter()
                            .filter(|arg| arg.name.is_some())
                            .take(16),
                    );
                }
                Some(_) => {
                    let arg = self.argument();
                    if all.len() < MAX_VALUES {
                        all.push(arg);
                    }
                }
            }
            if self.at == before {
                self.at += 1;
            }
        }
        self.depth -= 1;
        all
    }

    /// A value, or `name = value`, `name: value`, `name => value`.
    pub(super) fn argument(&mut self) -> Arg {
        let name = match self.peek() {
            Some(Token::Word(word)) => Some(word.clone()),
            Some(Token::Text(pieces)) => match pieces.as_slice() {
                [Piece::Plain(text)] => Some(text.clone()),
                _ => None,
            },
            _ => None,
        };
        let named = name.is_some()
            && match self.peek_at(1) {
                Some(Token::Sign(':')) => {
                    !(self.language == Language::Python && self.word_at(0) == Some("else"))
                }
                Some(Token::Arrow) => self.language != Language::JavaScript,
                _ => false,
            };
        if named {
            self.at += 2;
            return Arg {
                name,
                value: self.expression(),
            };
        }
        let assigned = matches!(self.peek_at(1), Some(Token::Assign));
        let value = self.expression();
        Arg {
            name: name.filter(|_| assigned),
            value,
        }
    }

    /// A value and what is joined to it.
    pub(super) fn expression(&mut self) -> Value {
        let mut value = self.operand();
        loop {
            match self.peek() {
                Some(Token::Join) => {
                    self.at += 1;
                    let next = self.operand();
                    value = match (value, next) {
                        (Value::List(mut first), Value::List(second)) => {
                            first.extend(second);
                            Value::list(first)
                        }
                        (value, next) => value.joined("", &next),
                    };
                }
                Some(Token::Sign('/')) if self.language == Language::Python => {
                    self.at += 1;
                    let next = self.operand();
                    value = value.below(&next);
                }
                Some(Token::Sign('%')) if self.language == Language::Python => {
                    self.at += 1;
                    let next = self.operand();
                    value = formatted(value, &next);
                }
                Some(Token::Sign('|')) if self.peek_at(1) == Some(&Token::Sign('>')) => {
                    self.at += 2;
                    self.pending.push(value.element());
                    value = self.operand();
                    self.pending.pop();
                }
                Some(Token::Sign('|')) if self.peek_at(1) == Some(&Token::Sign('|')) => {
                    self.at += 2;
                    let other = self.operand();
                    if value.field().is_none() {
                        value = other;
                    }
                }
                Some(Token::Sign('|')) if self.language == Language::Awk && !self.printing => {
                    self.at += 1;
                    value = self.awk_pipe(&value);
                }
                Some(Token::Sign('>' | '|')) if self.printing => return value,
                Some(Token::Text(_) | Token::Word(_) | Token::Sign('$'))
                    if self.language == Language::Awk
                        && !matches!(value, Value::List(_))
                        && self.word_at(0) != Some("in") =>
                {
                    let next = self.operand();
                    value = value.joined("", &next);
                }
                _ => return value,
            }
        }
    }

    pub(super) fn operand(&mut self) -> Value {
        if self.depth > MAX_NESTING {
            self.at += 1;
            return Value::Unknown;
        }
        self.depth += 1;
        let value = self.one_operand();
        self.depth -= 1;
        value
    }

    fn one_operand(&mut self) -> Value {
        loop {
            if let Some(parameters) = self.lambda() {
                return self.anonymous(parameters);
            }
            let Some(token) = self.peek().cloned() else {
                return Value::Unknown;
            };
            self.at += 1;
            let value = match token {
                Token::Text(pieces) => self.text(&pieces),
                Token::Command(pieces) => self.command(&pieces),
                Token::Words(words) => Value::list(words.into_iter().map(Value::known).collect()),
                Token::Number(number) => Value::known(number),
                Token::Open('(') if self.language == Language::Lisp => self.lisp(),
                Token::Open(open) => {
                    let inner = self.statements(Some(open));
                    let named = !inner.is_empty() && inner.iter().all(|arg| arg.name.is_some());
                    let mut values: Vec<Value> = inner.into_iter().map(|arg| arg.value).collect();
                    if open == '(' && values.len() == 1 {
                        values.pop().unwrap_or_default()
                    } else if open == '{'
                        && !matches!(self.language, Language::Python | Language::Lua)
                        && !(self.language == Language::JavaScript && named)
                    {
                        Value::Unknown
                    } else {
                        Value::list(values)
                    }
                }
                Token::Word(word) => match self.word(&word) {
                    Some(value) => value,
                    None => continue,
                },
                Token::Sign('-') if matches!(self.peek(), Some(Token::Number(_))) => {
                    let Some(Token::Number(number)) = self.peek().cloned() else {
                        continue;
                    };
                    self.at += 1;
                    Value::known(format!("-{number}"))
                }
                Token::Sign('$') if self.language == Language::Awk => {
                    self.operand();
                    self.names
                        .get("$0")
                        .cloned()
                        .unwrap_or_else(|| self.line_of_input())
                }
                // `<$f>`, `<STDIN>`, `</etc/*>`.
                Token::Sign('<') if self.language == Language::Perl => self.angle(),
                Token::Close(_) | Token::End | Token::Comma => {
                    self.at -= 1;
                    return Value::Unknown;
                }
                _ => continue,
            };
            return self.postfix(value);
        }
    }

    /// `(name argument…)`
    fn lisp(&mut self) -> Value {
        let name = self.word_at(0).map(str::to_owned);
        self.at += usize::from(name.is_some());
        let args = self.statements(Some('('));
        match name {
            Some(name) => {
                // `clojure.java.shell/sh`
                let short = name.rsplit('/').next().unwrap_or(&name);
                let known = super::table::does(&name, self.language).is_some();
                let name = if known { &name } else { short };
                self.call(name, None, args)
            }
            None => Value::list(args.into_iter().map(|arg| arg.value).collect()),
        }
    }

    /// What a word starts; none when it says nothing by itself.
    fn word(&mut self, word: &str) -> Option<Value> {
        match word {
            "import" | "from" | "use" | "using" if self.peek() != Some(&Token::Open('(')) => {
                self.import(word);
                return Some(Value::Unknown);
            }
            "for" | "foreach" if self.language != Language::Awk => {
                self.bind_loop();
                return None;
            }
            "def" | "function" | "sub" | "func" | "fn" | "fun" | "defp" => {
                self.define();
                return None;
            }
            "print" | "printf" if self.language == Language::Awk => {
                self.awk_print(word == "printf");
                return Some(Value::Unknown);
            }
            _ if among(SKIPPED, word) => {
                self.destructured(word);
                return None;
            }
            _ => {}
        }
        if self.peek() == Some(&Token::Assign) {
            self.at += 1;
            if let Some(parameters) = self.lambda() {
                self.functions.insert(word.to_owned(), parameters);
                self.again = true;
            }
            let function = self.functions.contains_key(word);
            let value = self.expression();
            let named = if function {
                Value::Name(word.to_owned())
            } else {
                value.clone()
            };
            self.names.insert(word.to_owned(), named);
            return Some(value);
        }
        // `x += "…"`, `x .= "…"`.
        if matches!(self.peek(), Some(Token::Join)) && self.peek_at(1) == Some(&Token::Assign) {
            self.at += 2;
            let next = self.expression();
            let value = self.lookup(word).joined("", &next);
            self.names.insert(word.to_owned(), value.clone());
            return Some(value);
        }
        // By itself it deletes what `$_` names.
        if self.language == Language::Perl
            && matches!(word, "unlink" | "rmdir")
            && matches!(self.peek(), None | Some(Token::End | Token::Close(_)))
        {
            return Some(self.call(word, None, Vec::new()));
        }
        self.grow(word);
        Some(self.lookup(word))
    }

    pub(super) fn lookup(&mut self, word: &str) -> Value {
        let plain = match self.language {
            Language::Perl => word.trim_start_matches(['@', '%', '$']),
            _ => word,
        };
        if let Some(value) = self.names.get(word) {
            // What is long is dear to copy.
            return if self.shell.work(value.weight() / 64) {
                value.clone()
            } else {
                Value::Unknown
            };
        }
        // `$list[0]` and `@list` are one in Perl.
        if plain != word
            && let Some(value) = ["$", "@", "%"]
                .iter()
                .find_map(|sigil| self.names.get(&format!("{sigil}{plain}")))
        {
            return value.clone();
        }
        match word {
            "__dirname" | "$PWD" => Value::known("."),
            "PHP_BINARY" => Value::known("php"),
            "ARGV" | "@ARGV" | "$argv" | "$ARGV" | "arg" if !self.given.is_empty() => {
                self.arguments_given(0)
            }
            "$_" if self.language == Language::Perl => self.line_of_input(),
            _ => Value::Name(word.to_owned()),
        }
    }

    pub(super) fn ends_arguments(word: &str) -> bool {
        among(ENDS_ARGUMENTS, word)
    }
}

/// `'rm -rf %s' % x`: the text with what is put in.
pub(super) fn formatted(pattern: Value, value: &Value) -> Value {
    let Some(text) = pattern.text().map(str::to_owned) else {
        return pattern;
    };
    let mut values: Vec<Value> = match value {
        Value::List(values) => values.clone(),
        other => vec![other.clone()],
    };
    values.reverse();
    let text = text
        .replace("%r", "'%s'")
        .replace("%d", "%s")
        .replace("%i", "%s");
    let mut parts = text.split("%s");
    let mut out = Value::known(parts.next().unwrap_or_default());
    for part in parts {
        out = out
            .joined("", &values.pop().unwrap_or_default())
            .joined("", &Value::known(part));
    }
    out
}
