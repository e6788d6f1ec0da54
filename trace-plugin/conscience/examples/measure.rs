//! What a verdict takes: on the lines of the labelled corpus, as agents write them, and on lines of up to 64 KiB that are
//! made to be slow. Prints one JSON object a figure, for `cargo xtask bench conscience`.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/worst.rs"]
mod worst;

use std::time::{Duration, Instant};

use common::{BENIGN, DANGEROUS, corpus};
use conscience::{Conscience, NoWorld};
use serde_json::json;

/// How often every line of the corpus is judged.
const ROUNDS: usize = 20;
/// How often every slow line is judged; the fastest counts, as the neighbours of a busy machine only ever add.
const TRIES: usize = 7;
/// How many of the slowest are printed.
const SLOWEST: usize = 5;

fn main() {
    let conscience = Conscience::builtin();
    for (name, text) in [
        ("verdict, benign lines of the corpus", BENIGN),
        ("verdict, dangerous lines of the corpus", DANGEROUS),
    ] {
        let samples = corpus(text);
        let mut times = Vec::with_capacity(samples.len() * ROUNDS);
        for _ in 0..ROUNDS {
            for sample in &samples {
                let began = Instant::now();
                std::hint::black_box(conscience.judge(&sample.call, &NoWorld));
                times.push(began.elapsed());
            }
        }
        times.sort_unstable();
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1];
        figure(name, "µs", rank(50), rank(99), times.len());
    }
    let mut slow: Vec<(Duration, &str)> = worst::calls()
        .into_iter()
        .map(|(name, call)| {
            let fastest = (0..TRIES).map(|_| {
                let began = Instant::now();
                std::hint::black_box(conscience.judge(&call, &NoWorld));
                began.elapsed()
            });
            (fastest.min().unwrap_or_default(), name)
        })
        .collect();
    slow.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
    let all = std::env::args().any(|word| word == "--all");
    for (time, name) in slow.iter().take(if all { slow.len() } else { SLOWEST }) {
        figure(&format!("64 KiB: {name}"), "ms", *time, *time, TRIES);
    }
}

fn figure(metric: &str, unit: &str, p50: Duration, p99: Duration, n: usize) {
    let scale = if unit == "ms" { 1e3 } else { 1e6 };
    let (p50, p99) = (p50.as_secs_f64() * scale, p99.as_secs_f64() * scale);
    println!(
        "{}",
        json!({"metric": metric, "unit": unit, "p50": p50, "p99": p99, "n": n})
    );
}
