//! Calls in the text of a program, with the text literals that they are given. Not a parser: enough to tell which
//! call a literal belongs to.

use crate::{code::Language, escape};

/// A call in the text and the literals within its brackets.
pub(crate) struct CodeCall {
    pub(crate) name: String,
    /// Names of the calls around it.
    outer: Vec<String>,
    pub(crate) literals: Vec<String>,
}

impl CodeCall {
    /// Whether it, or a call around it, ends in one of `names`.
    pub(crate) fn is(&self, names: &[&str]) -> bool {
        std::iter::once(&self.name)
            .chain(&self.outer)
            .any(|call| names.iter().any(|name| ends_in(call, name)))
    }
}

/// `shutil.rmtree` ends in `rmtree`; `myrmtree` does not.
fn ends_in(call: &str, name: &str) -> bool {
    call.strip_suffix(name).is_some_and(|before| {
        before.is_empty()
            || before.ends_with(['.', ':', '>', '&', '@', '!', '$'])
            || name.contains('.')
    })
}

/// All calls that are given text, in order. A literal that follows a word without a bracket belongs to that word
/// (`system "…"`). Literals joined by `+` or `.` are one.
#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each program"
)]
pub(crate) fn literals(code: &str, language: Language) -> Vec<CodeCall> {
    let chars: Vec<char> = code.chars().collect();
    let mut calls: Vec<CodeCall> = Vec::new();
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut word = String::new();
    // The word before the last, as in `unlink glob("…")`.
    let mut before = String::new();
    // The call without brackets that further literals belong to: `system "rm", "-rf"`.
    let mut loosely: Option<usize> = None;
    let mut joining = false;
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        match c {
            '\'' | '"' | '`' => {
                let triple = chars[at..].starts_with(&[c, c, c]) && language == Language::Python;
                let (text, end) = literal(&chars, at + if triple { 3 } else { 1 }, c, triple);
                at = end;
                let tick = c == '`' && language != Language::JavaScript;
                let named = if tick { "`".to_owned() } else { word.clone() };
                let loose = !named.is_empty() && !joining;
                if loose
                    && (tick
                        || !matches!(
                            named.as_str(),
                            "f" | "r"
                                | "b"
                                | "u"
                                | "rb"
                                | "br"
                                | "print"
                                | "return"
                                | "in"
                                | "and"
                                | "or"
                                | "not"
                                | "if"
                                | "else"
                                | "import"
                                | "from"
                        ))
                {
                    calls.push(CodeCall {
                        name: named,
                        outer: outer(&open, &before),
                        literals: vec![text],
                    });
                    loosely = Some(calls.len() - 1);
                } else if let Some(call) = loosely {
                    add(&mut calls, call, text, joining);
                } else if let Some((_, call)) = open.last() {
                    add(&mut calls, *call, text, joining);
                } else if joining && calls.last().is_some_and(|last| !last.literals.is_empty()) {
                    let last = calls.len() - 1;
                    add(&mut calls, last, text, true);
                } else {
                    calls.push(CodeCall {
                        name: String::new(),
                        outer: Vec::new(),
                        literals: vec![text],
                    });
                }
                joining = false;
                word.clear();
                continue;
            }
            '#' if matches!(language, Language::Python | Language::Ruby | Language::Perl)
                && (at == 0 || chars[at - 1].is_whitespace()) =>
            {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
                continue;
            }
            '(' | '[' | '{' => {
                let inherited = c != '(' && word.is_empty() || c == '{';
                if let Some(around) = open.last().cloned().filter(|_| inherited) {
                    open.push(around);
                } else {
                    calls.push(CodeCall {
                        name: word.clone(),
                        outer: outer(&open, &before),
                        literals: Vec::new(),
                    });
                    open.push((word.clone(), calls.len() - 1));
                }
                word.clear();
                joining = false;
            }
            ')' | ']' | '}' => {
                open.pop();
                word.clear();
                before.clear();
                loosely = None;
                joining = false;
            }
            '+' => {
                joining = true;
                word.clear();
            }
            '.' if language != Language::Python && word.is_empty() => joining = true,
            c if c.is_whitespace() => {
                // A word and a blank may still be a call without brackets.
                if chars
                    .get(at + 1)
                    .is_some_and(|next| next.is_alphanumeric() || *next == '_')
                    && !word.is_empty()
                {
                    before = std::mem::take(&mut word);
                }
            }
            c if c.is_alphanumeric()
                || matches!(c, '_' | '.' | ':' | '$' | '>' | '-' | '!' | '&' | '@') =>
            {
                word.push(c);
            }
            _ => {
                if matches!(c, ';' | '\n') {
                    loosely = None;
                }
                word.clear();
                before.clear();
                joining = false;
            }
        }
        at += 1;
    }
    calls
}

fn outer(open: &[(String, usize)], before: &str) -> Vec<String> {
    open.iter()
        .map(|(name, _)| name.clone())
        .chain((!before.is_empty()).then(|| before.to_owned()))
        .collect()
}

fn add(calls: &mut [CodeCall], call: usize, text: String, joining: bool) {
    if let Some(call) = calls.get_mut(call) {
        match call.literals.last_mut().filter(|_| joining) {
            Some(last) => last.push_str(&text),
            None => call.literals.push(text),
        }
    }
}

/// The text of a literal that starts at `at`, and where the code goes on.
fn literal(chars: &[char], mut at: usize, quote: char, triple: bool) -> (String, usize) {
    let mut text = String::new();
    while at < chars.len() {
        let c = chars[at];
        if c == '\\' {
            text.push('\\');
            text.extend(chars.get(at + 1));
            at += 2;
            continue;
        }
        if c == quote && (!triple || chars[at..].starts_with(&[quote, quote, quote])) {
            at += if triple { 3 } else { 1 };
            break;
        }
        text.push(c);
        at += 1;
    }
    (escape::unescape(&text), at.min(chars.len()))
}
