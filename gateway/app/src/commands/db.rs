//! `smoltbot db`: look after the edge's database. What is done to a Postgres is in [`server`], to a SQLite file in [`mod@file`].

mod file;
mod server;

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use crate::agent;
use crate::cli::DbTask;
use crate::database::Database;
use crate::output;

pub(crate) fn run(database_url: Option<String>, task: DbTask) -> anyhow::Result<ExitCode> {
    match Database::of(&agent::config()?, database_url)? {
        Database::Sqlite(path) => file::run(&path, task)?,
        Database::Postgres(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("no runtime")?;
            runtime.block_on(server::run(&url, task))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(name: &str, text: &str) -> anyhow::Result<()> {
    output::line(&format!("{name:<16}{text}"))
}

fn json(answer: &impl Serialize) -> anyhow::Result<()> {
    output::line(&serde_json::to_string(answer)?)
}

/// Bytes as people read them.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, "B");
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, rest, unit) = (whole / 1024, whole % 1024, next);
    }
    if unit == "B" || whole >= 10 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{} {unit}", rest * 10 / 1024)
    }
}

/// What erasing did, in words.
fn erased(traces: i64, what: &str) -> String {
    match traces {
        0 => format!("nothing erased: no content of {what} is here"),
        1 => format!(
            "erased the content of 1 trace: {what}. Its header and its place in the chain stay"
        ),
        _ => format!(
            "erased the content of {traces} traces: {what}. Their headers and their places in the chain stay"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (9 * 1024 + 900, "9.8 KiB"),
            (57_344, "56 KiB"),
            (5 << 40, "5.0 TiB"),
            (i64::MAX, "8388607 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
