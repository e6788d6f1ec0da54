//! Administration of databases, stores and brokers, and of the tools that migrate databases: what drops, empties or resets.
//!
//! Not in scope: statements that clients are given (`database`), clouds (`cloud`).

use super::{args::Call, tree};
use crate::{
    effect::{Effect, EffectKind},
    shell::{Shell, flow::Flow},
    verbs::{self, Doing},
};

/// Programs whose subcommands say what they take away.
#[rustfmt::skip]
const ADMINS: &[&str] = &[
    "arangosh", "barman", "cockroach", "consul", "couchbase-cli", "etcdctl", "hasura", "influx", "influxd", "nats",
    "neo4j-admin", "nodetool", "pgbackrest", "pulsar-admin", "rabbitmqadmin", "rabbitmqctl", "rpk", "vtctldclient",
    "vtctlclient", "wal-g", "ybadmin", "yugabyted", "zkCli.sh", "zkCli", "tiup", "curator", "curator_cli",
    "rethinkdb", "surreal", "clickhouse-backup", "mongocli", "atlascli", "confluent", "temporal", "tctl", "weaviate",
    "milvus_cli", "solr", "bin/solr", "nomad-pack", "patronictl", "repmgr", "pg_autoctl",
];

/// Tools that migrate databases, and the goals of build tools that start them.
#[rustfmt::skip]
const MIGRATORS: &[&str] = &[
    "alembic", "artisan", "atlas", "console", "dbmate", "diesel", "django-admin", "doctrine", "dotnet", "dotnet-ef",
    "drizzle-kit", "ecto", "flask", "flyway", "goose", "knex", "laravel", "liquibase", "manage.py", "migrate", "mix",
    "mikro-orm", "phinx", "prisma", "rails", "rake", "sea", "sea-orm-cli", "sequelize", "sequelize-cli",
    "sql-migrate", "sqlx", "typeorm", "typeorm-ts-node-commonjs", "typeorm-ts-node-esm", "tern", "yii", "bin/rails",
    "refinery", "node-pg-migrate", "db-migrate", "ash", "hanami", "lucky", "adonis", "ace", "payload", "directus",
    "strapi",
];
/// Build tools that start a migrator by a goal of its name: `mvn flyway:clean`, `gradlew flywayClean`.
const BUILDERS: &[&str] = &["mvn", "mvnw", "gradle", "gradlew", "sbt"];

/// Whether `name` is a tool that migrates databases.
pub(super) fn migrator(name: &str) -> bool {
    MIGRATORS.contains(&name)
}

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    let name = call.name;
    let found = if ADMINS.contains(&name) {
        admin(call)
    } else if name.starts_with("kafka-") || name.ends_with("-topics.sh") {
        kafka(call)
    } else if MIGRATORS.contains(&name) {
        code(shell, call);
        migrates(shell, call)
    } else if BUILDERS.contains(&name) {
        let goals = call.operands(&["-f", "-p", "-s"]);
        let goal = goals.iter().find(|goal| {
            let words = verbs::words(&goal.text);
            let migrator = words
                .iter()
                .any(|word| matches!(word.as_str(), "flyway" | "liquibase"));
            migrator && (drops(&words) || words.iter().any(|word| word == "clean"))
        });
        // A build that touches no database is none of ours.
        goal.map(|goal| (goal.text.clone(), "reset"))?.into()
    } else {
        files(call)?
    };
    if let Some((target, manner)) = found {
        shell.emit(
            Effect::new(EffectKind::DropDatabase, target)
                .manner(manner)
                .forced(tree::forced(call))
                .program(name),
        );
    }
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    Some(flow)
}

type Found = Option<(String, &'static str)>;

fn admin(call: &Call<'_>) -> Found {
    let path = tree::path(call);
    let shown = || path.iter().take(4).copied().collect::<Vec<_>>().join(" ");
    match (call.name, path.as_slice()) {
        // One key by name is one row.
        ("etcdctl", ["del", ..]) => call
            .any(&["--prefix", "--from-key"])
            .then(|| ("every key".to_owned(), "database")),
        ("consul", ["kv", "delete", ..]) => call
            .any(&["-recurse", "--recurse"])
            .then(|| ("every key".to_owned(), "database")),
        ("wal-g", ["delete", "everything", ..]) => Some((shown(), "database")),
        ("wal-g", ["delete", ..]) => call.word("--confirm").then(|| (shown(), "database")),
        ("rabbitmqctl", ["stop_app" | "stop" | "shutdown", ..]) => Some((shown(), "reset")),
        ("arangosh", _) => call
            .joined()
            .contains("_drop")
            .then(|| ("the database".to_owned(), "database")),
        ("influx", ["delete", ..]) => Some(("a bucket".to_owned(), "table")),
        ("influx" | "surreal" | "cockroach", ["sql" | "v1" | "query", ..]) => None,
        ("zkCli.sh" | "zkCli", words) => words
            .iter()
            .any(|word| matches!(*word, "deleteall" | "rmr" | "delete"))
            .then(|| (shown(), "database")),
        _ => match tree::branch(call)?.doing {
            Doing::Destroys | Doing::Removes => Some((shown(), "table")),
            _ => None,
        },
    }
}

fn kafka(call: &Call<'_>) -> Found {
    let text = call.joined();
    let harmful = call.word("--delete")
        || call.name.starts_with("kafka-delete")
        || call.word("--reset-offsets") && call.word("--execute")
        || text.contains("--delete-offsets");
    let topic = call.values(&["--topic", "--group"]);
    harmful.then(|| {
        (
            topic
                .first()
                .map_or("topics".to_owned(), |topic| topic.text.clone()),
            "table",
        )
    })
}

/// Whether words say that tables go: `db:drop`, `migrate:fresh`, `dropAll`, `schema:drop`.
fn drops(words: &[String]) -> bool {
    for word in words {
        match word.as_str() {
            "make" | "generate" | "new" | "create" | "add" | "revision" | "status" | "diff"
            | "dump" | "list" | "test" | "history" | "current" | "info" | "show" | "seed"
            | "run" | "up" | "check" | "heads" | "stamp" | "install" | "g" => return false,
            "drop" | "fresh" | "wipe" | "truncate" | "purge" | "reset" | "flush" | "dropall"
            | "zap" => return true,
            _ => {}
        }
    }
    false
}

fn migrates(shell: &Shell<'_>, call: &Call<'_>) -> Found {
    let text = call.joined();
    let mut path: Vec<&str> = tree::path(call);
    // `python manage.py migrate`: the script's own name.
    if path
        .first()
        .is_some_and(|script| script.ends_with(call.name))
    {
        path.remove(0);
    }
    let tries = [
        "RAILS_ENV",
        "RACK_ENV",
        "NODE_ENV",
        "MIX_ENV",
        "APP_ENV",
        "FLASK_ENV",
    ]
    .iter()
    .any(|name| {
        shell
            .scope
            .variables
            .get(*name)
            .is_some_and(|value| matches!(value.text.as_deref(), Some("test" | "testing")))
    });
    if tries || tree::rehearsed(call) || path.is_empty() {
        return None;
    }
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let whole = says(&[
        "schema:load",
        "force-reset",
        "accept-data-loss",
        "downgrade base",
        "down -all",
        "down --all",
        "--full-database",
        "db:structure:load",
        "rollback --all",
        "migrate:undo:all",
        "db:seed:replant",
        "db:setup",
        "rollback-to-tag",
        "dropAll",
        "drop-all",
        "db:test:purge_all",
    ]) || path.first() == Some(&"migrate") && path.last() == Some(&"zero")
        || call.name == "flyway" && path.contains(&"clean")
        || call.name == "drizzle-kit" && path.contains(&"push") && call.word("--force")
        || call.name == "atlas" && path.starts_with(&["schema", "clean"])
        || call.name == "liquibase"
            && says(&["rollback-count", "rollback-to-date", "rollbackCount"])
        || call.name == "manage.py"
            && matches!(
                path.first(),
                Some(&("flush" | "sqlflush" | "reset_db" | "reset_schema" | "drop_test_database"))
            )
        || call.name == "alembic"
            && path.starts_with(&["downgrade"])
            && path.get(1).is_some_and(|to| *to == "base");
    let test_only = says(&["db:test:"]);
    let worded = path
        .iter()
        .take_while(|word| !word.contains(['/', '=']))
        .take(4)
        .any(|word| {
            let words = verbs::words(word);
            if words.len() == 1
                && matches!(
                    words[0].as_str(),
                    "new" | "generate" | "make" | "add" | "create" | "revision" | "g" | "runner"
                )
            {
                return false;
            }
            drops(&words)
        });
    // `migrate add drop_users`: what follows is a name.
    let names = path.iter().take(3).any(|word| {
        verbs::words(word).iter().any(|word| {
            matches!(
                word.as_str(),
                "add" | "make" | "generate" | "new" | "revision" | "g"
            )
        })
    });
    (whole || worded && !names && !test_only)
        .then(|| ("the application's database".to_owned(), "reset"))
}

/// `rails runner 'User.delete_all'`: what the application is told to do with its own models.
fn code(shell: &mut Shell<'_>, call: &Call<'_>) {
    let runs = matches!(
        call.operand(0),
        "runner" | "r" | "shell" | "shell_plus" | "tinker" | "eval" | "run" | "dbshell"
    );
    if !runs {
        return;
    }
    let text = call.joined();
    let everything = [
        ".delete_all",
        ".destroy_all",
        ".objects.all().delete()",
        "::truncate()",
        "Repo.delete_all",
        ".truncate(",
        "drop_table",
        "drop_all",
        "::query()->delete()",
        "DB::table",
        "connection.execute",
    ];
    if everything.iter().any(|word| text.contains(word))
        && !text.contains("where")
        && !text.contains("filter")
    {
        shell.emit(
            Effect::new(EffectKind::DropDatabase, "the application's models")
                .manner("every_row")
                .program(call.name),
        );
    }
    for arg in call.args {
        if crate::sql::looks_like_sql(&arg.text) {
            crate::sql::read(shell, &arg.text, call.name);
        }
    }
}

/// Programs that come with a database and do one thing each. None: not one of them.
fn files(call: &Call<'_>) -> Option<Found> {
    let text = call.joined();
    let last = || {
        call.operands(&["-h", "-p", "-U", "-D", "-u", "-P"])
            .last()
            .map_or(String::new(), |field| field.text.clone())
    };
    Some(match call.name {
        "dropdb" => (!call.any(&["--help"]) && !scratch(&last())).then(|| (last(), "database")),
        "dropuser" => Some((last(), "table")),
        "createuser" => call.has('s', "superuser").then(|| (last(), "reset")),
        "pg_resetwal" | "pg_resetxlog" => (!call.has('n', "dry-run")).then(|| (last(), "database")),
        "pg_dropcluster" => Some((last(), "database")),
        // A server in a directory of the task's own is stopped as it was started.
        "pg_ctl" | "pg_ctlcluster" => (text.contains("stop") && !own_directory(call))
            .then(|| ("the server".to_owned(), "reset")),
        "pg_restore" => call
            .has('c', "clean")
            .then(|| ("what the dump replaces".to_owned(), "reset")),
        "mysqladmin" | "mariadb-admin" => {
            if text.contains("drop ") {
                Some((last(), "database"))
            } else {
                text.contains("shutdown")
                    .then(|| ("the server".to_owned(), "reset"))
            }
        }
        "mongorestore" => call
            .word("--drop")
            .then(|| ("what the dump replaces".to_owned(), "reset")),
        "hdfs" | "hadoop" => {
            (text.contains("-rm") || text.contains("-expunge") || text.contains("-format"))
                .then(|| (last(), "table"))
        }
        _ => return None,
    })
}

/// Whether a server's data lie in a temporary directory or below the working directory.
fn own_directory(call: &Call<'_>) -> bool {
    let directories = call.values(&["-D", "--pgdata"]);
    !directories.is_empty()
        && directories.iter().all(|field| {
            let text = field.text.as_str();
            field.is_known()
                && !text.contains("..")
                && (text.starts_with("/tmp/") || !text.starts_with(['/', '~']))
        })
}

/// Databases that are made for tests.
fn scratch(name: &str) -> bool {
    verbs::words(name).iter().any(|word| {
        matches!(
            word.as_str(),
            "test" | "tests" | "testing" | "tmp" | "temp" | "scratch" | "ci" | "bench"
        )
    })
}
