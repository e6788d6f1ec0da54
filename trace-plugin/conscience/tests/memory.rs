//! No allocation bomb: what judging a call holds at once is bounded by how long the call is. Measured by an allocator that
//! counts, so there is one test in this file and nothing else runs beside it.

mod common;
#[path = "common/mutate.rs"]
mod mutate;
#[path = "common/worst.rs"]
mod worst;

use aap::ToolCall;
use common::{BENIGN, DANGEROUS, corpus, shell};
use conscience::{Conscience, NoWorld};
use mutate::{Dice, mutate};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that any judgement may hold at once, however short the call: tables, effects, values of variables.
const BYTES_OF_ANY: usize = 2 * 1024 * 1024;
/// Bytes that it may hold at once for each byte of the call. A token of one letter becomes a node of the syntax tree.
const BYTES_A_BYTE: usize = 128;
/// Broken calls that are tried.
const MUTANTS: usize = 3_000;

/// The most that judging `call` holds at once, in bytes, beyond what was held before.
fn held(conscience: &Conscience, call: &ToolCall) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let found = conscience.explain(call, &NoWorld);
    let peak = ALLOCATOR.peak_usage();
    drop(found);
    peak.saturating_sub(before)
}

#[test]
fn what_a_judgement_holds_is_bounded_by_its_call() {
    let conscience = Conscience::builtin();
    // What is made once for all calls is not the call's.
    for line in ["rm -rf /", "ls"] {
        conscience.explain(&shell(line), &NoWorld);
    }
    let mut calls = worst::calls();
    assert!(calls.len() >= 100);
    let lines: Vec<String> = corpus(DANGEROUS)
        .into_iter()
        .chain(corpus(BENIGN))
        .map(|sample| sample.text)
        .collect();
    let mut dice = Dice(0x00b0_a710);
    for _ in 0..MUTANTS {
        let text = &lines[dice.below(lines.len())];
        let other = &lines[dice.below(lines.len())];
        calls.push(("a mutant", shell(&mutate(text, other, &mut dice))));
    }
    let mut most = (0, 0, "");
    for (name, call) in &calls {
        let length = call.params.to_string().len();
        let bytes = held(&conscience, call);
        if bytes > most.0 {
            most = (bytes, length, name);
        }
        assert!(
            bytes <= BYTES_OF_ANY + BYTES_A_BYTE * length,
            "{name}, of {length} bytes, holds {bytes}: {}",
            call.params
                .to_string()
                .chars()
                .take(200)
                .collect::<String>()
        );
    }
    println!("most: {} bytes for {} of \"{}\"", most.0, most.1, most.2);
    // A call that is not read at all would pass as well.
    assert!(most.0 > 64 * 1024, "the allocator counts nothing");
}
