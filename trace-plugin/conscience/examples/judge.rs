//! Judges a shell line from each line of standard input and prints the verdict.

use std::io::BufRead;

use aap::ToolCall;
use conscience::{Conscience, NoWorld};

fn main() -> std::io::Result<()> {
    let conscience = Conscience::builtin();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let call = ToolCall::new("example", "exec", serde_json::json!({ "command": line }));
        let verdict = conscience.judge(&call, &NoWorld);
        println!(
            "{}\t{}\t{}\t{}",
            verdict.decision.as_str(),
            verdict.rule_id.as_deref().unwrap_or("-"),
            line,
            verdict.effects.join(" ")
        );
    }
    Ok(())
}
