//! `smoltbot conscience explain`: effect → rule → value, for one call; or one rule.

use std::process::ExitCode;

use aap::{Decision, ToolCall};
use anyhow::Context as _;
use conscience::{Conscience, Effect, Explanation, Place, Situation, World as _};
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::clock;
use trace_plugin::world::Machine;

use super::list::rule_json;
use super::{directory, policies, warn};
use crate::cli::Explain;
use crate::output;

pub(crate) fn run(config: &Config, explain: Explain) -> anyhow::Result<ExitCode> {
    let cwd = directory(explain.cwd.clone())?;
    let (conscience, complaints) = policies(config).told(Some(&cwd));
    warn(&complaints);
    if explain.params.is_none() && told_rule(&conscience, &explain)? {
        return Ok(ExitCode::SUCCESS);
    }
    let call = ToolCall {
        cwd: Some(cwd),
        ..call(&explain)?
    };
    let machine = Machine::new(Vec::new());
    let situation = Situation {
        at: Some(explain.at.unwrap_or_else(clock::now)),
        role: explain.role,
        channel: explain.channel,
        secrets_read: if explain.after_secret {
            vec!["a secret".to_owned()]
        } else {
            Vec::new()
        },
    };
    let explanation = conscience.explain_in(&call, &machine, &situation);
    if explain.json {
        output::line(&answer(&explanation)?.to_string())?;
    } else {
        tell(&explanation)?;
        if machine.home().is_none() {
            output::line("note: HOME is not set, so paths below it are not recognised")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells of the rule of that id, if there is one.
fn told_rule(conscience: &Conscience, explain: &Explain) -> anyhow::Result<bool> {
    let on = conscience.rules().into_iter().map(|rule| (rule, true));
    let off = conscience.rules_off().into_iter().map(|rule| (rule, false));
    let Some((rule, on)) = on.chain(off).find(|(rule, _)| rule.id == explain.what) else {
        return Ok(false);
    };
    if explain.json {
        output::line(&rule_json(&rule, on).to_string())?;
        return Ok(true);
    }
    let does = match rule.decision() {
        Decision::Ask => "asks",
        _ => "denies",
    };
    let off = if on { "" } else { ", which is off" };
    let target = rule.reason.replace("{target}", "…");
    output::line(&format!("{} {does}: {target}", rule.id))?;
    row("looks at", &rule.effects.join(", "))?;
    row("values", &rule.values.join(", "))?;
    row("advice", rule.advice.as_deref().unwrap_or_default())?;
    row("severity", &rule.severity.to_string())?;
    row("source", &format!("{}{off}", rule.source))?;
    Ok(true)
}

fn call(explain: &Explain) -> anyhow::Result<ToolCall> {
    let Some(params) = &explain.params else {
        let params = json!({ "command": explain.what });
        return Ok(ToolCall::new(&explain.runtime, "exec", params));
    };
    let params: Value = serde_json::from_str(params).with_context(|| {
        format!("the parameters are not JSON: {params}\nWrite an object, for instance '{{\"command\":\"ls\"}}', or quote a shell line as one argument")
    })?;
    Ok(ToolCall::new(&explain.runtime, &explain.what, params))
}

/// The effects that anything is said of: all but commands that no rule objects to.
fn effects(explanation: &Explanation) -> Vec<String> {
    let mut effects: Vec<String> = explanation.effects.iter().map(Effect::to_string).collect();
    let objected = explanation.objections.iter().map(|one| &one.effect);
    let lifted = explanation.lifted.iter().map(|one| &one.objection.effect);
    for effect in objected.chain(lifted) {
        if !effects.contains(effect) {
            effects.push(effect.clone());
        }
    }
    let mut seen = Vec::new();
    effects.retain(|effect| {
        let is_new = !seen.contains(effect);
        seen.push(effect.clone());
        is_new
    });
    effects
}

fn tell(explanation: &Explanation) -> anyhow::Result<()> {
    let verdict = &explanation.verdict;
    let word = verdict.decision.as_str().to_uppercase();
    output::line(&format!("{word}  {}", verdict.reason))?;
    row("advice", verdict.advice.as_deref().unwrap_or_default())?;
    output::line("")?;
    for (index, command) in explanation.commands.iter().enumerate() {
        row(if index == 0 { "runs" } else { "" }, command)?;
    }
    let effects = effects(explanation);
    if effects.is_empty() {
        row("effects", "none that a rule could object to")?;
    }
    for effect in effects {
        row("effect", &effect)?;
        let details = explanation
            .effects
            .iter()
            .find(|one| one.to_string() == effect)
            .map(details)
            .unwrap_or_default();
        row("", &details)?;
        let mut is_free = true;
        for one in explanation
            .objections
            .iter()
            .filter(|one| one.effect == effect)
        {
            is_free = false;
            let decides = verdict.rule_id.as_ref() == Some(&one.rule.id);
            let does = if one.rule.decision() == Decision::Ask {
                "asks"
            } else {
                "denies"
            };
            let decides = if decides { ", and decides" } else { "" };
            row(
                "",
                &format!(
                    "→ {} {does} (severity {}, {}){decides}",
                    one.rule.id, one.rule.severity, one.rule.source
                ),
            )?;
            row("", &format!("  {}", one.reason))?;
            row("", &format!("  → {}", one.rule.values.join(", ")))?;
        }
        for one in &explanation.lifted {
            if one.objection.effect != effect {
                continue;
            }
            is_free = false;
            let exception = &one.exception;
            row(
                "",
                &format!(
                    "→ {} would object; lifted by {} until {} ({}, {})",
                    one.objection.rule.id,
                    exception.id,
                    exception.expires,
                    exception.author,
                    exception.source
                ),
            )?;
            row("", &format!("  {}", exception.reason))?;
        }
        if is_free {
            row("", "→ no rule objects")?;
        }
    }
    Ok(())
}

/// What of an effect its short form leaves out.
fn details(effect: &Effect) -> String {
    let mut parts = Vec::new();
    if effect.place != Place::Ordinary {
        parts.push(format!("place {}", effect.place.as_str()));
    }
    if !effect.manner.is_empty() {
        parts.push(format!("manner {}", effect.manner));
    }
    if !effect.program.is_empty() {
        parts.push(format!("program {}", effect.program));
    }
    if effect.recursive {
        parts.push("recursive".to_owned());
    }
    if effect.forced {
        parts.push("forced".to_owned());
    }
    parts.join(", ")
}

fn answer(explanation: &Explanation) -> anyhow::Result<Value> {
    let effects: Vec<Value> = explanation
        .effects
        .iter()
        .map(|effect| {
            json!({
                "effect": effect.to_string(),
                "kind": effect.kind.as_str(),
                "target": effect.target,
                "place": effect.place.as_str(),
                "manner": effect.manner,
                "program": effect.program,
                "recursive": effect.recursive,
                "forced": effect.forced,
            })
        })
        .collect();
    let objections: Vec<Value> = explanation
        .objections
        .iter()
        .map(|one| json!({ "effect": one.effect, "reason": one.reason, "rule": rule_json(&one.rule, true) }))
        .collect();
    let lifted: Vec<Value> = explanation
        .lifted
        .iter()
        .map(|one| {
            json!({
                "effect": one.objection.effect,
                "rule": rule_json(&one.objection.rule, true),
                "exception": one.exception.id,
                "expires": one.exception.expires,
            })
        })
        .collect();
    Ok(json!({
        "verdict": serde_json::to_value(&explanation.verdict)?,
        "commands": explanation.commands,
        "effects": effects,
        "objections": objections,
        "lifted": lifted,
    }))
}

fn row(name: &str, text: &str) -> anyhow::Result<()> {
    if text.is_empty() {
        Ok(())
    } else {
        output::line(&format!("  {name:<10}{text}"))
    }
}
