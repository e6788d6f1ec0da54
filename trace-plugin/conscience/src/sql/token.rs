//! The tokens of SQL in its dialects: words, quoted names, texts, numbers, marks. Comments are left out.

/// One token; its text is a part of the statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword or a name, dots included: `public.users`.
    Word(&'a str),
    /// A name in quotes, backticks or brackets.
    Name(&'a str),
    /// A text, without its quotes; what is doubled or escaped in it stays so.
    Text(&'a str),
    /// A number.
    Number(&'a str),
    /// Any other character.
    Mark(char),
    /// The end of a statement.
    End,
}

impl<'a> Token<'a> {
    /// Whether this is the keyword `word`, which is given in capitals.
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    /// Whether this is one of `words`.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    /// The name of a thing, quoted or not.
    pub(super) fn name(&self) -> Option<&'a str> {
        match self {
            Self::Word(text) | Self::Name(text) => Some(text),
            _ => None,
        }
    }
}

/// The tokens of `text`. An open quote or comment goes on to the end.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut open_tags = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let c = bytes[at];
        let next = bytes.get(at + 1).copied();
        at = match c {
            b'\'' => {
                let end = end_of_text(bytes, at + 1, escapes(&found, text, at));
                found.push(Token::Text(&text[at + 1..end]));
                end + 1
            }
            b'"' | b'`' => {
                let end = find(bytes, at + 1, c);
                found.push(Token::Name(&text[at + 1..end]));
                end + 1
            }
            // `[name]` of T-SQL; `a[1]` is an element.
            b'[' if !at
                .checked_sub(1)
                .is_some_and(|before| is_word(bytes[before])) =>
            {
                let end = find(bytes, at + 1, b']');
                found.push(Token::Name(&text[at + 1..end]));
                end + 1
            }
            b'-' if next == Some(b'-') => find(bytes, at, b'\n'),
            b'#' if next.is_none_or(|next| !matches!(next, b'>' | b'-')) => find(bytes, at, b'\n'),
            // What MySQL runs though it looks like a comment: `/*!50000 DROP TABLE x */`.
            b'/' if rest.starts_with("/*!") => {
                at + 3 + rest[3..].bytes().take_while(u8::is_ascii_digit).count()
            }
            b'*' if next == Some(b'/') => at + 2,
            b'/' if next == Some(b'*') => end_of_comment(bytes, at + 2),
            b'$' if open_tags < MAX_OPEN_TAGS => {
                if let Some((from, to, end)) = dollar(text, at) {
                    found.push(Token::Text(&text[from..to]));
                    end
                } else {
                    open_tags += usize::from(
                        next == Some(b'$') || next.is_some_and(|c| c.is_ascii_alphabetic()),
                    );
                    word(text, at, &mut found)
                }
            }
            b';' => {
                found.push(Token::End);
                at + 1
            }
            c if c.is_ascii_digit() => {
                let end = at
                    + rest
                        .bytes()
                        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'.')
                        .count();
                found.push(Token::Number(&text[at..end]));
                end
            }
            c if is_word(c) => word(text, at, &mut found),
            c if c.is_ascii_whitespace() => at + 1,
            _ => {
                found.push(Token::Mark(char::from(c)));
                at + 1
            }
        };
        at = at.min(bytes.len());
    }
    found
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@' | b'\\' | b'$') || b >= 0x80
}

fn word<'a>(text: &'a str, at: usize, found: &mut Vec<Token<'a>>) -> usize {
    let length = text[at..]
        .bytes()
        .take_while(|b| is_word(*b) || *b == b'#')
        .count()
        .max(1);
    found.push(Token::Word(&text[at..at + length]));
    at + length
}

fn find(bytes: &[u8], from: usize, what: u8) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|b| *b == what))
        .map_or(bytes.len(), |at| from + at)
}

/// Whether a backslash escapes within the text that starts at `at`: `E'…'`.
fn escapes(found: &[Token<'_>], text: &str, at: usize) -> bool {
    found.last().is_some_and(|last| last.is("E")) && text[..at].ends_with(['e', 'E'])
}

fn end_of_text(bytes: &[u8], mut at: usize, escapes: bool) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of a comment, those within it included.
fn end_of_comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 1;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => depth += 1,
            (b'*', b'/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// Longest tag of a dollar-quoted text.
const MAX_TAG: usize = 64;
/// How many tags without an end are searched for; what follows is read as words.
const MAX_OPEN_TAGS: usize = 8;

/// Where the inside of `$tag$…$tag$` starts and ends, and where what follows starts.
fn dollar(text: &str, at: usize) -> Option<(usize, usize, usize)> {
    let inside = &text.as_bytes()[at + 1..];
    let tag = inside
        .iter()
        .take(MAX_TAG)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    if inside.get(tag) != Some(&b'$') {
        return None;
    }
    let mark = &text[at..at + tag + 2];
    let from = at + mark.len();
    let length = text[from..].find(mark)?;
    Some((from, from + length, from + length + mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_texts_stay_whole() {
        use Token::*;
        assert_eq!(
            tokens("SELECT 'a;''b' /* x /* y */ z */ FROM \"T;\" -- DROP\n; a.b #> 1"),
            [
                Word("SELECT"),
                Text("a;''b"),
                Word("FROM"),
                Name("T;"),
                End,
                Word("a.b"),
                Mark('#'),
                Mark('>'),
                Number("1")
            ]
        );
        assert_eq!(tokens("$q$DROP;$q$ $1"), [Text("DROP;"), Word("$1")]);
        assert_eq!(
            tokens("E'it\\'s;' x"),
            [Word("E"), Text("it\\'s;"), Word("x")]
        );
        assert_eq!(tokens("/*!50000 DROP */ x"), [Word("DROP"), Word("x")]);
        assert_eq!(
            tokens("[a b] c[1]"),
            [Name("a b"), Word("c"), Mark('['), Number("1"), Mark(']')]
        );
    }

    #[test]
    fn whatever_is_open_ends_with_the_text() {
        for text in [
            "'", "'a''", "\"", "[", "/*", "/*!", "$a$", "$", "--", "#", "E'\\", "é'ü", "`",
        ] {
            let _ = tokens(text);
        }
    }
}
