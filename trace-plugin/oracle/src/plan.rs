//! Which faults a seed meets, and what all seeds together must have seen to prove anything.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Result, ensure};

use crate::dice::Dice;
use crate::fault::Fault;
use crate::programs::Programs;
use crate::run::{Report, Run};

/// Rounds of one seed, unless asked otherwise.
pub const ROUNDS: usize = 8;

/// `rounds` of `faults`, each at most once, in the order that the seed tells.
pub fn choose(
    seed: u64,
    faults: &[(&'static str, Fault)],
    rounds: usize,
) -> Vec<(&'static str, Fault)> {
    let mut faults = faults.to_vec();
    // Other dice than the run's: a run of faults that are named has the same chances.
    Dice::new(!seed).shuffle(&mut faults);
    faults.truncate(rounds);
    faults
}

/// One seed: a round of each of `faults`, in that order. Every process of the home is broken as `always` says.
///
/// # Errors
/// When the programs do not do what they must while something is broken, or nothing can be reckoned.
pub fn run(
    programs: &Programs,
    seed: u64,
    faults: &[(&'static str, Fault)],
    database: Option<String>,
    always: &str,
) -> Result<Report> {
    let mut run = Run::start(programs, Dice::new(seed), database, always)?;
    for (name, fault) in faults {
        run.round(name, *fault)?;
    }
    run.settle()
}

/// How to do that again.
pub fn again(seed: u64, faults: &[(&'static str, Fault)]) -> String {
    let names: Vec<&str> = faults.iter().map(|(name, _)| *name).collect();
    let named = names.join(" --fault ");
    format!("again: cargo xtask oracle --seed {seed} --fault {named}")
}

/// What was seen altogether.
#[derive(Debug, Default)]
pub struct Tally {
    seeds: usize,
    calls: usize,
    accepted: usize,
    lost: u64,
    untold: u64,
    unanswered: usize,
    brought: usize,
    again: usize,
    duplicates: u64,
    rounds: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Adds a seed's.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.calls += report.calls;
        self.accepted += report.accepted;
        self.lost += report.lost;
        self.untold += report.untold;
        self.unanswered += report.unanswered;
        self.brought += report.seen.brought.len();
        self.again += report
            .seen
            .brought
            .values()
            .filter(|times| **times > 1)
            .count();
        self.duplicates += report.seen.duplicates;
        for name in &report.rounds {
            *self.rounds.entry(name).or_default() += 1;
        }
    }

    /// How many different faults were met.
    pub fn faults(&self) -> usize {
        self.rounds.len()
    }

    /// Whether enough was seen: a run in which nothing was shipped, nothing twice, nothing lost and nobody killed would pass
    /// with any program.
    ///
    /// # Errors
    /// What was not seen.
    pub fn is_worth_something(&self) -> Result<()> {
        ensure!(
            self.accepted >= 100,
            "only {} calls were accepted: {self}",
            self.accepted
        );
        ensure!(
            self.brought >= 100,
            "only {} traces reached the edge: {self}",
            self.brought
        );
        ensure!(self.duplicates > 0, "the edge met nothing twice: {self}");
        ensure!(self.unanswered > 0, "nobody was killed: {self}");
        ensure!(self.lost > 0, "nothing was lost: {self}");
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds, {} rounds of {} faults; {} calls, {} accepted, {} losses told (and {} that could not be counted), {} events unanswered; {} traces brought to the edge, {} of them more than once, {} answered as duplicates",
            self.seeds,
            self.rounds.values().sum::<u64>(),
            self.rounds.len(),
            self.calls,
            self.accepted,
            self.lost,
            self.untold,
            self.unanswered,
            self.brought,
            self.again,
            self.duplicates
        )
    }
}
