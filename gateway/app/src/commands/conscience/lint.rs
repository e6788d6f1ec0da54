//! `smoltbot conscience lint`: what is wrong with policies, and what in them cannot do what was meant.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use conscience::{Conscience, Finding, PolicyFile};
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::clock;

use super::{directory, policies};
use crate::output;
use crate::policies::reading;

pub(crate) fn run(
    config: &Config,
    files: &[PathBuf],
    cwd: Option<PathBuf>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let (findings, problems, rules) = if files.is_empty() {
        let (conscience, complaints) = policies(config).told(Some(&directory(cwd)?));
        let findings = conscience.lint(Some(clock::now()));
        (findings, complaints, of_files(&conscience))
    } else {
        given(config, files)?
    };
    if as_json {
        let findings: Vec<Value> = findings
            .iter()
            .map(|one| json!({ "source": one.source.to_string(), "id": one.id, "what": one.what }))
            .collect();
        let answer = json!({ "findings": findings, "problems": problems });
        output::line(&answer.to_string())?;
    } else {
        for problem in &problems {
            output::line(problem)?;
        }
        for one in &findings {
            output::line(&format!("{}: {}: {}", one.source, one.id, one.what))?;
        }
        if findings.is_empty() && problems.is_empty() {
            let policies = output::count(rules, "policy", "policies");
            output::line(&format!("nothing to mend in {policies}"))?;
        }
    }
    Ok(if findings.is_empty() && problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Files as if they were the operator's, and nothing else than the built-in rules beside them.
fn given(config: &Config, files: &[PathBuf]) -> anyhow::Result<(Vec<Finding>, Vec<String>, usize)> {
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        if path.is_dir() {
            bail!("{} is a directory: name the files in it", path.display());
        }
        let name = path.display().to_string();
        let text = reading::text(path, reading::OPERATOR);
        match text {
            Ok(text) => texts.push(PolicyFile { name, text }),
            Err(what) => problems.push(format!("{name}: {what}")),
        }
    }
    let packs = crate::policies::packs(config).0;
    let (conscience, errors) = Conscience::builder().packs(packs).user(texts).build();
    problems.extend(errors.iter().map(ToString::to_string));
    let findings = conscience.lint(Some(clock::now()));
    Ok((findings, problems, of_files(&conscience)))
}

/// How many policies of files are in force.
fn of_files(conscience: &Conscience) -> usize {
    let rules = conscience.rules();
    let rules = rules.iter().filter(|rule| {
        matches!(
            rule.source,
            conscience::Source::Operator(..) | conscience::Source::Project(..)
        )
    });
    rules.count() + conscience.exceptions().len()
}
