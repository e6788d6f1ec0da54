//! `smoltbot doctor`: looks whether everything works, and says what to do where it does not.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::json;
use smoltbot_config::{Config, Process};

use crate::{output, settings};

mod hooks;
mod machine;
mod services;

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    /// Nothing is broken, but it should be known.
    Note,
    Wrong,
}

/// A look at one thing.
#[derive(Debug)]
struct Finding {
    name: String,
    verdict: Verdict,
    what: String,
    /// What to do about it.
    todo: Option<String>,
}

impl Finding {
    fn well(name: &str, what: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            verdict: Verdict::Well,
            what: what.into(),
            todo: None,
        }
    }

    fn note(name: &str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Note,
            todo: Some(todo.into()),
            ..Self::well(name, what)
        }
    }

    fn wrong(name: &str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Wrong,
            todo: Some(todo.into()),
            ..Self::well(name, what)
        }
    }
}

/// Everything that is looked at with a configuration that can be read.
fn all(config: &Config) -> Vec<Finding> {
    let name = "config";
    let warnings = config.warnings.iter();
    let warnings = warnings.map(|warning| Finding {
        verdict: Verdict::Note,
        ..Finding::well(name, warning)
    });
    let mut findings: Vec<Finding> = match settings::of_up(config, None) {
        Ok(_) => vec![Finding::well(name, "can be started with")],
        Err(faults) => faults.each().iter().map(misconfigured).collect(),
    };
    findings.extend(warnings);
    findings.extend(hooks::look(config));
    findings.extend(services::look(config));
    findings.extend(machine::look(config));
    findings
}

/// A fault of the configuration, which says file, line and key by itself.
fn misconfigured(fault: &impl Display) -> Finding {
    let todo = "put that right; `smoltbot up` does not start before";
    Finding::wrong("config", fault.to_string(), todo)
}

pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let findings = match Config::load(&Process) {
        Ok(config) => all(&config),
        // Nothing else can be looked at without it.
        Err(error) => error.each().iter().map(misconfigured).collect(),
    };
    let wrong = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Wrong)
        .count();
    let code = ExitCode::from(u8::from(wrong > 0));
    if as_json {
        let checks: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({
                    "name": finding.name,
                    "ok": finding.verdict != Verdict::Wrong,
                    "note": finding.verdict == Verdict::Note,
                    "what": finding.what,
                    "todo": finding.todo,
                })
            })
            .collect();
        output::line(&json!({ "ok": wrong == 0, "checks": checks }).to_string())?;
        return Ok(code);
    }
    for finding in &findings {
        let mark = match finding.verdict {
            Verdict::Well => "ok",
            Verdict::Note => "note",
            Verdict::Wrong => "WRONG",
        };
        output::line(&format!("{mark:<6}{:<13}{}", finding.name, finding.what))?;
        if let Some(todo) = &finding.todo {
            output::line(&format!("{:<19}{todo}", ""))?;
        }
    }
    output::line(&match wrong {
        0 => "Everything works.".to_owned(),
        wrong => format!(
            "{} to be put right.",
            output::count(wrong, "thing is", "things are")
        ),
    })?;
    Ok(code)
}
