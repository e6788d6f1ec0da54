//! Policy files. A file that is wrong is reported and left out as a whole; everything else stays in force.
//!
//! Nothing is read here: whoever holds the files hands their texts in.

use std::str::FromStr as _;
use std::sync::OnceLock;

use cedar_policy::{Effect, Policy, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use super::exception::{self, BEYOND_EXCEPTIONS};
use super::rule::{self, Source};
use super::rules::{Compiled, Rules};
use super::statements::{Statement, statements};
use super::{Packs, builtin_infos};
use crate::limits::MAX_POLICY_SIGNS;

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
    /// The line, from 1; that of the policy's `forbid` or `permit` where the error is about a whole policy.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// Whose files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The operator's: they may forbid, ask and lift.
    Operator,
    /// The workspace's, which the agent may have written: they may only forbid and ask.
    Project,
}

/// Parses and checks files, each of which is taken as a whole or not at all. `before` are rules whose ids are taken.
pub(crate) fn load(
    files: &[PolicyFile],
    owner: Owner,
    before: &[&Rules],
) -> (Rules, Vec<PolicyError>) {
    let mut rules = Rules::default();
    let mut errors = Vec::new();
    if files.is_empty() {
        return (rules, errors);
    }
    let mut taken: Vec<String> = builtin_infos(Packs::ALL).map(|info| info.id).collect();
    for rules in before {
        taken.extend(rules.infos().map(|info| info.id.clone()));
        taken.extend(rules.exceptions().map(|info| info.id.clone()));
    }
    for file in files {
        match (Reading { file, owner }).read(&mut taken) {
            Ok((read, exceptions)) => {
                read.into_iter().for_each(|rule| rules.rules.push(rule));
                exceptions
                    .into_iter()
                    .for_each(|exception| rules.exceptions.push(exception));
            }
            Err(found) => errors.extend(found),
        }
    }
    (rules, errors)
}

type Read = (
    Vec<Compiled<rule::RuleInfo>>,
    Vec<Compiled<exception::Exception>>,
);

/// One file that is being read.
struct Reading<'a> {
    file: &'a PolicyFile,
    owner: Owner,
}

impl Reading<'_> {
    fn error(&self, line: usize, what: impl Into<String>) -> PolicyError {
        PolicyError {
            file: self.file.name.clone(),
            line,
            what: what.into(),
        }
    }

    fn read(&self, taken: &mut Vec<String>) -> Result<Read, Vec<PolicyError>> {
        // Editors of some systems write a byte order mark; it says nothing.
        let text = self.file.text.trim_start_matches('\u{feff}');
        if let Some(at) = text.find('\0') {
            let what = "there is a NUL byte: save the file as plain UTF-8 text";
            return Err(vec![self.error(line_of(text, at), what)]);
        }
        let statements = statements(text);
        if let Some(long) = statements.iter().find(|one| one.signs > MAX_POLICY_SIGNS) {
            let what = format!(
                "the policy combines more than {MAX_POLICY_SIGNS} signs: write several policies, or a set such as [\"a\", \"b\"].contains(…)"
            );
            return Err(vec![self.error(long.line, what)]);
        }
        let policies = PolicySet::from_str(text).map_err(|found| self.unparsed(text, &found))?;
        if let Some(template) = policies.templates().next() {
            let line = line(&statements, template.id());
            let what = "the policy has a slot (?principal or ?resource): write out what it means";
            return Err(vec![self.error(line, what)]);
        }
        let report = validator().validate(&policies, ValidationMode::Strict);
        let invalid: Vec<PolicyError> = report
            .validation_errors()
            .map(|one| self.error(line(&statements, one.policy_id()), said(one)))
            .collect();
        if !invalid.is_empty() {
            return Err(invalid);
        }
        let mut numbered: Vec<&Policy> = policies.policies().collect();
        numbered.sort_by_key(|policy| number(policy.id()));
        let mut read = (Vec::new(), Vec::new());
        let mut ids: Vec<String> = Vec::new();
        for policy in numbered {
            let line = line(&statements, policy.id());
            let id = self
                .one(policy, line, &mut read)
                .map_err(|what| vec![self.error(line, what)])?;
            if taken.contains(&id) || ids.contains(&id) {
                let what = format!("the rule id `{id}` is already taken; choose another @id");
                return Err(vec![self.error(line, what)]);
            }
            ids.push(id);
        }
        taken.append(&mut ids);
        Ok(read)
    }

    /// Reads one policy and returns its id.
    fn one(&self, policy: &Policy, line: usize, read: &mut Read) -> Result<String, String> {
        let name = self.file.name.clone();
        let source = match self.owner {
            Owner::Operator => Source::Operator(name, line),
            Owner::Project => Source::Project(name, line),
        };
        let id = if policy.effect() == Effect::Forbid {
            let info = rule::read(policy, source)?;
            let id = info.id.clone();
            read.0.push(Compiled::new(policy, info)?);
            id
        } else if self.owner == Owner::Project {
            return Err(
                "a workspace's policies can only forbid: exceptions (`permit`) belong into the operator's own directory, and whatever no rule objects to is allowed anyway".to_owned(),
            );
        } else {
            let info = exception::read(policy, source)?;
            let id = info.id.clone();
            read.1.push(Compiled::new(policy, info)?);
            id
        };
        let reserved = BEYOND_EXCEPTIONS
            .into_iter()
            .find(|(beginning, _)| id.starts_with(beginning));
        match reserved {
            Some((beginning, _)) => Err(format!(
                "ids that begin with `{beginning}` are smoltbot's own; choose another @id"
            )),
            None => Ok(id),
        }
    }

    fn unparsed(&self, text: &str, found: &cedar_policy::ParseErrors) -> Vec<PolicyError> {
        found
            .iter()
            .map(|one| {
                let offset = one
                    .labels()
                    .and_then(|mut labels| labels.next())
                    .map_or(0, |label| label.offset());
                let line = line_of(text, offset);
                let mut what = said(one);
                let begins = |word| {
                    let here = text.lines().nth(line - 1).unwrap_or_default();
                    here.trim_start_matches(['@', '#', ' ']).starts_with(word)
                };
                if ["include", "import"].into_iter().any(begins) {
                    what.push_str(
                        "; Cedar has no includes: every *.cedar file of the directory is read",
                    );
                }
                self.error(line, what)
            })
            .collect()
    }
}

/// An error with its help.
fn said(error: &(impl Diagnostic + std::fmt::Display)) -> String {
    let help = error
        .help()
        .map_or_else(String::new, |help| format!(" ({help})"));
    format!("{error}{help}")
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| {
        // The schema is part of the program; a test parses it.
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("the built-in schema parses");
        Validator::new(schema)
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// The number in the name that the parser gave a policy: `policyN`, from 0.
fn number(id: &impl ToString) -> usize {
    let id = id.to_string();
    id.trim_start_matches("policy").parse().unwrap_or_default()
}

fn line(statements: &[Statement], id: &impl ToString) -> usize {
    statements.get(number(id)).map_or(1, |one| one.line)
}
