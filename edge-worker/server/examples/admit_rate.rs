//! What a trace costs an edge before it is stored: one processor's time for reading, proving and searching signed batches.
//!
//! ```text
//! admit_rate BATCHES TRACES_A_BATCH
//! ```

mod batches;

use std::hint::black_box;
use std::time::{Duration, Instant};

use aap::{StreamId, Submission, Timestamp};
use redact::find_secret;
use serde_json::value::RawValue;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let (Some(Ok(count)), Some(Ok(size))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: admit_rate BATCHES TRACES_A_BATCH");
        return;
    };
    let now = Timestamp::from_millis(1_795_224_606_094);
    let stream = StreamId::from_bytes([7; 16]);
    let bodies = batches::bodies([7; 32], stream, now, count, size);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let traces = f64::from(u32::try_from(count * size).unwrap_or(u32::MAX));
    println!("{bytes} bytes, {} a trace", bytes / (count * size));
    let secret = |text: &str| find_secret(text).map(|finding| finding.rule.to_owned());
    let report = |stage: &str, took: Duration| {
        println!(
            "{stage:<34} {:7.2} us a trace",
            took.as_secs_f64() * 1e6 / traces
        );
    };
    for round in ["cold", "warm", "warm"] {
        println!("{round}");
        let began = Instant::now();
        for body in &bodies {
            black_box(serde_json::from_slice::<&RawValue>(body).is_ok());
        }
        report("scanning the JSON alone", began.elapsed());
        let began = Instant::now();
        for body in &bodies {
            black_box(Submission::read(body, &|_| None).is_ok());
        }
        report("read, without a look for secrets", began.elapsed());
        let began = Instant::now();
        for body in &bodies {
            black_box(find_secret(std::str::from_utf8(body).unwrap_or_default()));
        }
        report("the look for secrets alone", began.elapsed());
        let (mut reading, mut validating) = (Duration::ZERO, Duration::ZERO);
        for body in &bodies {
            let began = Instant::now();
            let read = Submission::read(body, &secret);
            reading += began.elapsed();
            let began = Instant::now();
            let validated = read.map(|submission| submission.validate(None));
            validating += began.elapsed();
            let admitted = validated.map_or(0, |validated| validated.batch.traces().len());
            assert_eq!(admitted, size, "every trace is admitted");
        }
        report("read", reading);
        report("validate", validating);
    }
}
