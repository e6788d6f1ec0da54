//! What Postgres does by itself with the rows of a run, 100 a statement and transaction, by as many connections as the edge
//! was sent to by, on an emptied table.
//!
//! Once as a client without an edge would send them, literally (`INSERT … VALUES`), and once from a table beside
//! (`INSERT … SELECT`), where Postgres reads neither text nor parameters: nobody can be faster than that.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use test_cluster::{Cluster, Programs};

use crate::command::Line;

/// Rates in traces/s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floors {
    /// Rows sent as text into the tables that the edge fills.
    pub(super) sent_to_tables: f64,
    /// Rows sent as text into a plain table with one index.
    pub(super) sent_to_plain: f64,
    /// Rows that are there already, into the tables that the edge fills.
    pub(super) copied_to_tables: f64,
    /// Rows that are there already, into a plain table with one index.
    pub(super) copied_to_plain: f64,
}

/// Measures all of them with the rows that `url` holds.
pub(super) fn measure(cluster: &Cluster, url: &str, connections: u32) -> Result<Floors> {
    let database = url.rsplit('/').next().context("a URL without a database")?;
    cluster.psql(
        database,
        "CREATE TABLE bench_rows AS SELECT * FROM public.traces; CREATE INDEX ON bench_rows (position); \
         CREATE TABLE bench_plain (LIKE bench_rows); CREATE INDEX ON bench_plain (trace_id); ANALYZE bench_rows",
    )?;
    let rows: f64 = cluster
        .psql(database, "SELECT count(*) FROM bench_rows")?
        .parse()?;
    let copied = copies(cluster, database)?;
    let sent = dump(url)?;
    let rate = |statements: &Statements, table: &str| -> Result<f64> {
        cluster.psql(database, &format!("TRUNCATE {table}; CHECKPOINT"))?;
        let seconds = insert(url, statements, connections, table)?;
        check(cluster, database, table, rows)?;
        Ok(rows / seconds)
    };
    Ok(Floors {
        sent_to_tables: rate(&sent, TABLES)?,
        sent_to_plain: rate(&sent, "bench_plain")?,
        copied_to_tables: rate(&copied, TABLES)?,
        copied_to_plain: rate(&copied, "bench_plain")?,
    })
}

/// Where a trace's row is, with its partitions and indexes.
const TABLES: &str = "public.traces";
/// Stands for the table in statements.
const TABLE: &str = "BENCH_TABLE";

/// What each connection says first, and then a statement for each 100 rows.
struct Statements {
    first: String,
    each: Vec<String>,
}

/// Statements that copy the rows of one batch each.
fn copies(cluster: &Cluster, database: &str) -> Result<Statements> {
    // A position is the number of the transaction times 512, plus the place in its batch.
    let sql = "SELECT DISTINCT position >> 9 << 9 FROM bench_rows ORDER BY 1";
    let firsts = cluster.psql(database, sql)?;
    Ok(Statements {
        first: format!(
            "PREPARE bench (bigint) AS INSERT INTO {TABLE} SELECT * FROM bench_rows \
             WHERE position >= $1 AND position < $1 + 512;\n"
        ),
        each: firsts
            .lines()
            .map(|first| format!("EXECUTE bench ({first});\n"))
            .collect(),
    })
}

/// Statements that hold the rows themselves, as `pg_dump` writes them.
fn dump(url: &str) -> Result<Statements> {
    const HEAD: &str = "INSERT INTO public.bench_rows VALUES";
    let line = Line::new(Programs::find()?.path("pg_dump"))
        .args(["--data-only", "--rows-per-insert=100", "--table=bench_rows"])
        .arg(url);
    let output = line.command().stderr(Stdio::inherit()).output();
    let output = output.context("could not start pg_dump")?;
    ensure!(
        output.status.success(),
        "pg_dump ended with {}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let each = text.split(HEAD).skip(1).map(|rows| {
        // What follows the last statement is not part of it.
        let end = rows.find(");\n").map_or(rows.len(), |end| end + 3);
        format!("INSERT INTO {TABLE} VALUES{}", &rows[..end])
    });
    Ok(Statements {
        first: String::new(),
        each: each.collect(),
    })
}

fn check(cluster: &Cluster, database: &str, table: &str, rows: f64) -> Result<()> {
    let there: f64 = cluster
        .psql(database, &format!("SELECT count(*) FROM {table}"))?
        .parse()?;
    ensure!(
        (there - rows).abs() < 0.5,
        "{table} got {there} of {rows} rows"
    );
    Ok(())
}

/// Seconds.
fn insert(url: &str, statements: &Statements, connections: u32, table: &str) -> Result<f64> {
    let psql = Programs::find()?.path("psql");
    let dir = tempfile::tempdir()?;
    let share = statements
        .each
        .len()
        .div_ceil(usize::try_from(connections)?);
    let mut lines = Vec::new();
    for (n, each) in statements.each.chunks(share).enumerate() {
        let sql = (statements.first.clone() + &each.concat()).replace(TABLE, table);
        let file = dir.path().join(format!("{n}.sql"));
        fs::write(&file, sql)?;
        let line = Line::new(&psql)
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set",
                "ON_ERROR_STOP=1",
                "--file",
            ])
            .arg(file)
            .arg(url);
        lines.push(line);
    }
    let began = Instant::now();
    let mut running = Vec::new();
    for line in &lines {
        let mut command = line.command();
        let child = command.stdout(Stdio::null()).spawn();
        running.push(child.with_context(|| format!("could not start {}", psql.display()))?);
    }
    for mut child in running {
        let status = child.wait()?;
        ensure!(
            status.success(),
            "psql ended with {status} while it filled {table}"
        );
    }
    Ok(began.elapsed().as_secs_f64())
}
