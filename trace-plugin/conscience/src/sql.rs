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
        if grants(statement) {
            shell.emit(
                Effect::new(EffectKind::RaisePrivileges, "the database")
                    .manner("database")
                    .program(program),
            );
        }
        if reaches_out(statement) {
            shell.emit(
                Effect::new(EffectKind::Opaque, "the database's machine")
                    .manner("database_server")
                    .program(program),
            );
        }
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

/// Whether a statement gives or takes all rights, a role, or the power over everything. Single rights on single things are
/// everyday work.
fn grants(statement: &[String]) -> bool {
    let upper: Vec<String> = statement
        .iter()
        .map(|word| word.to_ascii_uppercase())
        .collect();
    let words: Vec<&str> = upper.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["GRANT", rest @ ..] => {
            rest.first() == Some(&"ALL")
                || !rest.contains(&"ON")
                || rest
                    .windows(2)
                    .any(|pair| matches!(pair, ["TO", "PUBLIC"] | ["GRANT", "OPTION"]))
        }
        ["REVOKE", "ALL", ..] => true,
        ["CREATE" | "ALTER", "ROLE" | "USER", rest @ ..] => rest.contains(&"SUPERUSER"),
        _ => false,
    }
}

/// Whether a statement runs a program on the database's machine, or reads or writes that machine's files.
fn reaches_out(statement: &[String]) -> bool {
    let upper: Vec<String> = statement
        .iter()
        .map(|word| word.to_ascii_uppercase())
        .collect();
    let pair = |first: &[&str], second: &[&str]| {
        upper
            .windows(2)
            .any(|pair| first.contains(&pair[0].as_str()) && second.contains(&pair[1].as_str()))
    };
    let Some(verb) = upper.first() else {
        return false;
    };
    let called = || {
        upper.iter().any(|word| {
            matches!(
                word.rsplit('.').next().unwrap_or(word),
                "PG_READ_FILE"
                    | "PG_READ_BINARY_FILE"
                    | "PG_LS_DIR"
                    | "LO_IMPORT"
                    | "LO_EXPORT"
                    | "LOAD_FILE"
            )
        })
    };
    match verb.as_str() {
        "COPY" | "\\COPY" => pair(&["TO", "FROM"], &["PROGRAM"]),
        "LOAD" => pair(&["DATA", "LOCAL", "XML"], &["INFILE"]),
        "EXEC" | "EXECUTE" | "DECLARE" => upper.iter().any(|word| word.ends_with("XP_CMDSHELL")),
        word if word.ends_with("XP_CMDSHELL") => true,
        "SELECT" | "INSERT" | "UPDATE" | "CREATE" | "WITH" => {
            called() || pair(&["INTO"], &["OUTFILE", "DUMPFILE"])
        }
        _ => false,
    }
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
        [
            "DROP",
            "TABLE" | "COLLECTION" | "TABLESPACE" | "OWNED" | "USER" | "ROLE",
            ..,
        ] => Some((target(start + 2), "table")),
        ["TRUNCATE", ..] => Some((target(start + 1), "table")),
        ["DELETE", "FROM", ..] if unlimited(&words[start..]) => {
            Some((target(start + 2), "every_row"))
        }
        ["UPDATE", ..] if words.contains(&"SET") && unlimited(&words[start..]) => {
            Some((target(start + 1), "every_row"))
        }
        ["ALTER", "TABLE", ..] if drops_part(&words) => Some((target(start + 2), "column")),
        _ => None,
    }
}

/// Whether an `ALTER TABLE` drops a column or a partition, and not only a rule about them. `COLUMN` may be left out.
fn drops_part(words: &[&str]) -> bool {
    words.windows(2).any(|pair| {
        pair[0] == "DROP"
            && !matches!(
                pair[1],
                "CONSTRAINT"
                    | "INDEX"
                    | "DEFAULT"
                    | "NOT"
                    | "KEY"
                    | "FOREIGN"
                    | "PRIMARY"
                    | "CHECK"
                    | "IDENTITY"
                    | "EXPRESSION"
            )
    })
}

/// Whether a statement has no condition, or one that always holds.
fn unlimited(words: &[&str]) -> bool {
    if words.contains(&"LIMIT") {
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
        assert_eq!(manners("DELETE FROM a USING b"), ["every_row"]);
        assert_eq!(manners("ALTER TABLE a DROP email"), ["column"]);
        assert_eq!(manners("ALTER TABLE a DROP PARTITION p0"), ["column"]);
        assert_eq!(manners("DROP ROLE app"), ["table"]);
    }

    #[test]
    fn tells_power_over_everything_from_single_rights() {
        for text in [
            "GRANT ALL PRIVILEGES ON DATABASE prod TO app",
            "grant select on t to public",
            "GRANT admin TO bob",
            "REVOKE ALL ON t FROM app",
            "ALTER ROLE bob SUPERUSER",
        ] {
            assert!(grants(&words(text)), "{text}");
        }
        for text in [
            "GRANT SELECT ON t TO app",
            "REVOKE INSERT ON t FROM app",
            "ALTER ROLE bob LOGIN",
            "SELECT 'GRANT ALL'",
        ] {
            assert!(!grants(&words(text)), "{text}");
        }
    }

    #[test]
    fn tells_what_leaves_the_database_for_its_machine() {
        for text in [
            "COPY users TO PROGRAM 'sh'",
            "\\copy users from program 'sh'",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT lo_import('/etc/passwd')",
            "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
            "EXEC master..xp_cmdshell 'dir'",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
        ] {
            assert!(reaches_out(&words(text)), "{text}");
        }
        for text in [
            "COPY users TO STDOUT",
            "SELECT 'pg_read_file(1)'",
            "SELECT program FROM t",
            "INSERT INTO notes VALUES ('LOAD DATA INFILE')",
        ] {
            assert!(!reaches_out(&words(text)), "{text}");
        }
    }

    #[test]
    fn leaves_alone_what_is_limited_or_only_mentioned() {
        assert_eq!(
            manners(
                "DELETE FROM a USING b WHERE a.id = b.id; ALTER TABLE a ALTER COLUMN b DROP NOT NULL; ALTER TABLE a DROP CONSTRAINT c"
            ),
            Vec::<&str>::new()
        );
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
