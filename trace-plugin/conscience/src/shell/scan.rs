//! Where the quotes and brackets in the text of a word end, and what its braces stand for.

use crate::limits::{MAX_BRACE_WORDS, MAX_BRACES};

pub(super) fn text(chars: &[char]) -> String {
    chars.iter().collect()
}

pub(super) fn find(chars: &[char], from: usize, what: char) -> usize {
    (from..chars.len())
        .find(|&i| chars[i] == what)
        .unwrap_or(chars.len())
}

pub(super) fn end_of_ansi(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '\'' {
        at += 1 + usize::from(chars[at] == '\\');
    }
    at.min(chars.len())
}

pub(super) fn end_of_tick(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '`' {
        at += 1 + usize::from(chars[at] == '\\');
    }
    at.min(chars.len())
}

/// Where the double quotes that were opened before `at` end.
pub(super) fn end_of_double(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        match chars[at] {
            '\\' => at += 2,
            '$' if chars.get(at + 1) == Some(&'(') => {
                at = end_of_bracket(chars, at + 2, '(', ')') + 1;
            }
            '$' if chars.get(at + 1) == Some(&'{') => {
                at = end_of_bracket(chars, at + 2, '{', '}') + 1;
            }
            '`' => at = end_of_tick(chars, at + 1) + 1,
            _ => at += 1,
        }
    }
    at.min(chars.len())
}

/// Where the bracket that was opened before `at` closes; quotes within are skipped.
pub(super) fn end_of_bracket(chars: &[char], mut at: usize, open: char, close: char) -> usize {
    let mut depth = 1usize;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '\'' => at = find(chars, at + 1, '\''),
            '"' => at = plain_end_of_double(chars, at + 1),
            c if c == open => depth += 1,
            c if c == close => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    chars.len()
}

/// Like `end_of_double`, without going into substitutions: keeps the search linear.
pub(super) fn plain_end_of_double(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < chars.len() && (chars[at] != '"' || depth > 0) {
        match chars[at] {
            '\\' => at += 1,
            '(' if chars[at - 1] == '$' || depth > 0 => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    at.min(chars.len())
}

/// Brace expansion of the raw text of a word.
///
/// What it costs is taken from `left`, which is nothing at the end when there are too many.
pub(super) fn braces(raw: &str, words: &mut Vec<String>, depth: usize, left: &mut usize) {
    // What would be left out may be what matters, so that it is all or nothing.
    let too_many = words.len() >= MAX_BRACE_WORDS || depth > MAX_BRACES;
    *left = left.saturating_sub(if too_many { *left } else { 1 + raw.len() / 16 });
    if *left == 0 {
        return;
    }
    let chars: Vec<char> = raw.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '\'' => at = find(&chars, at + 1, '\''),
            '"' => at = end_of_double(&chars, at + 1),
            '`' => at = end_of_tick(&chars, at + 1),
            '$' if chars.get(at + 1) == Some(&'{') => at = end_of_bracket(&chars, at + 2, '{', '}'),
            '$' if chars.get(at + 1) == Some(&'(') => at = end_of_bracket(&chars, at + 2, '(', ')'),
            '{' => {
                let end = end_of_bracket(&chars, at + 1, '{', '}');
                if let Some(parts) = (end < chars.len())
                    .then(|| brace_parts(&chars[at + 1..end]))
                    .flatten()
                {
                    for part in parts {
                        braces(
                            &format!("{}{part}{}", text(&chars[..at]), text(&chars[end + 1..])),
                            words,
                            depth + 1,
                            left,
                        );
                    }
                    return;
                }
            }
            _ => {}
        }
        at += 1;
    }
    words.push(raw.to_owned());
}

pub(super) fn brace_parts(inner: &[char]) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut depth = 0usize;
    for &c in inner {
        match c {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    if parts.len() > 1 {
        return Some(parts);
    }
    let whole = parts.pop()?;
    let (from, to) = whole.split_once("..")?;
    if let (Ok(from), Ok(to)) = (from.parse::<i32>(), to.parse::<i32>()) {
        let (low, high) = (from.min(to), from.max(to));
        return Some(
            (i64::from(low)..=i64::from(high))
                .take(MAX_BRACE_WORDS)
                .map(|n| n.to_string())
                .collect(),
        );
    }
    let single = |text: &str| text.chars().next().filter(|_| text.chars().count() == 1);
    let (from, to) = (single(from)?, single(to)?);
    Some(
        (from.min(to)..=from.max(to))
            .take(MAX_BRACE_WORDS)
            .map(String::from)
            .collect(),
    )
}
