//! `smoltbot check`: the conscience's verdict, and the way to it. Works before `init`.

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use aap::{Decision, ToolCall, Verdict};
use anyhow::{Context as _, bail};
use conscience::{Conscience, Explanation, World as _};
use serde::Deserialize;
use serde_json::{Value, json};
use trace_plugin::world::Machine;

use crate::agent;
use crate::cli::Check;
use crate::output;
use crate::policies;

/// A line of `--stdin`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tool: String,
    #[serde(default)]
    params: Value,
    cwd: Option<String>,
}

pub(crate) fn run(check: Check) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let (conscience, complaints) = policies::conscience(&config);
    for complaint in complaints {
        tracing::warn!("{complaint}");
    }
    let machine = Machine::new(Vec::new());
    if check.stdin {
        return lines(&conscience, &machine);
    }
    let (Some(tool), Some(params)) = (check.tool, check.params) else {
        bail!(
            "name a tool and its parameters, for instance: smoltbot check exec '{{\"command\":\"ls\"}}'"
        );
    };
    let params: Value = serde_json::from_str(&params).with_context(|| {
        format!("the parameters are not JSON: {params}\nWrite an object, for instance '{{\"command\":\"ls\"}}'")
    })?;
    let cwd = check.cwd.or_else(|| {
        std::env::current_dir()
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    });
    let call = ToolCall {
        cwd,
        ..ToolCall::new("check", tool, params)
    };
    if check.json {
        output::line(&serde_json::to_string(&conscience.judge(&call, &machine))?)?;
    } else {
        tell(&conscience.explain(&call, &machine), &machine)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A verdict for every line; a line that cannot be read gets an error in its place, so that answers stay in step.
fn lines(conscience: &Conscience, machine: &Machine) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for (number, line) in io::stdin().lock().split(b'\n').enumerate() {
        let line = line.context("standard input cannot be read")?;
        let line = String::from_utf8_lossy(&line);
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(&line) {
            Ok(Line { tool, params, cwd }) => {
                let call = ToolCall {
                    cwd,
                    ..ToolCall::new("check", tool, params)
                };
                output::line(&serde_json::to_string(&conscience.judge(&call, machine))?)?;
            }
            Err(error) => {
                code = ExitCode::FAILURE;
                let example = r#"{"tool":"exec","params":{"command":"ls"},"cwd":"/tmp"}"#;
                let error = format!("line {}: {error}; expected {example}", number + 1);
                output::line(&json!({ "error": error }).to_string())?;
            }
        }
    }
    Ok(code)
}

fn tell(explanation: &Explanation, machine: &Machine) -> anyhow::Result<()> {
    let Verdict {
        decision,
        reason,
        values_violated,
        rule_id,
        advice,
        effects,
        exception: _,
    } = &explanation.verdict;
    let word = match decision {
        Decision::Allow => "ALLOW",
        Decision::Ask => "ASK",
        Decision::Deny => "DENY",
    };
    output::line(&format!("{word}  {reason}"))?;
    let row = |name: &str, text: &str| {
        if text.is_empty() {
            Ok(())
        } else {
            output::line(&format!("  {name:<9}{text}"))
        }
    };
    row("rule", rule_id.as_deref().unwrap_or_default())?;
    row("values", &values_violated.join(", "))?;
    row("advice", advice.as_deref().unwrap_or_default())?;
    for (index, command) in explanation.commands.iter().enumerate() {
        row(if index == 0 { "runs" } else { "" }, command)?;
    }
    for (index, effect) in effects.iter().enumerate() {
        row(if index == 0 { "effects" } else { "" }, effect)?;
    }
    for (index, objection) in explanation.objections.iter().enumerate() {
        let text = format!("{} objects to {}", objection.rule.id, objection.effect);
        row(if index == 0 { "way" } else { "" }, &text)?;
    }
    if machine.home().is_none() {
        row(
            "note",
            "HOME is not set, so paths below it are not recognised",
        )?;
    }
    Ok(())
}
