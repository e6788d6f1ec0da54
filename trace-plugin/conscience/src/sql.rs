//! SQL: which statements drop, empty or change everything. Comments and quoted text are passed over, so that a
//! statement that is only mentioned counts for nothing.

use crate::{
    effect::{Effect, EffectKind},
    limits::MAX_TEXT_BYTES,
    shell::{Shell, flow::Flow},
};

/// Notes the effects of all statements in `text`.
pub(crate) fn read(shell: &mut Shell<'_>, text: &str, program: &str) {
    if text.len() > MAX_TEXT_BYTES {
        shell.opaque("too_long", program);
        return;
    }
    for line in text.lines() {
        // Commands of the clients themselves that start a shell.
        let line = line.trim_start();
        if let Some(command) = ["\\! ", ".shell ", ".system ", "\\! "]
            .iter()
            .find_map(|prefix| line.strip_prefix(prefix))
        {
            shell.subshell(command, &Flow::default());
        }
    }
    let lower = text.to_ascii_lowercase();
    if lower.contains("xp_cmdshell")
        || lower.contains("to program")
        || lower.contains("from program")
        || lower.contains("load_file(")
        || lower.contains("into outfile")
    {
        shell.opaque("command", program);
        for quoted in text.split('\'').skip(1).step_by(2) {
            if lower.contains("program") || lower.contains("xp_cmdshell") {
                shell.subshell(quoted, &Flow::default());
            }
        }
    }
    for statement in words(text).split(|word| word == ";") {
        if let Some((target, manner)) = judge(statement) {
            shell.emit(
                Effect::new(EffectKind::DropDatabase, target)
                    .manner(manner)
                    .program(program),
            );
        }
    }
}

/// Whether a text begins like a statement.
pub(crate) fn looks_like_sql(text: &str) -> bool {
    let first = words(text.get(..text.len().min(400)).unwrap_or_default())
        .first()
        .map(|word| word.to_ascii_uppercase());
    first.is_some_and(|word| {
        matches!(
            word.as_str(),
            "SELECT"
                | "INSERT"
                | "UPDATE"
                | "DELETE"
                | "DROP"
                | "TRUNCATE"
                | "ALTER"
                | "CREATE"
                | "WITH"
                | "BEGIN"
                | "GRANT"
                | "REVOKE"
                | "MERGE"
                | "REPLACE"
        )
    })
}

fn judge(statement: &[String]) -> Option<(String, &'static str)> {
    let upper: Vec<String> = statement
        .iter()
        .map(|word| word.to_ascii_uppercase())
        .collect();
    let words: Vec<&str> = upper.iter().map(String::as_str).collect();
    // `EXPLAIN DELETE …` only tells; `WITH … DELETE …` acts.
    let start = match words.first()? {
        &"WITH" => words
            .iter()
            .position(|word| matches!(*word, "DELETE" | "UPDATE"))?,
        _ => 0,
    };
    let target = |at: usize| {
        let skip = words[at..]
            .iter()
            .take_while(|word| matches!(**word, "IF" | "EXISTS" | "TABLE" | "ONLY" | "FROM"))
            .count();
        statement.get(at + skip).cloned().unwrap_or_default()
    };
    match &words[start..] {
        ["DROP", "DATABASE" | "SCHEMA" | "KEYSPACE", ..] => Some((target(start + 2), "database")),
        ["DROP", "TABLE" | "COLLECTION" | "TABLESPACE" | "OWNED", ..] => {
            Some((target(start + 2), "table"))
        }
        ["TRUNCATE", ..] => Some((target(start + 1), "table")),
        ["DELETE", "FROM", ..] if unlimited(&words[start..]) => {
            Some((target(start + 2), "every_row"))
        }
        ["UPDATE", ..] if words.contains(&"SET") && unlimited(&words[start..]) => {
            Some((target(start + 1), "every_row"))
        }
        ["ALTER", "TABLE", ..] if words.windows(2).any(|pair| pair == ["DROP", "COLUMN"]) => {
            Some((target(start + 2), "column"))
        }
        _ => None,
    }
}

/// Whether a statement has no condition, or one that always holds.
fn unlimited(words: &[&str]) -> bool {
    if words.contains(&"LIMIT") || words.contains(&"USING") {
        return false;
    }
    match words.iter().position(|word| *word == "WHERE") {
        None => true,
        Some(at) => matches!(
            &words[at + 1..],
            ["TRUE" | "1" | "1=1"] | ["1", "=", "1"] | []
        ),
    }
}

/// The words of SQL: comments and quoted text left out, `;` a word of its own.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let end = |word: &mut String, words: &mut Vec<String>| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                end(&mut word, &mut words);
                while let Some(c) = chars.next() {
                    if c == '\'' && chars.peek() != Some(&'\'') {
                        break;
                    }
                }
                words.push("''".to_owned());
            }
            '"' | '`' | '[' | ']' => {}
            '-' if chars.peek() == Some(&'-') => {
                end(&mut word, &mut words);
                chars.by_ref().find(|c| *c == '\n');
            }
            '#' if word.is_empty() => {
                chars.by_ref().find(|c| *c == '\n');
            }
            '/' if chars.peek() == Some(&'*') => {
                end(&mut word, &mut words);
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            ';' => {
                end(&mut word, &mut words);
                words.push(";".to_owned());
            }
            c if c.is_whitespace() || matches!(c, ',' | '(' | ')') => end(&mut word, &mut words),
            c => word.push(c),
        }
    }
    end(&mut word, &mut words);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manners(text: &str) -> Vec<&'static str> {
        words(text)
            .split(|word| word == ";")
            .filter_map(judge)
            .map(|(_, manner)| manner)
            .collect()
    }

    #[test]
    fn tells_statements_that_take_everything() {
        assert_eq!(
            manners("DROP TABLE IF EXISTS users; drop database app"),
            ["table", "database"]
        );
        assert_eq!(manners("DELETE FROM users"), ["every_row"]);
        assert_eq!(manners("delete from users where 1=1;"), ["every_row"]);
        assert_eq!(manners("UPDATE users SET admin = true"), ["every_row"]);
        assert_eq!(manners("DROP/**/TABLE users"), ["table"]);
    }

    #[test]
    fn leaves_alone_what_is_limited_or_only_mentioned() {
        assert_eq!(
            manners("DELETE FROM users WHERE id = 3"),
            Vec::<&str>::new()
        );
        assert_eq!(
            manners("SELECT 'DROP TABLE users; --' FROM t -- DROP TABLE x"),
            Vec::<&str>::new()
        );
        assert_eq!(
            manners("UPDATE users SET name = 'a' WHERE id = 3; CREATE TABLE t (id int)"),
            Vec::<&str>::new()
        );
    }
}
