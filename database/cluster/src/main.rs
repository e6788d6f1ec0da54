//! `cargo run -p test-cluster`: a Postgres to try things on. Prints its URL and lives until standard input ends.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use test_cluster::{Cluster, Options, Programs};

/// Start a Postgres of its own in a temporary directory, print its URL, and remove it when standard input ends.
#[derive(Debug, Parser)]
#[command(name = "test-cluster")]
struct Cli {
    /// Only say which Postgres would be started
    #[arg(long)]
    check: bool,
    /// The port on loopback; a free one unless named
    #[arg(long)]
    port: Option<u16>,
    /// Wait for the disk at every commit, as a real server does
    #[arg(long)]
    fsync: bool,
    /// Ask for this password over TCP
    #[arg(long)]
    password: Option<String>,
    /// A line of postgresql.conf, name=value; can be repeated
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody else to tell.
            let _ = writeln!(io::stderr(), "test-cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Box<dyn std::error::Error>> {
    let mut stdout = io::stdout().lock();
    if cli.check {
        let programs = Programs::find()?;
        let postgres = programs.path("postgres");
        writeln!(
            stdout,
            "{}, version {}",
            postgres.display(),
            programs.major()
        )?;
        return Ok(());
    }
    let mut settings = Vec::new();
    for line in &cli.settings {
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("--set {line}: write NAME=VALUE"))?;
        settings.push((name.to_owned(), value.to_owned()));
    }
    let cluster = Cluster::start_new(&Options {
        port: cli.port,
        fsync: cli.fsync,
        // Whoever runs it by hand keeps it for longer than a test does.
        autovacuum: true,
        password: cli.password,
        settings,
        ..Options::default()
    })?;
    writeln!(stdout, "{}", cluster.url("postgres"))?;
    stdout.flush()?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    Ok(())
}
