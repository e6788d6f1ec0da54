//! Calls of the corpora, broken in ways that nobody writes: judging them must end, without a panic, in time. A
//! bounded number from a fixed seed, so that a failure comes back. Properties of single parsers are `properties.rs`.

mod common;
#[path = "common/mutate.rs"]
mod mutate;

use std::time::Instant;

use common::{BENIGN, DANGEROUS, corpus, shell};
use conscience::{Conscience, NoWorld};
use mutate::{Dice, mutate};

/// Mutants in one run of the test.
const MUTANTS: usize = 4_000;
/// Seconds for all of them in a debug build on a busy machine; a hang is far beyond.
const SECONDS_AT_MOST: u64 = 300;
#[test]
fn broken_calls_are_judged_to_an_end() {
    let conscience = Conscience::builtin();
    let lines: Vec<String> = corpus(DANGEROUS)
        .into_iter()
        .chain(corpus(BENIGN))
        .map(|sample| sample.text)
        .collect();
    let mut dice = Dice(0x5eed_c0de);
    let start = Instant::now();
    for number in 0..MUTANTS {
        let text = &lines[dice.below(lines.len())];
        let other = &lines[dice.below(lines.len())];
        let line = mutate(text, other, &mut dice);
        let verdict = conscience.judge(&shell(&line), &NoWorld);
        assert!(
            verdict.decision == aap::Decision::Allow || verdict.rule_id.is_some(),
            "mutant {number} is stopped by no rule: {line:?}"
        );
        assert!(
            start.elapsed().as_secs() < SECONDS_AT_MOST,
            "mutant {number} took the rest of the time: {line:?}"
        );
    }
}
