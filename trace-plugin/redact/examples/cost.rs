//! What masking costs: `cargo run --release -p redact --example cost`. Prints microseconds.

#![allow(clippy::print_stdout, reason = "its answer")]
#![allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use redact::{Level, Redactor, find_secret};
use serde_json::json;

/// The middle of some runs.
fn median(mut run: impl FnMut()) -> Duration {
    let mut took: Vec<_> = (0..31)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    took.sort();
    took[took.len() / 2]
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

/// What one call costs, the first of its kind in a process.
fn once(name: &str, command: &str) {
    let call = json!({"command": command});
    let redactor = Redactor::new(Level::Full);
    let began = Instant::now();
    black_box(redactor.params("exec", &call));
    println!("{name:<36}{:9.1} µs", micros(began.elapsed()));
}

fn main() {
    once("first call, nothing in it", "ls -la");
    once(
        "first call with a name",
        "export MY_API_KEY=a8f3k2l9x7y6z5; ls",
    );
    once(
        "first call with a token",
        &format!("echo ghp_{}", "a1B2".repeat(9)),
    );
    let redactor = Redactor::new(Level::Full);
    let small = json!({"command": "ls -la"});
    let took = median(|| drop(black_box(redactor.params("exec", &small))));
    println!(
        "{:<36}{:9.1} µs",
        "a further call, nothing in it",
        micros(took)
    );

    let code = include_str!("../src/walk.rs");
    let prose = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt.\n";
    let log = "2026-11-21T02:10:00.123Z INFO [main] GET /v1/traces?limit=50 200 3f786850e387550fdab836ed7e6dc881 12ms\n";
    // All keywords, nothing found: every pattern of theirs is run.
    let keywords = "sk- ghp_ AKIA dapi eyJ algolia: sentry = linear: discord = password token secret curl -u mysql -p docker login :// ";
    // What several patterns look far ahead for.
    let crafted = "curl -u http docker login -p mysql -----BEGIN A PRIVATE KEY-----://a:";
    let escaped = "%252525%252541\\u0041";
    let base64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg";
    for (name, text) in [
        ("source code", code),
        ("prose", prose),
        ("log lines", log),
        ("keywords without secrets", keywords),
        ("crafted for patterns", crafted),
        ("crafted for escapes", escaped),
        ("one run of base64", base64),
    ] {
        let text = text.repeat(12 * 1024 / text.len() + 1);
        let text = &text[..text.floor_char_boundary(12 * 1024)];
        let value = json!({"text": text});
        redactor.params("x", &value);
        let kilobytes = text.len() as f64 / 1024.0;
        let masks = median(|| drop(black_box(redactor.params("x", &value))));
        let document = value.to_string();
        let finds = median(|| {
            black_box(find_secret(&document));
        });
        println!(
            "{name:<28}{:9.2} µs/KB masking {:9.2} µs/KB finding",
            micros(masks) / kilobytes,
            micros(finds) / kilobytes
        );
    }
}
