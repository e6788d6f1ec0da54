//! Statements that give power over the database away, leave it for its machine, or stop it.
//!
//! Not in scope: what drops or changes data (`statement`).

use super::token::Token;

/// Functions and procedures that leave the database.
#[rustfmt::skip]
const OUTSIDE: &[&str] = &[
    "pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_stat_file", "lo_import", "lo_export", "load_file",
    "dblink", "dblink_connect", "dblink_exec", "sys_exec", "sys_eval", "xp_cmdshell", "xp_regwrite", "xp_dirtree",
    "sp_oacreate", "sp_configure", "openrowset", "opendatasource", "load_extension", "writefile", "readfile", "edit",
    "http_get", "http_post", "utl_http.request", "utl_file.fopen", "dbms_scheduler.create_job",
    "pg_execute_server_program", "pg_write_file", "pg_file_write", "url", "system",
];

/// Whether a statement gives or takes all rights, a role, or the power over everything. Single rights on single things are
/// everyday work.
pub(super) fn grants(tokens: &[Token<'_>]) -> bool {
    let any = |words: &[&str]| tokens.iter().any(|token| token.is_any(words));
    let pair = |a: &str, b: &str| tokens.windows(2).any(|pair| pair[0].is(a) && pair[1].is(b));
    match tokens {
        [grant, rest @ ..] if grant.is("GRANT") => {
            rest.first()
                .is_some_and(|what| what.is_any(&["ALL", "SUPER", "FILE", "PROXY"]))
                || !any(&["ON"])
                || pair("TO", "PUBLIC")
                || pair("GRANT", "OPTION")
        }
        [revoke, all, ..] if revoke.is("REVOKE") => all.is("ALL"),
        [_, kind, rest @ ..] if kind.is_any(&["ROLE", "USER", "LOGIN", "GROUP"]) => {
            let powers = [
                "SUPERUSER",
                "CREATEROLE",
                "BYPASSRLS",
                "REPLICATION",
                "SYSADMIN",
            ];
            any(&powers)
                || tokens[0].is("ALTER")
                    && (rest
                        .iter()
                        .any(|token| token.is_any(&["PASSWORD", "IDENTIFIED", "OWNER"])))
        }
        [alter, kind, ..] if alter.is("ALTER") && kind.is_any(&["DATABASE", "SCHEMA", "TABLE"]) => {
            pair("OWNER", "TO")
        }
        [alter, kind, ..] if alter.is("ALTER") => {
            kind.is("SYSTEM") || kind.is("SERVER") && any(&["ROLE"])
        }
        _ => false,
    }
}

/// Whether a statement runs a program on the database's machine, or reads or writes that machine's files.
pub(super) fn reaches_out(tokens: &[Token<'_>]) -> bool {
    let pair = |first: &[&str], second: &[&str]| {
        tokens
            .windows(2)
            .any(|pair| pair[0].is_any(first) && pair[1].is_any(second))
    };
    let Some(verb) = tokens.first() else {
        return false;
    };
    // `COPY t TO STDOUT` and `\copy t to 'file'` stay with the client.
    if verb.is("COPY") || verb.is("\\COPY") {
        let file = tokens
            .windows(2)
            .any(|pair| pair[0].is_any(&["TO", "FROM"]) && matches!(pair[1], Token::Text(_)));
        return pair(&["TO", "FROM"], &["PROGRAM"]) || file && verb.is("COPY");
    }
    if verb.is("LOAD") {
        return pair(&["DATA", "LOCAL", "XML"], &["INFILE"]);
    }
    if verb.is("CREATE") {
        let language = pair(
            &["LANGUAGE", "EXTENSION", "EXISTS"],
            &[
                "plpythonu",
                "plpython3u",
                "plpython2u",
                "plperlu",
                "pltclu",
                "c",
                "dblink",
                "file_fdw",
                "adminpack",
            ],
        );
        return language || tokens.iter().any(|token| token.is("SONAME"));
    }
    let called = tokens.iter().enumerate().any(|(at, token)| {
        let Some(name) = token.name() else {
            return false;
        };
        let own = name
            .rsplit('.')
            .find(|part| !part.is_empty())
            .unwrap_or(name);
        let known = OUTSIDE
            .iter()
            .any(|known| own.eq_ignore_ascii_case(known) || name.eq_ignore_ascii_case(known));
        let runs = matches!(tokens.get(at + 1), Some(Token::Mark('(')))
            || at > 0 && tokens[at - 1].is_any(&["EXEC", "EXECUTE", "CALL"])
            || at == 0 && own.len() > 5;
        known && runs
    });
    called
        || pair(&["INTO"], &["OUTFILE", "DUMPFILE"])
        || verb.is("PRAGMA")
            && tokens
                .iter()
                .any(|token| token.is_any(&["writable_schema", "trusted_schema"]))
}

pub(super) fn stops(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [shutdown, ..] if shutdown.is("SHUTDOWN") => true,
        [kill, Token::Number(_), ..] if kill.is("KILL") => true,
        [kill, what, ..] if kill.is("KILL") => what.is_any(&["CONNECTION", "QUERY", "MUTATION"]),
        [select, ..] if select.is("SELECT") => tokens.iter().any(|token| {
            token.is_any(&[
                "pg_terminate_backend",
                "pg_drop_replication_slot",
                "pg_reload_conf",
                "pg_rotate_logfile",
            ])
        }),
        [alter, system, ..] => {
            alter.is("ALTER") && system.is("SYSTEM") && tokens.iter().any(|token| token.is("KILL"))
        }
        _ => false,
    }
}
