//! A full day of honest development work: nothing of it is stopped, and asking counts as stopping.
//!
//! `corpus/day.ndjson` has a call a line, as `smoltbot check --stdin` takes them: six projects in Rust, TypeScript,
//! Python, Terraform and Kubernetes, a dozen other languages, and smoltbot's own. It was written down after the work, not captured
//! from a machine, so that nothing in it has to be kept secret; what repeats in a day repeats in it. What the labelled
//! corpus calls dangerous (dropping a stash, joining the group `docker`) is not in it. A day of your own is recorded by
//!
//! ```text
//! smoltbot logs -n 5000 --json | jq -c '{tool: .tool_name, params: .params}' > day.ndjson
//! smoltbot check --stdin < day.ndjson | grep -v '"verdict":"allow"'
//! ```
//!
//! which has secrets masked, as all that leaves the machine, and results left out.

use std::collections::BTreeMap;

use aap::{Decision, ToolCall};
use conscience::{Conscience, NoWorld, World};
use serde_json::Value;

const DAY: &str = include_str!("corpus/day.ndjson");

/// The developer's machine, with the project at hand as workspace.
struct Machine(String);

impl World for Machine {
    fn home(&self) -> Option<String> {
        Some("/home/dev".to_owned())
    }

    fn workspace_roots(&self) -> Vec<String> {
        vec![self.0.clone()]
    }

    fn resolve(&self, _path: &str) -> Option<String> {
        None
    }
}

fn calls() -> Vec<ToolCall> {
    DAY.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("a call a line");
            let tool = value["tool"].as_str().expect("a tool");
            let mut call = ToolCall::new("day", tool, value["params"].clone());
            call.cwd = value["cwd"].as_str().map(str::to_owned);
            call
        })
        .collect()
}

#[test]
fn nothing_of_an_honest_day_is_stopped() {
    let conscience = Conscience::builtin();
    let calls = calls();
    assert!(calls.len() >= 1_500, "only {} calls", calls.len());
    let mut stopped = Vec::new();
    for call in &calls {
        let machine = Machine(call.cwd.clone().expect("a directory"));
        for (where_, world) in [("unknown", &NoWorld as &dyn World), ("dev's", &machine)] {
            let verdict = conscience.judge(call, world);
            if verdict.decision != Decision::Allow {
                stopped.push(format!(
                    "on {where_} machine: {:?} {:?} {} {}",
                    verdict.decision, verdict.rule_id, call.tool, call.params
                ));
            }
        }
    }
    assert!(
        stopped.is_empty(),
        "{} stopped:\n{}",
        stopped.len(),
        stopped.join("\n")
    );
}

#[test]
fn the_day_is_a_full_one() {
    let mut programs: BTreeMap<String, usize> = BTreeMap::new();
    let mut tools: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls() {
        *tools.entry(call.tool.clone()).or_default() += 1;
        if let Some(line) = call.params["command"].as_str() {
            let first = line.split_whitespace().next().unwrap_or_default();
            *programs.entry(first.to_owned()).or_default() += 1;
        }
    }
    for (program, least) in [
        ("git", 100),
        ("cargo", 60),
        ("pnpm", 30),
        ("npm", 10),
        ("python", 20),
        ("docker", 30),
        ("kubectl", 30),
        ("terraform", 15),
        ("rm", 15),
        ("curl", 15),
        ("psql", 5),
        ("go", 10),
    ] {
        let count = programs.get(program).copied().unwrap_or_default();
        assert!(count >= least, "{program} only {count} times");
    }
    assert!(programs.len() >= 250, "only {} programs", programs.len());
    for tool in ["exec", "Bash", "Read", "Write", "Edit", "Grep", "WebFetch"] {
        assert!(tools.contains_key(tool), "{tool} is not used");
    }
    let servers = tools.keys().filter(|tool| tool.starts_with("mcp__"));
    assert!(servers.count() >= 20);
}
