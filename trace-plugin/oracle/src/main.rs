//! The long oracle: seed after seed until the time is up.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use clap::Parser;
use delivery_oracle::fault::{self, Fault};
use delivery_oracle::plan::{self, Tally};
use delivery_oracle::programs::Programs;

/// Breaks the way from hook to edge, seed after seed. Exit code 1 when a promise was not kept.
#[derive(Debug, Parser)]
#[command(name = "delivery-oracle")]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only this seed, however long it takes.
    #[arg(long)]
    seed: Option<u64>,
    /// These faults, in this order; can be repeated.
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    /// Rounds of one seed.
    #[arg(long, default_value_t = plan::ROUNDS)]
    rounds: usize,
    /// Keep the traces in Postgres.
    #[arg(long)]
    postgres: bool,
    /// Say the names of all faults, and nothing else.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.list {
        for (name, _) in fault::all_and_long() {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let named = |name: &String| {
        fault::named(name).with_context(|| format!("no fault `{name}`; --list tells them"))
    };
    let named = arguments.fault.iter().map(named);
    let named = named.collect::<Result<Vec<(&str, Fault)>>>()?;
    let programs = Programs::find()?;
    let until = Instant::now() + Duration::from_secs(arguments.minutes * 60);
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let mut seed = arguments.seed.unwrap_or(clock.as_secs());
    let mut tally = Tally::default();
    loop {
        let faults = if named.is_empty() {
            plan::choose(seed, &fault::all_and_long(), arguments.rounds)
        } else {
            named.clone()
        };
        println!("seed {seed}");
        for (name, _) in &faults {
            println!("  {name}");
        }
        let database = arguments
            .postgres
            .then(|| test_cluster::Cluster::shared().fresh_database());
        let outcome = plan::run(&programs, seed, &faults, database, "");
        let wrong = match &outcome {
            Ok(report) => report.findings.clone(),
            Err(error) => vec![format!("{error:?}")],
        };
        for what in &wrong {
            println!("WRONG {what}");
        }
        match outcome {
            Ok(report) if wrong.is_empty() => tally.add(&report),
            _ => {
                println!("{}", plan::again(seed, &faults));
                return Ok(ExitCode::FAILURE);
            }
        }
        seed += 1;
        if arguments.seed.is_some() || Instant::now() > until {
            break;
        }
    }
    println!("{tally}");
    Ok(ExitCode::SUCCESS)
}
