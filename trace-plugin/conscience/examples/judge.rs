//! Judges a call from each line of standard input and prints the verdict. A line is a shell line, or a call as JSON
//! (`{"tool": …, "params": …}`, in which a command may span lines). The first argument is the working directory.

use std::io::BufRead;

use aap::ToolCall;
use conscience::{Conscience, NoWorld};

fn main() -> std::io::Result<()> {
    let conscience = Conscience::builtin();
    let cwd = std::env::args().nth(1);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut call = if line.starts_with("{\"tool\"") {
            let value: serde_json::Value = serde_json::from_str(&line)?;
            let tool = value["tool"].as_str().unwrap_or_default();
            ToolCall::new("example", tool, value["params"].clone())
        } else {
            ToolCall::new("example", "exec", serde_json::json!({ "command": line }))
        };
        call.cwd.clone_from(&cwd);
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
