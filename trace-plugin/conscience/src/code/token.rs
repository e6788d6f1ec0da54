//! The text of a program as words, text literals and signs: enough for all the languages that come on a line.

use super::Language;
use crate::escape;

/// One piece of a program.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword, with the sign before it where names carry one (`$x`, `@list`).
    Word(String),
    /// A text literal: what is plain in it and what is put in.
    Text(Vec<Piece>),
    /// A text literal that is run as a shell line.
    Command(Vec<Piece>),
    /// A list of plain words (`qw(a b)`, `%w[a b]`).
    Words(Vec<String>),
    /// A number as it is written.
    Number(String),
    /// `.`, `->`, `::`, `?.` before a member's name.
    Member,
    /// What joins texts: `+`, and in some languages `.`, `..`, `<>`, `~`.
    Join,
    /// `=>` between a parameter and its body, or a key and its value.
    Arrow,
    /// A single `=`.
    Assign,
    Open(char),
    Close(char),
    Comma,
    /// The end of a statement.
    End,
    Sign(char),
}

/// A part of a text literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Plain(String),
    /// Code whose value is put in.
    Code(String),
}

/// Tokens of one program that are read; what follows is left to the other ways of looking.
const MAX_TOKENS: usize = 20_000;

struct Reader<'a> {
    code: &'a str,
    at: usize,
    language: Language,
    tokens: Vec<Token>,
}

pub(super) fn tokens(code: &str, language: Language) -> Vec<Token> {
    let mut reader = Reader {
        code,
        at: 0,
        language,
        tokens: Vec::new(),
    };
    while reader.tokens.len() < MAX_TOKENS && reader.step() {}
    reader.tokens
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.code.get(self.at..).unwrap_or_default()
    }

    /// Whether a value is what comes next, and not a sign between two values.
    fn operand_expected(&self) -> bool {
        match self.tokens.last() {
            None => true,
            Some(Token::Word(word)) => matches!(
                word.as_str(),
                "return"
                    | "if"
                    | "unless"
                    | "and"
                    | "or"
                    | "not"
                    | "in"
                    | "while"
                    | "split"
                    | "grep"
            ),
            Some(
                Token::Text(_)
                | Token::Command(_)
                | Token::Words(_)
                | Token::Number(_)
                | Token::Close(_),
            ) => false,
            Some(_) => true,
        }
    }

    /// Reads one token; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            return false;
        };
        let language = self.language;
        let hash = language.hashes();
        if c == '\n' {
            self.push(1, Token::End);
        } else if c.is_whitespace() {
            self.at += c.len_utf8();
        } else if hash && c == '#' && !rest.starts_with("#{")
            || rest.starts_with("//") && language.slashes()
            || language == Language::Lua && rest.starts_with("--")
            || language == Language::Lisp && c == ';'
        {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.at += length;
        } else if rest.starts_with("/*") && language.slashes() {
            self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if matches!(c, '"' | '\'' | '`') && !(c == '\'' && language == Language::Lisp) {
            self.quoted(c, "");
        } else if let Some((open, length, kind)) = self.percent() {
            self.bracketed(open, length, kind);
        } else if c == '/' && language.patterns() && self.operand_expected() {
            let end = close(rest, 1, '/', '/').unwrap_or(1);
            self.push(end, Token::Sign('/'));
        } else if c.is_ascii_digit() {
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let number = rest[..length].to_owned();
            self.push(length, Token::Number(number));
        } else if language.starts_name(c)
            && (c.is_alphanumeric()
                || c == '_'
                || rest[c.len_utf8()..]
                    .starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{'))
        {
            self.name(c);
        } else {
            self.sign(c);
        }
        true
    }

    fn push(&mut self, length: usize, token: Token) {
        self.at += length;
        self.tokens.push(token);
    }

    fn name(&mut self, first: char) {
        let rest = self.rest();
        let lisp = self.language == Language::Lisp;
        let length = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| {
                !(c.is_alphanumeric()
                    || *c == '_'
                    || *c == '$'
                    || lisp && matches!(c, '-' | ':' | '!' | '*' | '.' | '/'))
            })
            .map_or(rest.len(), |(at, _)| at)
            .max(first.len_utf8());
        let word = rest[..length].to_owned();
        let next = rest[length..].chars().next();
        // `f"…"`, `rb'…'`: letters before a literal say how it is written.
        if self.language == Language::Python
            && word.len() <= 2
            && word.chars().all(|c| "fFrRbBuU".contains(c))
            && let Some(quote @ ('"' | '\'')) = next
        {
            self.at += length;
            self.quoted(quote, &word);
            return;
        }
        // Elixir's `~c"…"`.
        if self.language == Language::Elixir
            && word.len() == 1
            && self.tokens.last() == Some(&Token::Sign('~'))
            && let Some(quote @ ('"' | '\'')) = next
        {
            self.tokens.pop();
            self.at += length;
            self.quoted(quote, "");
            return;
        }
        self.push(length, Token::Word(word));
        // `rm_rf!`, `exists?`: the sign belongs to the name.
        if matches!(self.language, Language::Elixir | Language::Ruby)
            && matches!(next, Some('!' | '?'))
            && !self.rest()[1..].starts_with('=')
            && let Some(Token::Word(word)) = self.tokens.last_mut()
        {
            word.extend(next);
            self.at += 1;
        }
    }

    fn sign(&mut self, c: char) {
        let rest = self.rest();
        let language = self.language;
        let dots = matches!(language, Language::Perl | Language::Php);
        for (text, token) in [
            ("=>", Token::Arrow),
            (
                "->",
                if language == Language::Groovy {
                    Token::Arrow
                } else {
                    Token::Member
                },
            ),
            ("?.", Token::Member),
            ("::", Token::Member),
            ("==", Token::Sign('=')),
            ("!=", Token::Sign('=')),
            ("<=", Token::Sign('=')),
            (">=", Token::Sign('=')),
            ("=~", Token::Sign('=')),
            (":=", Token::Assign),
            ("<-", Token::Assign),
            ("<>", Token::Join),
            ("..", Token::Join),
            ("++", Token::Join),
        ] {
            if rest.starts_with(text) {
                return self.push(2, token);
            }
        }
        let token = match c {
            '.' if dots => Token::Join,
            '.' => Token::Member,
            '+' => Token::Join,
            '=' => Token::Assign,
            ',' => Token::Comma,
            ';' => Token::End,
            '(' | '[' | '{' => Token::Open(c),
            ')' | ']' | '}' => Token::Close(c),
            ':' if language == Language::Lua
                || language == Language::Braces
                    && rest[1..].starts_with(|c: char| c.is_ascii_lowercase()) =>
            {
                Token::Member
            }
            c => Token::Sign(c),
        };
        self.push(c.len_utf8(), token);
    }

    /// `q(…)`, `qq{…}`, `qx/…/`, `qw(…)` of Perl and `%q(…)`, `%x(…)`, `%w[…]` of Ruby: the opening sign, the length up to
    /// and with it, and the kind.
    fn percent(&self) -> Option<(char, usize, char)> {
        let rest = self.rest();
        let (kind, length) = match self.language {
            Language::Perl => {
                let letter = rest.strip_prefix('q')?.chars().next()?;
                if matches!(letter, 'q' | 'x' | 'w') {
                    (letter, 2)
                } else {
                    ('s', 1)
                }
            }
            Language::Ruby
                if self.operand_expected()
                    || rest.starts_with("%x")
                    || rest.starts_with("%w")
                    || rest.starts_with("%q") =>
            {
                let letter = rest.strip_prefix('%')?.chars().next()?;
                match letter {
                    'q' => ('s', 2),
                    'Q' => ('q', 2),
                    'x' | 'w' => (letter, 2),
                    'i' | 'I' | 'W' => ('w', 2),
                    _ => ('q', 1),
                }
            }
            _ => return None,
        };
        let open = rest[length..].chars().next()?;
        (open.is_ascii_punctuation() && !matches!(open, ',' | ';' | '_' | '=' | ')'))
            .then(|| (open, length + 1, kind))
    }

    fn bracketed(&mut self, open: char, length: usize, kind: char) {
        let rest = self.rest();
        let shut = match open {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            other => other,
        };
        let end = close(rest, length, open, shut).unwrap_or(rest.len());
        let inner = rest
            .get(length..end.saturating_sub(1).max(length))
            .unwrap_or_default();
        let token = match kind {
            'w' => Token::Words(
                inner
                    .split_whitespace()
                    .take(64)
                    .map(str::to_owned)
                    .collect(),
            ),
            'x' => Token::Command(self.pieces(inner, true)),
            'q' => Token::Text(self.pieces(inner, true)),
            _ => Token::Text(vec![Piece::Plain(inner.to_owned())]),
        };
        self.push(end, token);
    }

    /// A literal between quotes.
    fn quoted(&mut self, quote: char, prefix: &str) {
        let rest = self.rest();
        let triple = [quote; 3].iter().collect::<String>();
        let tripled = matches!(
            self.language,
            Language::Python | Language::Groovy | Language::Elixir | Language::Julia
        ) && rest.starts_with(&triple);
        let width = if tripled { 3 } else { 1 };
        let (end, next) = if tripled {
            match rest[3..].find(&triple) {
                Some(end) => (end + 3, end + 6),
                None => (rest.len(), rest.len()),
            }
        } else {
            match close(rest, 1, quote, quote) {
                Some(next) => (next - 1, next),
                None => (rest.len(), rest.len()),
            }
        };
        let inner = rest.get(width..end).unwrap_or_default();
        let plain = match self.language {
            Language::Python => !prefix.contains(['f', 'F']),
            Language::JavaScript => quote != '`',
            Language::Lua | Language::R | Language::Lisp | Language::AppleScript => true,
            _ => quote == '\'',
        };
        let pieces = if plain && prefix.contains(['r', 'R']) {
            vec![Piece::Plain(inner.to_owned())]
        } else {
            self.pieces(inner, !plain)
        };
        let runs = quote == '`'
            && (matches!(
                self.language,
                Language::Perl | Language::Ruby | Language::Php | Language::Julia
            ) || self.language == Language::JavaScript && self.shell_tag());
        self.push(
            next,
            if runs {
                Token::Command(pieces)
            } else {
                Token::Text(pieces)
            },
        );
    }

    /// `$`…`` and `sh`…`` of JavaScript's shells.
    fn shell_tag(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Sign('$')))
            || matches!(self.tokens.last(), Some(Token::Word(word)) if word == "$" || word == "sh")
    }

    /// Splits a literal into what is plain and what is put in.
    fn pieces(&self, inner: &str, filled: bool) -> Vec<Piece> {
        let marks: &[&str] = match self.language {
            _ if !filled => &[],
            Language::Python => &["{"],
            Language::JavaScript | Language::Groovy => &["${"],
            Language::Ruby | Language::Elixir => &["#{"],
            Language::Perl | Language::Php => &["${", "{$", "@{", "$", "@"],
            Language::Julia => &["$(", "$"],
            _ => &[],
        };
        let mut pieces = Vec::new();
        let mut plain = 0;
        let mut at = 0;
        while at < inner.len() && pieces.len() < 64 {
            let rest = &inner[at..];
            if let Some(escaped) = rest.strip_prefix('\\') {
                at += 1 + escaped.chars().next().map_or(0, char::len_utf8);
                continue;
            }
            let Some(mark) = marks.iter().find(|mark| rest.starts_with(**mark)) else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            if rest.starts_with("{{") {
                at += 2;
                continue;
            }
            let (from, length) = if let [.., open @ (b'{' | b'(')] = mark.as_bytes() {
                let (open, shut) = if *open == b'{' {
                    ('{', '}')
                } else {
                    ('(', ')')
                };
                let end = close(rest, mark.len(), open, shut).unwrap_or(rest.len());
                (mark.len(), end)
            } else {
                let end = rest[1..]
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '{' | '}' | ':')))
                    .map_or(rest.len(), |end| end + 1);
                (0, end)
            };
            if length <= 1 {
                at += 1;
                continue;
            }
            if plain < at {
                pieces.push(Piece::Plain(escape::unescape(&inner[plain..at])));
            }
            let code = rest.get(from..length).unwrap_or_default();
            let code = if from > 0 {
                code.strip_suffix(['}', ')']).unwrap_or(code)
            } else {
                code
            };
            pieces.push(Piece::Code(code.to_owned()));
            at += length;
            plain = at;
        }
        if plain < inner.len() || pieces.is_empty() {
            pieces.push(Piece::Plain(escape::unescape(&inner[plain..])));
        }
        pieces
    }
}

/// Where what was opened before `from` closes: the place after it. Backslashes escape.
fn close(text: &str, from: usize, open: char, shut: char) -> Option<usize> {
    let mut depth = 1usize;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < from) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == shut {
            depth -= 1;
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        } else if c == open {
            depth += 1;
        }
    }
    None
}
