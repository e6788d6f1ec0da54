//! The oracle's short form: every fault once, the seeds that have found something, and programs that are wrong on purpose.

#![cfg(target_os = "linux")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use delivery_oracle::fault::{self, Fault};
use delivery_oracle::plan::{self, Tally};
use delivery_oracle::programs::Programs;
use delivery_oracle::run::Report;

/// Runs at once: they wait more than they work.
const AT_ONCE: usize = 6;
/// Rounds of one run here: a home is cheap, and the next one has forgotten everything.
const ROUNDS: usize = 6;
/// Where this suite's seeds begin.
const FIRST_SEED: u64 = 20_261_121;

/// Seeds that have found something, and the faults that it took.
const FOUND: [(u64, &[&str]); 6] = [
    // Sizes could not be set by variables.
    (501, &["spool-full"]),
    // A call from before the clock was set back by a day was waited for until the next day.
    (5, &["clock-a-day-ahead"]),
    // The hour of an agent's last event stayed in the future.
    (402, &["clock-a-day-ahead", "outage-refused"]),
    // What waited in a backup was told again in another stream, and refused there: its chain had a hole.
    (6, &["restored-whole"]),
    // So were calls that were open in the backup.
    (401, &["no-sidecar", "restored-whole", "clock-a-day-ahead"]),
    // A content that was damaged is told by a record, and its place stands.
    (408, &["bits-database"]),
];

type Faults = Vec<(&'static str, Fault)>;

/// All of these runs, some at once; the report of each, or what went wrong.
fn all(runs: &[(u64, Faults)]) -> Vec<(u64, Result<Report, String>)> {
    let programs = Programs::find().expect("the programs with faults");
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(runs.len()) {
            scope.spawn(|| {
                while let Some((seed, faults)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = plan::run(&programs, *seed, faults, None, "");
                    let report = report.map_err(|error| format!("{error:?}"));
                    done.lock().expect("no panic").push((*seed, report));
                }
            });
        }
    });
    done.into_inner().expect("no panic")
}

/// What every run of `all` must come to.
fn kept(reports: &[(u64, Result<Report, String>)], runs: &[(u64, Faults)]) -> Tally {
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (seed, report) in reports {
        match report {
            Ok(report) if report.findings.is_empty() => tally.add(report),
            Ok(report) => wrong.push((seed, report.findings.join("\n"))),
            Err(error) => wrong.push((seed, error.clone())),
        }
    }
    for (seed, what) in &wrong {
        let faults = runs.iter().find(|(known, _)| *known == **seed);
        let again = faults.map(|(seed, faults)| plan::again(*seed, faults));
        eprintln!("{what}\n{}\n", again.unwrap_or_default());
    }
    assert!(wrong.is_empty(), "{} runs broke the promise", wrong.len());
    tally
}

#[test]
fn every_fault_is_survived_and_every_call_accounted_for() {
    let faults = fault::all();
    // Those of one kind stand together; each run is to have some of each.
    let many = faults.len().div_ceil(ROUNDS);
    let runs: Vec<(u64, Faults)> = (0..many)
        .map(|run| {
            let faults = faults.iter().skip(run).step_by(many).copied().collect();
            (FIRST_SEED + run as u64, faults)
        })
        .collect();
    let tally = kept(&all(&runs), &runs);
    println!("{tally}");
    tally.is_worth_something().expect("enough was seen");
    assert_eq!(tally.faults(), faults.len(), "every fault was met");
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let named = |name: &&str| fault::named(name).expect("a fault's name");
    let runs: Vec<(u64, Faults)> = FOUND
        .iter()
        .map(|(seed, faults)| (*seed, faults.iter().map(named).collect()))
        .collect();
    kept(&all(&runs), &runs);
}

/// Programs that are wrong on purpose, each in a way that the oracle exists to find.
const MUTANTS: [(&str, &str, &str); 3] = [
    (
        "ship.delete_before_ack=on",
        "outage-swallowed",
        "LOST without a word",
    ),
    ("desk.no_dedupe=on", "no-sidecar", "is told 2 times"),
    ("hook.no_gap=on", "disk-enospc-log", "calls are lost"),
];

#[test]
fn a_program_that_is_wrong_is_found_out() {
    let programs = Programs::find().expect("the programs with faults");
    for (mutant, fault, finding) in MUTANTS {
        let faults = [fault::named(fault).expect("a fault's name")];
        // The same seed finds nothing in the program as it is.
        let right = plan::run(&programs, FIRST_SEED, &faults, None, "").expect("a report");
        assert!(right.findings.is_empty(), "{:?}", right.findings);
        let wrong = plan::run(&programs, FIRST_SEED, &faults, None, mutant);
        let findings = wrong.map(|report| report.findings.join("\n"));
        let findings = findings.unwrap_or_else(|error| format!("{error:?}"));
        assert!(
            findings.contains(finding),
            "{mutant} is not found: {findings}"
        );
    }
}

/// Its counterpart, that the shipped binary has no points, is a test of `smoltbot`.
#[test]
fn the_binary_with_faults_has_points() {
    let programs = Programs::find().expect("the programs with faults");
    let bytes = std::fs::read(programs.smoltbot).expect("the binary");
    let name = b"SMOLTBOT_FAULT";
    assert!(bytes.windows(name.len()).any(|window| window == name));
}
