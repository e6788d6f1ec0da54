//! Text to syntax tree, with the bounds that the parser itself does not have.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brush_parser::{ParserOptions, Token, ast::Program};

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
///
/// What it costs is taken from `left`.
pub(crate) fn parse(text: &str, left: &mut usize) -> Result<Program, Unread> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Unread::TooLong);
    }
    if nesting(text) > MAX_NESTING || subshells(text) > MAX_SUBSHELLS {
        return Err(Unread::TooDeep);
    }
    spend(left, 10 + likely_cost(text))?;
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
    let tokens = catch_unwind(|| {
        brush_parser::uncached_tokenize_str(text, &options.tokenizer_options()).ok()
    });
    let tokens = tokens.ok().flatten().ok_or(Unread::Unparsable)?;
    spend(left, tokens.len() * TOKEN)?;
    if compounds(&tokens) > MAX_NESTING {
        return Err(Unread::TooDeep);
    }
    catch_unwind(AssertUnwindSafe(|| {
        brush_parser::parse_tokens(&tokens, &options).ok()
    }))
    .ok()
    .flatten()
    .ok_or(Unread::Unparsable)
}

/// What parsing one token costs, in units of [`MAX_WORK`](crate::limits::MAX_WORK).
const TOKEN: usize = 8;

fn spend(left: &mut usize, units: usize) -> Result<(), Unread> {
    *left = left.checked_sub(units).ok_or_else(|| {
        *left = 0;
        Unread::TooDeep
    })?;
    Ok(())
}

/// What finding the tokens of a text costs: its letters, again for each substitution that they stand in, and the ends of
/// words and lines. Behind a here-document's sign these count half, as most of them will be within it.
fn likely_cost(text: &str) -> usize {
    let (mut depth, mut deepest, mut ends, mut document) = (0usize, 0usize, 0usize, false);
    let mut before = b' ';
    for byte in text.bytes() {
        let end = match byte {
            b'(' if matches!(before, b'$' | b'<' | b'>') => {
                depth += 1;
                deepest = deepest.max(depth);
                0
            }
            b')' => {
                depth = depth.saturating_sub(1);
                4
            }
            b'<' => {
                document |= before == b'<';
                4
            }
            b'\n' => 2,
            b' ' | b'\t' | b';' | b'|' | b'&' | b'>' => {
                2 * usize::from(!matches!(before, b' ' | b'\t'))
            }
            _ => 0,
        };
        ends += if document { end / 2 } else { end };
        before = byte;
    }
    text.len() / 16 * (1 + deepest) + ends / 2
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

/// An upper bound on how deep brackets nest. Quotes are not looked at: too high is safe.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut ticks) = (0usize, 0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            b'`' => ticks += 1,
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

/// An upper bound on how deep compound commands nest. What is quoted, or within a here-document, is one token.
fn compounds(tokens: &[Token]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for token in tokens {
        match token.to_str() {
            "if" | "case" | "while" | "until" | "for" | "select" | "(" | "{" => depth += 1,
            "fi" | "esac" | "done" | ")" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
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
            let _ = parse(text, &mut usize::MAX.clone());
        }
    }

    #[test]
    fn subshells_nest_up_to_their_limit() {
        let nested = |depth: usize| format!("{}ls{}", "( ".repeat(depth), " )".repeat(depth));
        assert!(parse(&nested(MAX_SUBSHELLS), &mut usize::MAX.clone()).is_ok());
        assert_eq!(
            parse(&nested(MAX_SUBSHELLS + 1), &mut usize::MAX.clone()).err(),
            Some(Unread::TooDeep)
        );
        // Substitutions do not count: the parser reads each by itself.
        let substituted = format!("echo {}date{}", "$(".repeat(12), ")".repeat(12));
        assert!(parse(&substituted, &mut usize::MAX.clone()).is_ok());
    }
}
