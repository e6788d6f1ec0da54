//! Policy files that users add. A file that is wrong is reported and left out as a whole; what is built in stays.

use std::str::FromStr;

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use super::{Packs, Rules, builtin_infos};

/// The text of the schema that policies are checked against.
pub(crate) const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");

/// A file of Cedar policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct PolicyError {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1; the policy's first line where the error is about a whole policy.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// Parses and checks user files. Each is taken as a whole or not at all.
pub(crate) fn load(files: &[PolicyFile]) -> (Vec<Rules>, Vec<PolicyError>) {
    let mut all = Vec::new();
    let mut errors = Vec::new();
    if files.is_empty() {
        return (all, errors);
    }
    // The schema is part of the program; a test parses it.
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("the built-in schema parses");
    let validator = Validator::new(schema);
    let mut taken: Vec<String> = builtin_infos(Packs::ALL).map(|info| info.id).collect();
    for file in files {
        match check(file, &validator, &taken) {
            Ok(rules) => {
                taken.extend(rules.infos().map(|info| info.id.clone()));
                all.push(rules);
            }
            Err(found) => errors.extend(found),
        }
    }
    (all, errors)
}

fn check(
    file: &PolicyFile,
    validator: &Validator,
    taken: &[String],
) -> Result<Rules, Vec<PolicyError>> {
    let error = |line: usize, what: String| PolicyError {
        file: file.name.clone(),
        line,
        what,
    };
    let policies = PolicySet::from_str(&file.text).map_err(|found| {
        found
            .iter()
            .map(|one| {
                let offset = one
                    .labels()
                    .and_then(|mut labels| labels.next())
                    .map_or(0, |label| label.offset());
                let help = one
                    .help()
                    .map_or_else(String::new, |help| format!(" ({help})"));
                error(line_of(&file.text, offset), format!("{one}{help}"))
            })
            .collect::<Vec<_>>()
    })?;
    let report = validator.validate(&policies, ValidationMode::Strict);
    let invalid: Vec<PolicyError> = report
        .validation_errors()
        .map(|one| error(policy_line(&file.text, one.policy_id()), one.to_string()))
        .collect();
    if !invalid.is_empty() {
        return Err(invalid);
    }
    let rules = Rules::new(policies)
        .map_err(|(id, what)| vec![error(policy_line(&file.text, &id), what)])?;
    let mut seen: Vec<&str> = taken.iter().map(String::as_str).collect();
    for (id, info) in &rules.infos {
        if seen.contains(&info.id.as_str()) {
            return Err(vec![error(
                policy_line(&file.text, id),
                format!(
                    "the rule id `{}` is already taken; choose another @id",
                    info.id
                ),
            )]);
        }
        seen.push(&info.id);
    }
    Ok(rules)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The line of the policy that the parser named `policyN`: its (N+1)th `forbid` or `permit`.
fn policy_line(text: &str, id: &PolicyId) -> usize {
    let number: usize = id
        .to_string()
        .trim_start_matches("policy")
        .parse()
        .unwrap_or_default();
    let heads = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        line.starts_with("forbid") || line.starts_with("permit")
    });
    heads.map(|(at, _)| at + 1).nth(number).unwrap_or(1)
}
