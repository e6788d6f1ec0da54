//! Database clients: the statements they are given on the line, on standard input or in a file of the same text.
//!
//! Not in scope: what statements do (`sql`), the administration of databases and migrations (`brokers`).

use super::{args::Call, brokers, files::bulk};
use crate::{
    effect::{Effect, EffectKind},
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    sql,
};

/// Clients that read SQL, or what is like it.
#[rustfmt::skip]
const CLIENTS: &[&str] = &[
    "psql", "mysql", "mariadb", "sqlite3", "sqlite", "sqlcmd", "duckdb", "clickhouse-client", "clickhouse",
    "clickhouse-local", "cockroach", "usql", "cqlsh", "snowsql", "snow", "bq", "sqlplus", "sqlcl", "pgcli", "mycli",
    "litecli", "ysqlsh", "ycqlsh", "trino", "presto", "presto-cli", "beeline", "hive", "impala-shell", "spark-sql",
    "surreal", "influx", "isql", "isql-fb", "tsql", "mssql-cli", "vsql", "nzsql", "db2", "hdbsql", "sqlline",
    "athenacli", "turso", "libsql", "dolt", "iredis-sql", "osqueryi", "tidb", "mysqlsh", "hbase", "databricks",
];
/// Clients whose plain operands are statements.
const BY_OPERAND: &[&str] = &[
    "sqlite3", "sqlite", "duckdb", "bq", "db2", "surreal", "dolt", "turso", "snow",
];
const KEY_VALUE: &[&str] = &[
    "redis-cli",
    "valkey-cli",
    "keydb-cli",
    "iredis",
    "dragonfly-cli",
    "kvrocks-cli",
];

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    let name = call.name;
    if CLIENTS.contains(&name) {
        statements(shell, call);
        // `cockroach node decommission`, `influx bucket delete`, `bq rm`
        if brokers::read(shell, call).is_none() && name == "bq" && tree_removes(call) {
            dropped(shell, name, "a table or data set", "table");
        }
    } else if KEY_VALUE.contains(&name) {
        keys(shell, call);
    } else if matches!(name, "mongo" | "mongosh" | "mongod") {
        documents(shell, call);
    } else if name == "cypher-shell" {
        if sql::empties_graph(&given(call)) {
            dropped(shell, name, "the graph", "database");
        }
    } else {
        match name {
            "pg_dump" | "pg_dumpall" | "mysqldump" | "mongodump" | "mariadb-dump"
            | "sqlite3-dump" => {
                let files = call.values(&["-f", "--file", "-r", "--result-file"]);
                files
                    .iter()
                    .for_each(|file| shell.write(file, false, &bulk("a database"), name));
                return Some(bulk("a database"));
            }
            _ => return brokers::read(shell, call),
        }
    }
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    Some(flow)
}

fn dropped(shell: &mut Shell<'_>, program: &str, target: &str, manner: &'static str) {
    shell.emit(
        Effect::new(EffectKind::DropDatabase, target)
            .manner(manner)
            .program(program),
    );
}

fn tree_removes(call: &Call<'_>) -> bool {
    matches!(call.operand(0), "rm" | "truncate") && !call.word("--help")
}

/// What a client is given to run, on the line and on standard input.
fn given(call: &Call<'_>) -> String {
    let mut text = call.joined();
    if let Some(stdin) = &call.stdin.text {
        text.push('\n');
        text.push_str(stdin);
    }
    text
}

fn statements(shell: &mut Shell<'_>, call: &Call<'_>) {
    let mut texts: Vec<Field> = call.values(&[
        "-c",
        "-e",
        "-Q",
        "-q",
        "--command",
        "--execute",
        "--query",
        "-cmd",
        "--sql",
        "--eval",
        "-execute",
        "--statement",
        "-x",
        "--execute-string",
        "--commands",
    ]);
    texts.extend(clustered(call));
    if BY_OPERAND.contains(&call.name) {
        let operands = call.operands(&["-cmd", "-separator", "-init"]);
        if matches!(call.name, "sqlite3" | "sqlite" | "duckdb")
            && let Some(file) = operands.first()
        {
            shell.read(file, call.name);
        }
        texts.extend(operands.into_iter().skip(1).cloned());
    }
    // `--multiquery "DROP …"`, `-S db "DROP …"`: what reads like a statement is one.
    texts.extend(
        call.args
            .iter()
            .filter(|arg| arg.text.contains(char::is_whitespace) && sql::looks_like_sql(&arg.text))
            .cloned(),
    );
    if let Some(text) = &call.stdin.text {
        texts.push(Field::known(text.clone()));
    }
    for file in call.values(&["-f", "--file", "-i"]) {
        if let Some(text) = shell.script(&file).and_then(|flow| flow.text) {
            texts.push(Field::known(text));
        }
    }
    let mut statements = Vec::new();
    let text = given(call);
    if call.name == "hbase"
        && ["drop ", "drop_all", "truncate", "disable_all"]
            .iter()
            .any(|word| text.contains(word))
    {
        dropped(shell, call.name, "a table", "table");
    }
    for text in texts {
        if call.word("--dry_run") {
            continue;
        }
        // A database in memory goes with the command.
        if call.word(":memory:") && !text.text.contains(['\\', '.']) {
            continue;
        }
        if !statements.contains(&text.text) {
            sql::read(shell, &text.text, call.name);
            statements.push(text.text);
        }
    }
}

/// The value after a cluster of short options that ends with the one that takes it: `-tAc "…"`, `-Nse '…'`.
fn clustered(call: &Call<'_>) -> Vec<Field> {
    call.args
        .windows(2)
        .filter(|pair| {
            let text = pair[0].text.as_str();
            text.len() > 2
                && text.len() < 8
                && text.starts_with('-')
                && !text.starts_with("--")
                && text.ends_with(['c', 'e', 'q', 'Q'])
                && text[1..].bytes().all(|b| b.is_ascii_alphabetic())
        })
        .map(|pair| pair[1].clone())
        .collect()
}

/// Commands of a key-value store: those that empty it, rewrite its settings or hand it to another.
fn keys(shell: &mut Shell<'_>, call: &Call<'_>) {
    let values = [
        "-h",
        "-p",
        "-a",
        "-n",
        "-u",
        "-s",
        "--user",
        "--pass",
        "-r",
        "-i",
        "--pattern",
        "-x",
        "-t",
    ];
    let line: Vec<&str> = call
        .operands(&values)
        .iter()
        .map(|field| field.text.as_str())
        .collect();
    let mut lines = vec![line.join(" ")];
    lines.extend(
        call.stdin
            .text
            .iter()
            .flat_map(|text| text.lines().map(str::to_owned)),
    );
    for line in lines {
        let upper = line.to_ascii_uppercase();
        let words: Vec<&str> = upper.split_whitespace().collect();
        let whole = match words.as_slice() {
            [
                "FLUSHALL" | "FLUSHDB" | "SHUTDOWN" | "SLAVEOF" | "REPLICAOF" | "FAILOVER"
                | "SWAPDB",
                ..,
            ] => words.get(1) != Some(&"NO") || words[0] == "SHUTDOWN",
            ["CONFIG", "SET", key, ..] => matches!(
                *key,
                "DIR"
                    | "DBFILENAME"
                    | "REQUIREPASS"
                    | "PROTECTED-MODE"
                    | "SAVE"
                    | "APPENDONLY"
                    | "BIND"
                    | "MASTERAUTH"
                    | "ENABLE-DEBUG-COMMAND"
            ),
            ["DEBUG", what, ..] => matches!(
                *what,
                "SEGFAULT" | "PANIC" | "RELOAD" | "RESTART" | "CRASH-AND-RECOVER"
            ),
            ["MODULE", "LOAD", ..]
            | ["ACL", "DELUSER" | "SETUSER", ..]
            | ["SCRIPT" | "FUNCTION", "FLUSH", ..] => true,
            ["CLUSTER", "RESET" | "FLUSHSLOTS" | "FORGET", ..] | ["--CLUSTER", "DEL-NODE", ..] => {
                true
            }
            ["DEL" | "UNLINK", rest @ ..] => {
                rest.iter()
                    .any(|key| key.contains('*') || key.contains("$("))
                    || words.len() > 32
            }
            _ => upper.contains("CALL('FLUSH") || upper.contains("CALL(\"FLUSH"),
        };
        if whole {
            dropped(shell, call.name, "every key", "database");
        }
    }
}

/// A document store's shell, which is told in JavaScript.
fn documents(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text: String = given(call).split_whitespace().collect();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["dropDatabase(", "dropAllUsers", "dropUser(", "dropRole("]) {
        dropped(shell, call.name, "the database", "database");
    } else if says(&[
        ".drop(",
        "deleteMany({})",
        "deleteMany()",
        "remove({})",
        "remove()",
        ".dropIndexes(",
        "[c].drop",
        "renameCollection(",
    ]) {
        dropped(shell, call.name, "a collection", "table");
    } else if says(&["updateMany({},", "update({},"]) {
        dropped(shell, call.name, "a collection", "every_row");
    }
    if says(&[
        "shutdown:1",
        "shutdownServer(",
        "fsyncLock(",
        "rs.stepDown",
        "killOp(",
    ]) {
        shell.emit(
            Effect::new(EffectKind::DestroyService, "the database")
                .manner("stop")
                .program(call.name),
        );
    }
    let powers = says(&["createUser(", "grantRolesToUser(", "updateUser("])
        && says(&["\"root\"", "'root'", "AnyDatabase", "dbOwner"]);
    if powers {
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, "the database")
                .manner("database")
                .program(call.name),
        );
    }
}
