//! What Postgres does by itself with the rows of a run: nobody can be faster.
//!
//! A statement inserts the rows of one batch, and is a transaction; they come from a table beside, so that neither text nor
//! parameters have to be read. As many connections work at once as the edge was sent to by, on an emptied table.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use test_cluster::{Cluster, Programs};

use crate::command::Line;

/// Rates in traces/s: into the same tables, and into a plain table with one index.
pub(super) fn both(cluster: &Cluster, url: &str, connections: u32) -> Result<(f64, f64)> {
    let database = url.rsplit('/').next().context("a URL without a database")?;
    cluster.psql(
        database,
        "CREATE TABLE bench_rows AS SELECT * FROM public.traces; \
         CREATE INDEX ON bench_rows (position); \
         CREATE TABLE bench_plain (LIKE bench_rows); CREATE INDEX ON bench_plain (trace_id); \
         CREATE TABLE bench_tallies AS SELECT * FROM public.tallies; \
         TRUNCATE public.traces, public.tallies; ANALYZE bench_rows; CHECKPOINT",
    )?;
    // A position is the number of the transaction times 512, plus the place in its batch.
    let firsts = cluster.psql(
        database,
        "SELECT DISTINCT position >> 9 << 9 FROM bench_rows ORDER BY 1",
    )?;
    let firsts: Vec<&str> = firsts.lines().collect();
    let rows: f64 = cluster
        .psql(database, "SELECT count(*) FROM bench_rows")?
        .parse()?;
    let tables = insert(url, &firsts, connections, "public.traces")?;
    check(cluster, database, "public.traces", rows)?;
    cluster.psql(database, "CHECKPOINT")?;
    let plain = insert(url, &firsts, connections, "bench_plain")?;
    check(cluster, database, "bench_plain", rows)?;
    Ok((rows / tables, rows / plain))
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
fn insert(url: &str, firsts: &[&str], connections: u32, table: &str) -> Result<f64> {
    let psql = Programs::find()?.path("psql");
    let dir = tempfile::tempdir()?;
    let share = firsts.len().div_ceil(usize::try_from(connections)?);
    let mut lines = Vec::new();
    for (n, firsts) in firsts.chunks(share).enumerate() {
        let mut sql = String::from(
            "PREPARE bench (bigint) AS INSERT INTO TABLE_NAME SELECT * FROM bench_rows \
             WHERE position >= $1 AND position < $1 + 512;\n",
        )
        .replace("TABLE_NAME", table);
        for first in firsts {
            // Writing to a String cannot fail.
            let _ = writeln!(sql, "EXECUTE bench ({first});");
        }
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
