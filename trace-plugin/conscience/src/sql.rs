//! SQL: which statements drop, empty or change everything, give power away or leave the database. Comments and quoted text
//! are passed over, so that a statement that is only mentioned counts for nothing.
//!
//! Tokens are told in `token`, a statement's doing in `statement`, whether a condition always holds in `condition`.

mod condition;
mod power;
mod statement;
mod token;

use crate::{
    effect::{Effect, EffectKind},
    limits::MAX_TEXT_BYTES,
    secret,
    shell::{Shell, flow::Flow},
};
use statement::Act;
use token::{Token, tokens};

/// How deep statements may run texts as statements (`EXECUTE 'EXECUTE ''…'''`).
const MAX_NESTED: usize = 3;

/// Notes the effects of all statements in `text`.
pub(crate) fn read(shell: &mut Shell<'_>, text: &str, program: &str) {
    read_at(shell, text, program, 0);
}

fn read_at(shell: &mut Shell<'_>, text: &str, program: &str, depth: usize) {
    if text.len() > MAX_TEXT_BYTES || depth > MAX_NESTED {
        shell.opaque("too_long", program);
        return;
    }
    client(shell, text, program);
    let mut reaches_out = false;
    for act in acts_of(text) {
        let effect = match act {
            Act::Drops(target, manner) => {
                Effect::new(EffectKind::DropDatabase, target).manner(manner)
            }
            Act::Grants => {
                Effect::new(EffectKind::RaisePrivileges, "the database").manner("database")
            }
            Act::ReachesOut => {
                reaches_out = true;
                Effect::new(EffectKind::Opaque, "the database's machine").manner("database_server")
            }
            Act::TooComplex => {
                shell.opaque("too_complex", program);
                continue;
            }
            Act::Stops => Effect::new(EffectKind::DestroyService, "the database").manner("stop"),
            Act::ShowsSecret(name) => {
                Effect::new(EffectKind::ReadSecret, name).manner(secret::STORE)
            }
            Act::Runs(inner) => {
                read_at(shell, &inner, program, depth + 1);
                continue;
            }
        };
        shell.emit(effect.program(program));
    }
    if reaches_out {
        // The command itself is judged too: `COPY t TO PROGRAM 'curl …'`, `EXEC xp_cmdshell '…'`.
        for token in tokens(text) {
            if let Token::Text(command) = token {
                shell.subshell(command, &Flow::default());
            }
        }
    }
}

/// Commands of the clients themselves that start a shell: `\! rm`, `.shell rm`, `\copy t to program 'sh'`.
fn client(shell: &mut Shell<'_>, text: &str, program: &str) {
    for line in text.lines() {
        let line = line.trim_start();
        let command = ["\\!", ".shell ", ".system ", "system ", "!", "host "]
            .iter()
            .find_map(|prefix| line.strip_prefix(prefix));
        if let Some(command) = command
            && (line.starts_with(['\\', '.'])
                || matches!(
                    program,
                    "mysql" | "mariadb" | "sqlplus" | "sqlcmd" | "beeline" | "hive"
                ))
        {
            shell.subshell(command.trim_start(), &Flow::default());
        }
        if let Some(file) = line
            .strip_prefix("\\i ")
            .or_else(|| line.strip_prefix(".read "))
        {
            shell.read(&crate::shell::flow::Field::known(file.trim()), program);
        }
    }
}

fn acts_of(text: &str) -> Vec<Act> {
    let tokens = tokens(text);
    let statements: Vec<&[Token<'_>]> = tokens.split(|token| *token == Token::End).collect();
    let calls = statements.iter().any(|statement| {
        statement
            .first()
            .is_some_and(|first| first.is_any(&["CALL", "EXEC", "EXECUTE"]))
    });
    let temporary: Vec<&str> = statements
        .iter()
        .filter_map(|statement| own_table(statement))
        .collect();
    let mut found = Vec::new();
    let mut defining = false;
    for statement in statements {
        let ends = statement.first().is_some_and(|first| first.is("END"));
        if defining {
            // The body of a routine that is only written down.
            defining = !ends;
            continue;
        }
        let defines = statement.first().is_some_and(|first| first.is("CREATE"))
            && statement
                .iter()
                .take(8)
                .any(|token| token.is_any(&["TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"]))
            && statement.iter().any(|token| token.is("BEGIN"))
            && !statement.last().is_some_and(|last| last.is("END"));
        if defines && !calls {
            defining = true;
            continue;
        }
        found.extend(
            statement::acts(statement)
                .into_iter()
                .filter(|act| match act {
                    Act::Drops(target, _) => !temporary.contains(&target.as_str()),
                    _ => true,
                }),
        );
    }
    found
}

/// The temporary table that a statement makes: this text's own.
fn own_table<'a>(statement: &[Token<'a>]) -> Option<&'a str> {
    match statement {
        [create, temporary, table, rest @ ..]
            if create.is("CREATE")
                && temporary.is_any(&["TEMP", "TEMPORARY"])
                && table.is("TABLE") =>
        {
            rest.iter()
                .find(|token| !token.is_any(&["IF", "NOT", "EXISTS"]))
                .and_then(Token::name)
        }
        _ => None,
    }
}

/// Whether a statement over a graph (Cypher) deletes without saying which.
pub(crate) fn empties_graph(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let deletes =
        upper.contains("DETACH DELETE") || upper.contains("MATCH") && upper.contains(" DELETE ");
    deletes && !upper.contains("WHERE") && !upper.contains('{')
        || upper.contains("DROP DATABASE")
        || upper.contains("APOC.PERIODIC") && deletes
}

/// Whether a text begins like a statement.
pub(crate) fn looks_like_sql(text: &str) -> bool {
    let mut end = text.len().min(400);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    tokens(&text[..end])
        .iter()
        .find(|token| **token != Token::Mark('('))
        .is_some_and(|first| {
            first.is_any(&[
                "SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "TRUNCATE", "ALTER", "CREATE",
                "WITH", "BEGIN", "GRANT", "REVOKE", "MERGE", "REPLACE", "EXEC", "EXECUTE", "DO",
                "CALL", "COPY", "LOAD", "SET", "DECLARE", "PREPARE", "EXPLAIN", "SHUTDOWN", "KILL",
                "RESET", "PURGE", "RESTORE", "IF", "USE", "START", "REMOVE", "PRAGMA", "ATTACH",
            ])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manners(text: &str) -> Vec<&'static str> {
        acts_of(text)
            .into_iter()
            .filter_map(|act| match act {
                Act::Drops(_, manner) => Some(manner),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn tells_statements_that_take_everything() {
        assert_eq!(
            manners("DROP TABLE IF EXISTS users; drop database app"),
            ["table", "database"]
        );
        for text in [
            "DELETE FROM users",
            "delete from users where 1=1;",
            "UPDATE users SET admin = true",
            "DELETE FROM a USING b",
            "DELETE users",
            "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
            "WITH o AS (SELECT 1) UPDATE t SET a = 1",
            "EXPLAIN ANALYZE DELETE FROM t",
            "SELECT ';'; DELETE FROM t",
            "DELETE FROM t WHERE true -- id = 3",
            "UPDATE u SET a = (SELECT b FROM t WHERE t.id = 1)",
        ] {
            assert_eq!(manners(text), ["every_row"], "{text}");
        }
        assert_eq!(manners("DROP/**/TABLE users"), ["table"]);
        assert_eq!(manners("/*!50000 DROP TABLE users */"), ["table"]);
        assert_eq!(manners("SELECT 1 DROP TABLE users"), ["table"]);
        assert_eq!(manners("ALTER TABLE a DROP email"), ["column"]);
        assert_eq!(manners("ALTER TABLE a DROP PARTITION p0"), ["column"]);
        assert_eq!(manners("DROP ROLE app"), ["table"]);
        assert_eq!(manners("DROP VIEW v"), ["object"]);
        assert_eq!(
            acts_of("DROP TABLE \"app\".\"users\""),
            [Act::Drops("app.users".to_owned(), "table")]
        );
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
            assert_eq!(acts_of(text), [Act::Grants], "{text}");
        }
        for text in [
            "GRANT SELECT ON t TO app",
            "REVOKE INSERT ON t FROM app",
            "ALTER ROLE bob LOGIN",
            "SELECT 'GRANT ALL'",
        ] {
            assert_eq!(acts_of(text), [], "{text}");
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
            assert!(acts_of(text).contains(&Act::ReachesOut), "{text}");
        }
        for text in [
            "COPY users TO STDOUT",
            "SELECT 'pg_read_file(1)'",
            "SELECT program FROM t",
            "INSERT INTO notes VALUES ('LOAD DATA INFILE')",
        ] {
            assert!(!acts_of(text).contains(&Act::ReachesOut), "{text}");
        }
    }

    #[test]
    fn leaves_alone_what_is_limited_or_only_mentioned() {
        for text in [
            "DELETE FROM a USING b WHERE a.id = b.id; ALTER TABLE a ALTER COLUMN b DROP NOT NULL; ALTER TABLE a DROP CONSTRAINT c",
            "DELETE FROM users WHERE id = 3",
            "SELECT 'DROP TABLE users; --' FROM t -- DROP TABLE x",
            "UPDATE users SET name = 'a' WHERE id = 3; CREATE TABLE t (id int)",
            "EXPLAIN DELETE FROM users",
            "SELECT * FROM t FOR UPDATE",
            "CREATE TEMP TABLE x (a int); DROP TABLE x",
            "CREATE TRIGGER tr AFTER DELETE ON t FOR EACH ROW BEGIN DELETE FROM u; END",
            "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2",
            "SELECT update, delete FROM perms",
        ] {
            assert_eq!(manners(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn a_statement_run_as_text_is_read() {
        assert_eq!(
            acts_of("EXECUTE IMMEDIATE 'DROP TABLE ''x'''"),
            [Act::Runs("DROP TABLE 'x'".to_owned())]
        );
    }
}
