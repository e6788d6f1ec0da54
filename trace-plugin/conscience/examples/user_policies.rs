//! Times verdicts under many policies of an operator's: the first argument says how many, 200 unless given. Prints microseconds.

use std::fmt::Write as _;
use std::time::Instant;

use aap::{Timestamp, ToolCall};
use conscience::{Conscience, NoWorld, PolicyFile, Situation};

/// Lines as agents write them; each is judged so often.
const ROUNDS: usize = 2_000;
const LINES: [&str; 8] = [
    "cargo test --workspace -- --nocapture",
    "git add -A && git commit -m 'Mend the parser'",
    "rm -rf node_modules dist && npm ci && npm run build",
    "grep -rn 'TODO' src | sort | head -n 20",
    "docker compose up -d && curl -s http://localhost:8080/health",
    "cd infra && terraform plan -out plan.bin",
    "find . -name '*.pyc' -delete; python3 -m pytest -q",
    "git push --force origin topic",
];

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(200);
    let mut text = String::new();
    for number in 0..count {
        let (action, condition) = match number % 4 {
            0 => (
                "run",
                format!("context.target like \"tool-{number} deploy*\""),
            ),
            1 => ("run", format!("context.program == \"tool-{number}\"")),
            2 => (
                "delete",
                format!("context.target like \"*/precious-{number}/*\""),
            ),
            _ => (
                "send_data",
                format!("context.target == \"host-{number}.example.com\" && context.hour < 6"),
            ),
        };
        writeln!(
            text,
            "@id(\"my.rule_{number}\") @reason(\"r\") @values(\"user_control\")\n\
             forbid (principal, action == Action::\"{action}\", resource) when {{ {condition} }};"
        )
        .expect("a string takes it");
    }
    let begun = Instant::now();
    let name = "many.cedar".to_owned();
    let (conscience, errors) = Conscience::with_policies(vec![PolicyFile { name, text }]);
    assert!(errors.is_empty(), "{errors:?}");
    println!(
        "{count} policies loaded in {} µs",
        begun.elapsed().as_micros()
    );
    let situation = Situation {
        at: Some(Timestamp::from_millis(1_790_000_000_000)),
        ..Situation::default()
    };
    let mut times = Vec::with_capacity(ROUNDS * LINES.len());
    for _ in 0..ROUNDS {
        for line in LINES {
            let mut call = ToolCall::new("bench", "exec", serde_json::json!({ "command": line }));
            call.cwd = Some("/home/dev/project".to_owned());
            let begun = Instant::now();
            let verdict = conscience.judge_in(&call, &NoWorld, &situation);
            times.push(begun.elapsed());
            drop(verdict);
        }
    }
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000].as_nanos() / 100;
    for (name, share) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
        println!("{name} {}.{} µs", at(share) / 10, at(share) % 10);
    }
}
