//! Secrets by the name before them: `export DB_PASSWORD=…`, `"api_key": "…"`, `--token …`, `<secret>…</secret>`.
//!
//! Read by hand from the place of a keyword outwards, because quotes may be escaped any number of times (JSON within a
//! string within JSON) and a pattern cannot count.

use std::ops::Range;

use crate::limits::MAX_NAME_BYTES;
use crate::names::{self, Named};
use crate::random;
use crate::scan::{Hit, Zeal};

/// Adds the secret values behind the names at `keywords`, which are in order of their end.
pub(crate) fn assignments(text: &str, keywords: &[Range<usize>], zeal: Zeal, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for keyword in keywords {
        if keyword.end <= done {
            continue;
        }
        let mut start = keyword.start;
        while start > done && is_name(bytes[start - 1]) && keyword.end - start < MAX_NAME_BYTES {
            start -= 1;
        }
        let mut end = keyword.end;
        while end < bytes.len() && is_name(bytes[end]) && end - start < MAX_NAME_BYTES {
            end += 1;
        }
        done = end;
        let name = &text[start..end];
        let Some(named) = names::named(name) else {
            continue;
        };
        let mut from = Some(after_name(bytes, start, end));
        // Twice, for `password: string = "…"`.
        for _ in 0..2 {
            let Some(value) = from.and_then(|at| value(bytes, at, name)) else {
                break;
            };
            if is_secret(named, name, text, &value, zeal) {
                hits.push(Hit::by_name(named.rule, value.range));
                break;
            }
            from = (!value.quoted).then_some(value.range.end);
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// What stands behind a name.
struct Value {
    range: Range<usize>,
    quoted: bool,
    /// `NAME=value` without a blank, as in a shell or an `.env` file.
    tight: bool,
}

/// Steps over what closes a name: quotes, escaped or not, and the bracket of `env["NAME"]`.
fn after_name(bytes: &[u8], start: usize, end: usize) -> usize {
    let mut at = end;
    while bytes.get(at) == Some(&b'\\') {
        at += 1;
    }
    if matches!(bytes.get(at), Some(b'"' | b'\'' | b'`')) {
        at += 1;
        return if bytes.get(at) == Some(&b']') {
            at + 1
        } else {
            at
        };
    }
    if bytes.get(end) == Some(&b'>') && start > 0 && bytes[start - 1] == b'<' {
        return end; // an XML tag: `value` sees the bracket
    }
    end
}

/// Finds the value behind `at`, where a separator must stand.
fn value(bytes: &[u8], at: usize, name: &str) -> Option<Value> {
    if bytes.get(at) == Some(&b'>') {
        let end = bytes[at..]
            .iter()
            .position(|&b| b == b'<')
            .map(|n| at + n)?;
        return Some(Value {
            range: at + 1..end,
            quoted: true,
            tight: false,
        });
    }
    let blank = skip_blanks(bytes, at);
    let mut from = blank;
    match bytes.get(blank)? {
        b':' if bytes.get(blank + 1) == Some(&b':') => return None,
        b':' if bytes[blank..].starts_with(b"://") => return None,
        b':' => {
            from += 1;
            from += usize::from(bytes.get(from) == Some(&b'='));
        }
        b'=' => {
            while from < blank + 3 && bytes.get(from) == Some(&b'=') {
                from += 1;
            }
            from += usize::from(matches!(bytes.get(from), Some(b'>' | b'~')));
        }
        // A flag and its value: `--password x`.
        b'-' => return None,
        _ if name.starts_with('-') && blank > at => {}
        _ => return None,
    }
    let tight = from == at + 1;
    from = skip_blanks(bytes, from);
    // The first of a list; a bracket alone may open a placeholder.
    if bytes.get(from) == Some(&b'[') && matches!(bytes.get(from + 1), Some(b'"' | b'\'' | b'\\')) {
        from += 1;
    }
    // `b"…"`, `r'…'`, `@"…"`.
    if bytes.get(from).is_some_and(|b| b"rbfuRBFU@$".contains(b))
        && matches!(bytes.get(from + 1), Some(b'"' | b'\''))
    {
        from += 1;
    }
    Some(quoted(bytes, from).unwrap_or_else(|| unquoted(bytes, from, tight)))
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// A value in quotes that are escaped as often at its end as at its start.
fn quoted(bytes: &[u8], from: usize) -> Option<Value> {
    let escapes = bytes[from.min(bytes.len())..]
        .iter()
        .take_while(|&&b| b == b'\\')
        .count();
    let open = from + escapes;
    let quote = *bytes
        .get(open)
        .filter(|&&b| matches!(b, b'"' | b'\'' | b'`'))?;
    let triple = bytes[open..].starts_with(&[quote; 3]);
    let start = open + if triple { 3 } else { 1 };
    let mut at = start;
    let mut slashes = 0;
    while at < bytes.len() {
        let closes = bytes[at] == quote
            && if escapes == 0 {
                slashes % 2 == 0
            } else {
                slashes <= escapes
            }
            && (!triple || bytes[at..].starts_with(&[quote; 3]));
        if closes {
            break;
        }
        slashes = if bytes[at] == b'\\' { slashes + 1 } else { 0 };
        at += 1;
    }
    let end = if at < bytes.len() {
        at - slashes.min(escapes)
    } else {
        at
    };
    Some(Value {
        range: start..end.max(start),
        quoted: true,
        tight: false,
    })
}

/// A bare value: to the next blank, quote or shell operator.
fn unquoted(bytes: &[u8], from: usize, tight: bool) -> Value {
    let mut end = from.min(bytes.len());
    while let Some(&byte) = bytes.get(end) {
        let escape = byte == b'\\'
            && matches!(
                bytes.get(end + 1),
                None | Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\')
            );
        if escape
            || byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b'`' | b';' | b'&' | b'|' | b'<' | b'>')
        {
            break;
        }
        end += 1;
    }
    while end > from && matches!(bytes[end - 1], b')' | b']' | b'}' | b',' | b'.' | b':') {
        end -= 1;
    }
    Value {
        range: from.min(bytes.len())..end,
        quoted: false,
        tight,
    }
}

fn is_secret(named: Named, name: &str, text: &str, value: &Value, zeal: Zeal) -> bool {
    // Separators are ASCII, so the range is on character boundaries.
    let secret = &text[value.range.clone()];
    if random::stands_in(secret) || is_harmless(name, secret) {
        return false;
    }
    if !value.quoted && is_code(secret, &text[value.range.end..]) {
        return false;
    }
    if named.strong {
        let shell = value.tight && !name.bytes().any(|b| b.is_ascii_lowercase());
        zeal != Zeal::Accuse || value.quoted || shell || random::random(secret)
    } else {
        random::random(secret) && !mentions(secret)
    }
}

/// What is no secret in spite of its name: the working directory in `PWD`, a count of passed tests.
pub(crate) fn is_harmless(name: &str, value: &str) -> bool {
    let last = name.rsplit(['_', '-', '.']).next().unwrap_or(name);
    let path = value.starts_with(['/', '~', '.']) || value.get(1..3) == Some(":\\");
    last.eq_ignore_ascii_case("pwd") && path
        || name.eq_ignore_ascii_case("pass")
            && (value.len() < 4 || value.bytes().all(|b| b.is_ascii_digit()))
}

/// A call, a field access or a variable that is named after what it holds.
fn is_code(value: &str, rest: &str) -> bool {
    let word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    value.contains('(')
        || value.contains("::")
        || value.contains('.')
            && value
                .split(['.', '[', ']'])
                .filter(|part| !part.is_empty())
                .all(word)
        || word(value) && (mentions(value) || rest.starts_with(['(', '<']))
}

/// Whether a value speaks of secrets instead of being one: `user_password`, `my-token-1`.
fn mentions(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "token",
        "secret",
        "apikey",
        "api_key",
        "api-key",
        "credential",
    ]
    .iter()
    .any(|word| value.contains(word))
}
