//! Text to syntax tree, with the bounds that the parser itself does not have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brush_parser::{ParserOptions, ast::Program};

use crate::limits::{MAX_NESTING, MAX_SUBSHELLS, MAX_TEXT_BYTES};

/// Why a text could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Longer than `MAX_TEXT_BYTES`.
    TooLong,
    /// Nested deeper than `MAX_NESTING`.
    TooDeep,
    /// Not shell.
    Unparsable,
}

impl Unread {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooDeep => "too_complex",
            Self::Unparsable => "unparsable",
        }
    }
}

/// Parses a shell text.
pub(crate) fn parse(text: &str) -> Result<Program, Unread> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    if nesting(text) > MAX_NESTING || subshells(text) > MAX_SUBSHELLS {
        return Err(Unread::TooDeep);
    }
    // The tokenizer never ends on a here-document without a delimiter (`<<'' `) that no line break follows.
    let ended;
    let text = if text.contains("<<") && !text.ends_with('\n') {
        ended = format!("{text}\n");
        &ended
    } else {
        text
    };
    let options = ParserOptions::default();
    // The parser unwraps a few conversions, of descriptors with twenty digits for instance. Such a text is
    // unparsable, not a reason to fall over.
    catch_unwind(AssertUnwindSafe(|| {
        let tokens =
            brush_parser::uncached_tokenize_str(text, &options.tokenizer_options()).ok()?;
        brush_parser::parse_tokens(&tokens, &options).ok()
    }))
    .ok()
    .flatten()
    .ok_or(Unread::Unparsable)
}

/// How deep round brackets nest that are not part of `$(`; quotes are not looked at, and `$((` counts one.
fn subshells(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '(' if before != '$' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
    }
    deepest
}

/// An upper bound on how deep brackets and compound commands nest. Quotes are not looked at: too high is safe.
fn nesting(text: &str) -> usize {
    let mut depth = 0usize;
    let mut deepest = 0usize;
    let mut word = String::new();
    let close = |depth: &mut usize| *depth = depth.saturating_sub(1);
    let mut ticks = 0usize;
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphabetic() {
            if word.len() < 8 {
                word.push(c);
            }
            continue;
        }
        match word.as_str() {
            "if" | "case" | "while" | "until" | "for" | "select" => depth += 1,
            "fi" | "esac" | "done" => close(&mut depth),
            _ => {}
        }
        word.clear();
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => close(&mut depth),
            '`' => ticks += 1,
            '!' if depth == 0 => {}
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    // Backticks nest only by escaping, so half of them is far above what can nest; only absurd counts matter.
    if ticks > MAX_TEXT_BYTES / 16 {
        usize::MAX
    } else {
        deepest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_here_document_without_a_delimiter_ends() {
        for text in [
            "cat <<'' ",
            "cat <<\"\" ",
            "cat <<-'' ",
            "cat << '' ",
            "cat <<\"\"'' ",
            "cat <<\"\\\n\" ",
            "a<<<<<''''<<<<<<<<<<<<<< | tar ",
        ] {
            // That it comes back at all is what counts.
            let _ = parse(text);
        }
    }

    #[test]
    fn subshells_nest_up_to_their_limit() {
        let nested = |depth: usize| format!("{}ls{}", "( ".repeat(depth), " )".repeat(depth));
        assert!(parse(&nested(MAX_SUBSHELLS)).is_ok());
        assert_eq!(
            parse(&nested(MAX_SUBSHELLS + 1)).err(),
            Some(Unread::TooDeep)
        );
        // Substitutions do not count: the parser reads each by itself.
        let substituted = format!("echo {}date{}", "$(".repeat(12), ")".repeat(12));
        assert!(parse(&substituted).is_ok());
    }
}
