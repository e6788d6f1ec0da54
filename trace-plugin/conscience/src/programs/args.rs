//! The words of a command as options and operands.

use crate::shell::flow::{Field, Flow};

/// One command: the program's name without its directory, its arguments, what it reads.
pub(crate) struct Call<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: &'a [Field],
    pub(crate) stdin: &'a Flow,
}

impl<'a> Call<'a> {
    /// Whether `-short` (also within a cluster) or `--long` (also abbreviated, as getopt allows) is given.
    pub(crate) fn has(&self, short: char, long: &str) -> bool {
        self.options().any(|text| match text.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or(name);
                !long.is_empty() && name.len() >= 3.min(long.len()) && long.starts_with(name)
            }
            None => short != '\0' && text.starts_with('-') && text[1..].contains(short),
        })
    }

    /// Whether one of the arguments is exactly `word`.
    pub(crate) fn word(&self, word: &str) -> bool {
        self.args.iter().any(|arg| arg.text == word)
    }

    /// Whether one of the arguments is any of `words`.
    pub(crate) fn any(&self, words: &[&str]) -> bool {
        self.args
            .iter()
            .any(|arg| words.contains(&arg.text.as_str()))
    }

    /// The arguments that start with `-`, up to `--`.
    fn options(&self) -> impl Iterator<Item = &'a str> {
        self.args
            .iter()
            .map(|arg| arg.text.as_str())
            .take_while(|text| *text != "--")
            .filter(|text| text.len() > 1 && text.starts_with('-'))
    }

    /// The arguments that are not options. `with_value` names options whose value is the next argument.
    pub(crate) fn operands(&self, with_value: &[&str]) -> Vec<&'a Field> {
        let mut found = Vec::new();
        let mut args = self.args.iter();
        let mut ended = false;
        while let Some(arg) = args.next() {
            let text = arg.text.as_str();
            if ended || text == "-" || !text.starts_with('-') {
                found.push(arg);
            } else if text == "--" {
                ended = true;
            } else if with_value.contains(&text) {
                args.next();
            }
        }
        found
    }

    /// The values of any of `names`: `-o FILE`, `-oFILE`, `--output FILE`, `--output=FILE`.
    pub(crate) fn values(&self, names: &[&str]) -> Vec<Field> {
        let mut found = Vec::new();
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            let text = arg.text.as_str();
            if names.contains(&text) {
                found.extend(args.next().cloned());
                continue;
            }
            for name in names {
                let rest = match text.strip_prefix(name) {
                    Some(rest) if name.starts_with("--") => rest.strip_prefix('='),
                    Some(rest) if name.len() == 2 && !rest.is_empty() => Some(rest),
                    _ => None,
                };
                if let Some(rest) = rest {
                    let mut field = arg.clone();
                    rest.clone_into(&mut field.text);
                    found.push(field);
                }
            }
        }
        found
    }

    /// The text of operand `n`, or nothing.
    pub(crate) fn operand(&self, n: usize) -> &'a str {
        self.operands(&[])
            .get(n)
            .map_or("", |field| field.text.as_str())
    }

    /// All arguments with blanks between.
    pub(crate) fn joined(&self) -> String {
        let words: Vec<&str> = self.args.iter().map(|arg| arg.text.as_str()).collect();
        words.join(" ")
    }
}

/// What follows the options of a wrapper: skips options (`with_value` name those that take the next word),
/// `NAME=value` words if `assignments`, and then `skip` operands.
pub(crate) fn after_options<'a>(
    args: &'a [Field],
    with_value: &[&str],
    assignments: bool,
    skip: usize,
) -> &'a [Field] {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let text = arg.text.as_str();
        if text == "--" {
            at += 1;
            break;
        }
        if text.len() > 1 && text.starts_with('-') {
            at += 1 + usize::from(with_value.contains(&text));
        } else if assignments && is_assignment(text) {
            at += 1;
        } else {
            break;
        }
    }
    args.get((at + skip).min(args.len())..).unwrap_or_default()
}

/// Whether a word reads `NAME=value`.
pub(crate) fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
