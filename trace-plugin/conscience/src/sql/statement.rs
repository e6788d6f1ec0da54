//! One statement by its tokens: what it drops, empties, changes as a whole, gives away or runs on the server.

use super::{
    condition,
    power::{grants, reaches_out, stops},
    token::Token,
};

/// What a statement does that matters.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Drops or empties: what, and the manner of the effect `drop_database`.
    Drops(String, &'static str),
    /// Gives or takes power over the database.
    Grants,
    /// Reaches the server's files, programs or network.
    ReachesOut,
    /// Stops the server, or others' work on it.
    Stops,
    /// Shows passwords or keys.
    ShowsSecret(String),
    /// Runs a text as SQL.
    Runs(String),
    /// Holds more statements within itself than are looked at.
    TooComplex,
}

/// Things whose drop takes data along.
#[rustfmt::skip]
const HOLDS_DATA: &[&str] = &[
    "TABLE", "COLLECTION", "TABLESPACE", "OWNED", "USER", "ROLE", "LOGIN", "VOLUME", "STAGE", "TYPE", "BUCKET",
    "DATASET", "STREAM", "TOPIC", "FAMILY", "PARTITION",
];
/// Things that can be made again, but that others rely on.
#[rustfmt::skip]
const SUPPORTS: &[&str] = &[
    "VIEW", "MATERIALIZED", "FUNCTION", "PROCEDURE", "TRIGGER", "POLICY", "SEQUENCE", "PUBLICATION", "SUBSCRIPTION",
    "EXTENSION", "SERVER", "WAREHOUSE", "TASK", "AGGREGATE", "DOMAIN", "RULE", "EVENT", "PACKAGE", "SYNONYM",
    "ROUTINE", "CONSTRAINT", "FOREIGN", "EXTERNAL", "INDEX",
];
const DATABASES: &[&str] = &[
    "DATABASE",
    "SCHEMA",
    "KEYSPACE",
    "CATALOG",
    "NAMESPACE",
    "GRAPH",
];

/// Tables and views of passwords.
#[rustfmt::skip]
const SECRETS: &[&str] = &[
    "pg_authid", "pg_shadow", "pg_catalog.pg_authid", "pg_catalog.pg_shadow", "mysql.user", "mysql.global_priv",
    "vault.decrypted_secrets", "vault.secrets", "sys.sql_logins", "sys.user$", "dba_users", "auth.refresh_tokens",
];

/// What the statement `tokens` does.
pub(super) fn acts(tokens: &[Token<'_>]) -> Vec<Act> {
    let mut found = Vec::new();
    let Some(tokens) = without_head(tokens) else {
        return found;
    };
    let Some(first) = tokens.first() else {
        return found;
    };
    if first.is_any(&["GRANT", "REVOKE", "CREATE", "ALTER"]) && grants(tokens) {
        found.push(Act::Grants);
    }
    if reaches_out(tokens) {
        found.push(Act::ReachesOut);
    }
    if stops(tokens) {
        found.push(Act::Stops);
    }
    runs(tokens, &mut found);
    if let Some(act) = drops(tokens) {
        found.push(act);
    } else if !first.is_any(&[
        "CREATE", "GRANT", "REVOKE", "COMMENT", "ALTER", "SHOW", "DESCRIBE", "DESC", "HELP",
    ]) {
        within(tokens, &mut found);
    }
    for pair in tokens.windows(2) {
        if pair[0].is_any(&["FROM", "JOIN", "INTO", "UPDATE"])
            && let Some(name) = pair[1].name()
            && SECRETS.iter().any(|known| name.eq_ignore_ascii_case(known))
        {
            found.push(Act::ShowsSecret(name.to_owned()));
        }
    }
    found
}

/// The statement without what only leads to it; none if it is only explained.
fn without_head<'t, 'a>(mut tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    loop {
        tokens = match tokens {
            [Token::Mark('('), rest @ ..] => rest,
            [explain, rest @ ..] if explain.is("EXPLAIN") => {
                let options = rest.iter().take_while(|token| {
                    matches!(token, Token::Mark(_))
                        || token.is_any(&[
                            "ANALYZE", "ANALYSE", "VERBOSE", "BUFFERS", "FORMAT", "JSON", "COSTS",
                            "ON", "OFF", "TRUE", "FALSE", "TEXT", "YAML", "WAL", "TIMING",
                            "SUMMARY", "SETTINGS",
                        ])
                });
                let options = options.count();
                if !rest[..options]
                    .iter()
                    .any(|token| token.is_any(&["ANALYZE", "ANALYSE"]))
                {
                    return None;
                }
                &rest[options..]
            }
            [begin, rest @ ..] if begin.is("BEGIN") && rest.len() > 1 => {
                let more = rest
                    .iter()
                    .take_while(|token| token.is_any(&["TRAN", "TRANSACTION", "WORK"]))
                    .count();
                &rest[more..]
            }
            [prepare, _, by, rest @ ..] if prepare.is("PREPARE") && by.is("AS") => rest,
            [go, rest @ ..] if go.is_any(&["GO", "ELSE", "THEN", "LOOP"]) && !rest.is_empty() => {
                rest
            }
            _ => return Some(tokens),
        };
    }
}

/// What a drop, a truncation, a deletion or an update at the start does.
fn drops(tokens: &[Token<'_>]) -> Option<Act> {
    let (first, rest) = tokens.split_first()?;
    if first.is("DROP") {
        return dropped(rest);
    }
    if first.is("TRUNCATE") {
        let called = matches!(rest.first(), Some(Token::Mark('(')));
        return (!called).then(|| Act::Drops(target(rest), "table"));
    }
    if first.is("DELETE") && !rest.is_empty() {
        return every_row(rest, false);
    }
    if first.is("UPDATE") && rest.iter().any(|token| token.is("SET")) {
        return every_row(rest, true);
    }
    if first.is("ALTER") {
        return altered(rest);
    }
    if first.is("REMOVE")
        && rest
            .first()
            .is_some_and(|kind| kind.is_any(&["TABLE", "DATABASE", "NAMESPACE"]))
    {
        return Some(Act::Drops(target(rest), "table"));
    }
    if first.is("MERGE") {
        let at = rest.iter().position(|token| token.is("ON"))?;
        let until = rest[at..].iter().position(|token| token.is("WHEN"))? + at;
        let deletes = rest
            .windows(2)
            .any(|pair| pair[0].is("THEN") && pair[1].is("DELETE"));
        return (deletes && condition::always(&rest[at + 1..until], ""))
            .then(|| Act::Drops(target(rest), "every_row"));
    }
    if first.is("RESET")
        && rest
            .first()
            .is_some_and(|what| what.is_any(&["MASTER", "REPLICATION", "BINARY"]))
        || first.is("PURGE")
            && rest.first().is_some_and(|what| {
                what.is_any(&["BINARY", "MASTER", "RECYCLEBIN", "TABLE", "DBA_RECYCLEBIN"])
            })
        || first.is("FLASHBACK")
        || first.is("RESTORE") && rest.iter().any(|token| token.is("REPLACE"))
    {
        return Some(Act::Drops("the database".to_owned(), "reset"));
    }
    None
}

fn dropped(rest: &[Token<'_>]) -> Option<Act> {
    let kind = rest
        .iter()
        .find(|token| !token.is_any(&["GLOBAL", "LOCAL", "PUBLIC", "EXTERNAL"]))?;
    // A table of this session only.
    if kind.is_any(&["TEMPORARY", "TEMP", "PREPARE"]) {
        return None;
    }
    let manner = if kind.is_any(DATABASES) {
        "database"
    } else if kind.is_any(HOLDS_DATA) {
        "table"
    } else if kind.is_any(SUPPORTS) {
        "object"
    } else {
        return None;
    };
    Some(Act::Drops(target(&rest[1..]), manner))
}

/// The name that a statement is about.
fn target(tokens: &[Token<'_>]) -> String {
    let skipped = [
        "IF",
        "EXISTS",
        "TABLE",
        "ONLY",
        "FROM",
        "INTO",
        "BY",
        "VIEW",
        "DATABASE",
        "LOW_PRIORITY",
        "QUICK",
        "IGNORE",
        "CONCURRENTLY",
        "ROW",
        "ACCESS",
    ];
    let mut name = String::new();
    for token in tokens.iter().skip_while(|token| token.is_any(&skipped)) {
        // `"app"."users"`: the dot belongs to either side.
        match token.name() {
            Some(part) if name.is_empty() || name.ends_with('.') || part.starts_with('.') => {
                name.push_str(part);
            }
            _ => break,
        }
    }
    name
}

/// A deletion or update of every row.
fn every_row(rest: &[Token<'_>], update: bool) -> Option<Act> {
    let mut depth = 0usize;
    let mut place = None;
    let mut end = rest.len();
    for (at, token) in rest.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') if depth == 0 => {
                end = at;
                break;
            }
            Token::Mark(')') => depth -= 1,
            _ if depth > 0 => {}
            _ if token.is("WHERE") && place.is_none() => place = Some(at),
            _ if token.is_any(&["LIMIT", "FETCH"]) => return None,
            _ if token.is_any(&["RETURNING", "ORDER", "OUTPUT", "OPTION"]) && place.is_some() => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let table = target(rest);
    if table.is_empty() || update && rest.first().is_some_and(|token| token.is("STATISTICS")) {
        return None;
    }
    if rest
        .first()
        .is_some_and(|token| token.is_any(&["TOP", "STATISTICS"]))
    {
        return None;
    }
    let all = place.is_none_or(|at| condition::always(&rest[at + 1..end], &table));
    all.then_some(Act::Drops(table, "every_row"))
}

fn altered(rest: &[Token<'_>]) -> Option<Act> {
    let (kind, rest) = rest.split_first()?;
    if !kind.is_any(&["TABLE", "FOREIGN", "KEYSPACE", "DATABASE", "STREAM"]) {
        return None;
    }
    let plain = [
        "CONSTRAINT",
        "INDEX",
        "DEFAULT",
        "NOT",
        "KEY",
        "FOREIGN",
        "PRIMARY",
        "CHECK",
        "IDENTITY",
        "EXPRESSION",
    ];
    for (at, pair) in rest.windows(2).enumerate() {
        // ClickHouse: `ALTER TABLE t DELETE WHERE 1`.
        let whole = pair[0].is_any(&["DELETE", "UPDATE"])
            && pair[1..]
                .iter()
                .chain(&rest[at + 2..])
                .any(|token| token.is("WHERE"))
            && rest[at..]
                .iter()
                .position(|token| token.is("WHERE"))
                .is_some_and(|place| condition::always(&rest[at + place + 1..], ""));
        let drops = pair[0].is("DROP") && !pair[1].is_any(&plain) && pair[1].name().is_some();
        let opens = pair[0].is("DISABLE") && pair[1].is_any(&["TRIGGER", "ROW", "RULE"])
            || pair[0].is("NO") && pair[1].is("FORCE");
        let apart = pair[0].is_any(&["DETACH", "TRUNCATE"]) && pair[1].is("PARTITION");
        if whole || drops || opens || apart {
            let manner = if opens { "object" } else { "column" };
            return Some(Act::Drops(target(rest), manner));
        }
    }
    None
}

/// Statements within a statement: those of common table expressions, blocks and batches without semicolons.
fn within(tokens: &[Token<'_>], found: &mut Vec<Act>) {
    let mut looked = 0;
    let merges = tokens.first().is_some_and(|first| first.is("MERGE"));
    for at in 1..tokens.len() {
        let rest = &tokens[at..];
        let starts = match rest {
            [drop, kind, ..] if drop.is("DROP") => {
                kind.is_any(DATABASES) || kind.is_any(HOLDS_DATA)
            }
            [truncate, table, ..] if truncate.is("TRUNCATE") => table.is("TABLE"),
            [delete, from, ..] if delete.is("DELETE") => from.is("FROM"),
            [update, name, more @ ..] if update.is("UPDATE") && !merges => {
                name.name().is_some()
                    && !name.is("SET")
                    && more.iter().take(6).any(|token| token.is("SET"))
                    && !tokens[at - 1].is_any(&["FOR", "DO", "KEY", "ON", "OR"])
            }
            _ => false,
        };
        let listed = tokens[at - 1] == Token::Mark(',') || tokens[at - 1].is("SELECT");
        let mentioned = listed
            || tokens[at - 1].is_any(&["ON", "BEFORE", "AFTER", "OF", "AS"])
                && !rest[0].is("DROP")
                && !tokens[at - 1].is("AS");
        if starts && !mentioned {
            found.extend(drops(rest));
            looked += 1;
            if looked > MAX_WITHIN {
                found.push(Act::TooComplex);
                return;
            }
        }
    }
}

/// How many statements within one statement are looked at: each is read to its end.
const MAX_WITHIN: usize = 32;

/// Texts that are run as SQL, and procedures whose name says that they drop.
fn runs(tokens: &[Token<'_>], found: &mut Vec<Act>) {
    let Some(first) = tokens.first() else {
        return;
    };
    let dynamic = first.is_any(&[
        "EXEC", "EXECUTE", "DO", "PREPARE", "SET", "DECLARE", "CALL", "BEGIN", "IF",
    ]);
    let definition = first.is("CREATE");
    for (at, token) in tokens.iter().enumerate() {
        let Token::Text(text) = token else {
            continue;
        };
        let after = at.checked_sub(1).map(|at| &tokens[at]);
        let executed = !definition
            && after.is_some_and(|after| after.is_any(&["EXECUTE", "IMMEDIATE", "EXEC"]));
        if dynamic && text.len() > 6 || executed {
            found.push(Act::Runs(text.replace("''", "'")));
        }
    }
    // `SELECT drop_chunks(…)`, `CALL drop_everything()`.
    if first.is_any(&["SELECT", "CALL", "EXEC", "EXECUTE", "PERFORM"]) {
        for pair in tokens.windows(2) {
            let Some(name) = pair[0].name().filter(|_| pair[1] == Token::Mark('(')) else {
                continue;
            };
            let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
            let verb = name.split('_').next().unwrap_or_default();
            if name.contains('_')
                && matches!(
                    verb,
                    "drop" | "truncate" | "wipe" | "purge" | "destroy" | "reset"
                )
                && !name.starts_with("reset_val")
            {
                found.push(Act::Drops(name, "object"));
            }
        }
    }
}
