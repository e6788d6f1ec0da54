//! The characters of PowerShell text: blanks, comments, quotes, brackets.

use super::Reader;

/// The text with continued lines joined.
pub(super) fn prepared(text: &str) -> Vec<char> {
    if text.contains("`\n") || text.contains("`\r\n") {
        text.replace("`\r\n", " ")
            .replace("`\n", " ")
            .chars()
            .collect()
    } else {
        text.chars().collect()
    }
}

pub(super) fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}'
    )
}

impl Reader<'_, '_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// What is left of the text.
    pub(super) fn rest(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or_default()
    }

    /// The text from one place to another, as far as there is any.
    pub(super) fn between(&self, from: usize, to: usize) -> String {
        let to = to.min(self.chars.len());
        self.chars[from.min(to)..to].iter().collect()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// Whether `text` stands here, whatever its case.
    pub(super) fn here(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(ahead, c)| {
            self.peek_at(ahead)
                .is_some_and(|d| d.eq_ignore_ascii_case(&c))
        })
    }

    /// Whether the word `text` stands here as a whole.
    pub(super) fn word_here(&self, text: &str) -> bool {
        self.here(text)
            && !self
                .peek_at(text.chars().count())
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    }

    /// Steps over blanks and comments within a statement.
    pub(super) fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            if matches!(c, ' ' | '\t' | '\r' | '\u{a0}') {
                self.at += 1;
            } else if c == '<' && self.peek_at(1) == Some('#') {
                while self.at < self.chars.len() && !self.here("#>") {
                    self.at += 1;
                }
                self.at += 2;
            } else if c == '#' && self.at_word_start() {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else {
                break;
            }
        }
    }

    /// Steps over blanks, comments and line ends.
    pub(super) fn lines(&mut self) {
        self.blanks();
        while matches!(self.peek(), Some('\n' | ';')) {
            self.at += 1;
            self.blanks();
        }
    }

    fn at_word_start(&self) -> bool {
        self.at == 0
            || matches!(
                self.chars[self.at - 1],
                ' ' | '\t' | '\n' | ';' | '{' | '(' | '|' | '\r'
            )
    }

    /// The text between the bracket that stands here and the one that closes it; steps over both.
    pub(super) fn bracketed(&mut self) -> String {
        let Some(open) = self.peek() else {
            return String::new();
        };
        let shut = match open {
            '(' => ')',
            '[' => ']',
            _ => '}',
        };
        let start = self.at + 1;
        let mut depth = 0usize;
        while let Some(c) = self.peek() {
            if c == '`' {
                self.at += 2;
                continue;
            }
            if is_quote(c) {
                self.skip_quoted(c);
                continue;
            }
            if c == open {
                depth += 1;
            } else if c == shut {
                depth -= 1;
                if depth == 0 {
                    let text = self.between(start, self.at);
                    self.at += 1;
                    return text;
                }
            }
            self.at += 1;
        }
        self.chars[start.min(self.chars.len())..].iter().collect()
    }

    /// Steps over a text literal that starts here.
    fn skip_quoted(&mut self, quote: char) {
        let single = matches!(quote, '\'' | '\u{2018}' | '\u{2019}');
        self.at += 1;
        while let Some(c) = self.peek() {
            if c == '`' && !single {
                self.at += 2;
                continue;
            }
            self.at += 1;
            if is_quote(c) && matches!(c, '\'' | '\u{2018}' | '\u{2019}') == single {
                if self.peek() == Some(c) {
                    self.at += 1;
                    continue;
                }
                return;
            }
        }
    }

    /// The raw inside of a text literal that starts here, and whether it is a single-quoted one; steps over it.
    pub(super) fn literal(&mut self) -> (String, bool) {
        let Some(quote) = self.peek() else {
            return (String::new(), true);
        };
        let single = matches!(quote, '\'' | '\u{2018}' | '\u{2019}');
        let start = self.at + 1;
        self.skip_quoted(quote);
        let closed = self.at > start && self.chars.get(self.at - 1).is_some_and(|c| is_quote(*c));
        let end = if closed { self.at - 1 } else { self.at };
        let text: String = self.between(start, end);
        if single {
            return (text.replace("''", "'"), true);
        }
        (text, false)
    }

    /// A here-string `@'…'@` or `@"…"@` that starts here.
    pub(super) fn here_string(&mut self) -> (String, bool) {
        let quote = self.peek_at(1).unwrap_or('\'');
        self.at += 2;
        let start = self.at;
        while self.at < self.chars.len()
            && !(self.peek() == Some(quote) && self.peek_at(1) == Some('@'))
        {
            self.at += 1;
        }
        let text: String = self.between(start, self.at);
        self.at = (self.at + 2).min(self.chars.len());
        (text.trim_matches(['\n', '\r']).to_owned(), quote == '\'')
    }

    /// A name of letters, digits and `_`, which starts here.
    pub(super) fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        self.between(start, self.at)
    }
}
