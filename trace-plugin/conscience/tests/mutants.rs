//! Calls of the corpora, broken in ways that nobody writes: judging them must end, without a panic, in time. A
//! bounded number from a fixed seed, so that a failure comes back. Properties of single parsers are `properties.rs`.

mod common;

use std::time::Instant;

use common::{BENIGN, DANGEROUS, corpus, shell};
use conscience::{Conscience, NoWorld};

/// Mutants in one run of the test.
const MUTANTS: usize = 4_000;
/// Seconds for all of them in a debug build on a busy machine; a hang is far beyond.
const SECONDS_AT_MOST: u64 = 300;
/// What mutants are spliced with: the beginnings of what nests, quotes and continues.
const PIECES: &[&str] = &[
    "$(",
    "`",
    "${",
    "((",
    "<<E\n",
    "<<<",
    "'",
    "\"",
    "\\",
    "$'\\x",
    "{a,{b,",
    ">(",
    "| sh",
    "\0",
    "\u{202e}",
    "\n",
    "eval ",
    "case x in ",
    "f(){ f|f& };f",
    "[[",
    "/*",
    "--",
    ";",
    "&&",
    "é",
];

/// xorshift64: enough to choose places, and the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (bound.max(1) as u64)).expect("below a usize")
    }
}

/// The largest character boundary of `text` that isn't beyond `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn mutate(text: &str, other: &str, dice: &mut Dice) -> String {
    let mut out = text.to_owned();
    for _ in 0..=dice.below(4) {
        let at = boundary(&out, dice.below(out.len() + 1));
        match dice.below(5) {
            0 => out.truncate(at),
            1 => out.insert_str(at, PIECES[dice.below(PIECES.len())]),
            2 => out.insert_str(at, other),
            3 => {
                let piece = PIECES[dice.below(PIECES.len())];
                out.insert_str(at, &piece.repeat(1 + dice.below(400)));
            }
            _ => out = out[at..].to_owned(),
        }
    }
    out
}

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
