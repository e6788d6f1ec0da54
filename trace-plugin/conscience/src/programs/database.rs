//! Database clients: the statements they are given on the line, on standard input or in a file of the same text.

use super::{args::Call, files::bulk};
use crate::{
    effect::{Effect, EffectKind},
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    sql,
};

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    let name = call.name;
    let drop = |shell: &mut Shell<'_>, target: &str, manner: &'static str| {
        shell.emit(
            Effect::new(EffectKind::DropDatabase, target)
                .manner(manner)
                .program(name),
        );
    };
    match name {
        "psql" | "mysql" | "mariadb" | "sqlite3" | "sqlite" | "sqlcmd" | "duckdb"
        | "clickhouse-client" | "cockroach" | "usql" | "cqlsh" | "snowsql" | "bq" | "sqlplus"
        | "pgcli" => {
            statements(shell, call);
        }
        "dropdb" => drop(
            shell,
            call.operands(&["-h", "-p", "-U"])
                .last()
                .map_or("", |field| field.text.as_str()),
            "database",
        ),
        "dropuser" => drop(shell, call.operand(0), "table"),
        "mysqladmin" if call.word("drop") => drop(
            shell,
            call.operands(&["-u", "-h", "-P"])
                .last()
                .map_or("", |field| field.text.as_str()),
            "database",
        ),
        "mongo" | "mongosh" | "mongod" => {
            let mut text = call.joined();
            text.push_str(call.stdin.text.as_deref().unwrap_or_default());
            if text.contains("dropDatabase") {
                drop(shell, "the database", "database");
            } else if text.contains(".drop()")
                || text.contains("deleteMany({})")
                || text.contains("remove({})")
            {
                drop(shell, "a collection", "table");
            }
        }
        "redis-cli" | "valkey-cli" => {
            let text = format!(
                "{} {}",
                call.joined(),
                call.stdin.text.as_deref().unwrap_or_default()
            )
            .to_ascii_uppercase();
            if text.contains("FLUSHALL") || text.contains("FLUSHDB") {
                drop(shell, "every key", "database");
            }
        }
        "rails" | "rake" | "artisan" | "prisma" | "sequelize" | "knex" | "typeorm" | "alembic"
        | "drizzle-kit" | "mix" | "manage.py" | "django-admin" | "diesel" | "sqlx" => {
            migrate(shell, call);
        }
        "pg_restore" if call.has('c', "clean") => drop(shell, "what the dump replaces", "reset"),
        "pg_dump" | "pg_dumpall" | "mysqldump" | "mongodump" | "mariadb-dump" | "sqlite3-dump" => {
            let files = call.values(&["-f", "--file", "-r", "--result-file"]);
            files
                .iter()
                .for_each(|file| shell.write(file, false, &bulk("a database"), name));
            return Some(bulk("a database"));
        }
        _ => return None,
    }
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    Some(flow)
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
    ]);
    if matches!(call.name, "sqlite3" | "sqlite" | "duckdb" | "bq") {
        let operands = call.operands(&["-cmd", "-separator", "-init"]);
        if let Some(file) = operands.first() {
            shell.read(file, call.name);
        }
        texts.extend(operands.into_iter().skip(1).cloned());
    }
    if let Some(text) = &call.stdin.text {
        texts.push(Field::known(text.clone()));
    }
    for file in call.values(&["-f", "--file", "-i"]) {
        if let Some(text) = shell.script(&file).and_then(|flow| flow.text) {
            texts.push(Field::known(text));
        }
    }
    for text in texts {
        sql::read(shell, &text.text, call.name);
    }
}

/// Migration tools that empty or rebuild a database.
fn migrate(shell: &mut Shell<'_>, call: &Call<'_>) {
    let text = call.joined();
    let harmful = [
        "db:drop",
        "db:reset",
        "db:purge",
        "db:schema:load",
        "migrate:fresh",
        "migrate:reset",
        "db:wipe",
        "migrate reset",
        "db push --force-reset",
        "db:drop:all",
        "downgrade base",
        "rollback --all",
        "ecto.drop",
        "ecto.reset",
        "flush",
        "reset_db",
        "schema:drop",
        "database drop",
        "database reset",
    ]
    .iter()
    .any(|word| text.contains(word));
    if harmful {
        shell.emit(
            Effect::new(EffectKind::DropDatabase, "the application's database")
                .manner("reset")
                .program(call.name),
        );
    }
}
