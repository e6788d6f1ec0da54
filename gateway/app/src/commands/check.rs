//! `smoltbot check`: the conscience's verdict, and the way to it. Works before `init`.

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use aap::{Decision, ToolCall, Verdict};
use anyhow::{Context as _, bail};
use conscience::{Explanation, Situation, World as _};
use serde::Deserialize;
use serde_json::{Value, json};
use trace_plugin::world::Machine;
use trace_plugin::{Policies as _, clock};

use crate::agent;
use crate::cards;
use crate::cli::Check;
use crate::output;
use crate::policies::Policies;

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
    let card = cards::known(&config.home);
    let policies = Policies::looked_at(&config, card.as_ref());
    let machine = Machine::new(Vec::new());
    if check.stdin {
        complain(policies.told(None).1);
        return lines(&policies, &machine);
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
    let (conscience, complaints) = policies.told(cwd.as_deref());
    complain(complaints);
    let call = ToolCall {
        cwd,
        ..ToolCall::new("check", tool, params)
    };
    let situation = now();
    if check.json {
        let verdict = conscience.judge_in(&call, &machine, &situation);
        output::line(&serde_json::to_string(&verdict)?)?;
    } else {
        let explanation = conscience.explain_in(&call, &machine, &situation);
        tell(&explanation, &machine)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Nothing but the time.
fn now() -> Situation {
    Situation {
        at: Some(clock::now()),
        ..Situation::default()
    }
}

fn complain(complaints: Vec<String>) {
    for complaint in complaints {
        tracing::warn!("{complaint}");
    }
}

/// A verdict for every line; a line that cannot be read gets an error in its place, so that answers stay in step.
fn lines(policies: &Policies, machine: &Machine) -> anyhow::Result<ExitCode> {
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
                let verdict = policies.current(&call).judge_in(&call, machine, &now());
                output::line(&serde_json::to_string(&verdict)?)?;
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
        exception,
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
            output::line(&format!("  {name:<10}{text}"))
        }
    };
    row("rule", rule_id.as_deref().unwrap_or_default())?;
    row("exception", exception.as_deref().unwrap_or_default())?;
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
    for (index, lifted) in explanation.lifted.iter().enumerate() {
        let objection = &lifted.objection;
        let text = format!(
            "{}, which objects to {}, by {} until {}",
            objection.rule.id, objection.effect, lifted.exception.id, lifted.exception.expires
        );
        row(if index == 0 { "lifted" } else { "" }, &text)?;
    }
    if machine.home().is_none() {
        row(
            "note",
            "HOME is not set, so paths below it are not recognised",
        )?;
    }
    Ok(())
}
