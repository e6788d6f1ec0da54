//! `smoltbot conscience list`: every rule, and what became of the files.

use std::path::PathBuf;
use std::process::ExitCode;

use conscience::{Exception, RuleInfo, Source};
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::clock;

use super::{directory, policies, warn};
use crate::output;

pub(crate) fn run(
    config: &Config,
    all: bool,
    cwd: Option<PathBuf>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let (conscience, complaints) = policies(config).told(Some(&directory(cwd)?));
    let on = conscience.rules().into_iter().map(|rule| (rule, true));
    let off = if all {
        conscience.rules_off()
    } else {
        Vec::new()
    };
    let rules: Vec<(RuleInfo, bool)> = on
        .chain(off.into_iter().map(|rule| (rule, false)))
        .collect();
    let exceptions = conscience.exceptions();
    let now = Some(clock::now());
    if as_json {
        let rules: Vec<Value> = rules
            .iter()
            .map(|(rule, on)| rule_json(rule, *on))
            .collect();
        let exceptions: Vec<Value> = exceptions
            .iter()
            .map(|one| exception_json(one, one.is_expired(now)))
            .collect();
        let answer = json!({ "rules": rules, "exceptions": exceptions, "problems": complaints });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    warn(&complaints);
    let width = |of: fn(&RuleInfo) -> String| {
        let longest = rules.iter().map(|(rule, _)| of(rule).chars().count());
        longest.max().unwrap_or_default()
    };
    let id = width(|rule| rule.id.clone());
    let effects = width(effects);
    for (rule, on) in &rules {
        let decision = rule.decision().as_str();
        let off = if *on { "" } else { ", off" };
        output::line(&format!(
            "{decision:<5} {:<id$}  {:<effects$}  {}  ({}{off})",
            rule.id,
            self::effects(rule),
            rule.values.join(", "),
            rule.source
        ))?;
    }
    for one in &exceptions {
        let word = if one.is_expired(now) {
            "expired"
        } else {
            "until"
        };
        output::line(&format!(
            "lift  {:<id$}  {:<effects$}  {word} {}, by {}: {}  ({})",
            one.id,
            one.lifts.join(", "),
            one.expires,
            one.author,
            one.reason,
            one.source
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The kinds of effect, where there are few.
fn effects(rule: &RuleInfo) -> String {
    match rule.effects.len() {
        0 => "the call".to_owned(),
        1..=3 => rule.effects.join(", "),
        more => format!("{more} effects"),
    }
}

/// A rule in JSON, as `explain` shows it too.
pub(super) fn rule_json(rule: &RuleInfo, on: bool) -> Value {
    let pack = match rule.source {
        Source::Pack(pack) => Some(pack.as_str()),
        _ => None,
    };
    json!({
        "id": rule.id,
        "decision": rule.decision().as_str(),
        "effects": rule.effects,
        "values": rule.values,
        "severity": rule.severity,
        "reason": rule.reason,
        "advice": rule.advice,
        "pack": pack,
        "source": rule.source.to_string(),
        "on": on,
    })
}

fn exception_json(one: &Exception, is_expired: bool) -> Value {
    json!({
        "id": one.id,
        "lifts": one.lifts,
        "effects": one.effects,
        "reason": one.reason,
        "author": one.author,
        "expires": one.expires,
        "expired": is_expired,
        "source": one.source.to_string(),
    })
}
