//! The statements of a policy file, as far as messages and bounds need them: where each begins and how much it nests.

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The line of its `forbid` or `permit`, from 1; else of its first word.
    pub(super) line: usize,
    /// The signs that combine.
    pub(super) signs: usize,
}

/// Takes `text` apart at its semicolons, which count outside of strings and comments only.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut current: Option<Statement> = None;
    let mut has_head = false;
    let mut line = 1;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => line += 1,
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    line += usize::from(bytes[at] == b'\n');
                    // What is escaped does not end the string.
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                while at + 1 < bytes.len() && bytes[at + 1] != b'\n' {
                    at += 1;
                }
            }
            b';' => {
                statements.extend(current.take());
                has_head = false;
            }
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                let statement = current.get_or_insert(Statement { line, signs: 0 });
                if byte.is_ascii_alphabetic() || byte == b'_' {
                    let word = word(&bytes[at..]);
                    if !has_head && matches!(word, b"forbid" | b"permit") {
                        statement.line = line;
                        has_head = true;
                    }
                    statement.signs +=
                        usize::from(matches!(word, b"if" | b"in" | b"has" | b"like"));
                    at += word.len() - 1;
                } else if !byte.is_ascii_digit() {
                    statement.signs += 1;
                }
            }
        }
        at += 1;
    }
    statements.extend(current);
    statements
}

fn word(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    &bytes[..end.unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_begin_at_their_heads() {
        let text = "// forbid; not\n@id(\"a; forbid\")\n@reason(\"x \\\" ;\")\nforbid (principal);\n\n\
                    @id(\"b\") permit (principal); what\n is";
        let lines: Vec<usize> = statements(text).iter().map(|one| one.line).collect();
        assert_eq!(lines, [4, 6, 6]);
        assert_eq!(statements("// nothing\n\n"), []);
        assert_eq!(statements("\"open").len(), 0);
        assert_eq!(statements("\"open\\").len(), 0);
    }

    #[test]
    fn signs_are_counted_outside_of_texts() {
        let signs = |text: &str| statements(text).iter().map(|one| one.signs).sum::<usize>();
        assert_eq!(signs("a && b"), 2);
        assert_eq!(signs("\"&&&&\" // &&&&"), 0);
        assert_eq!(signs("!(a)"), 3);
    }
}
