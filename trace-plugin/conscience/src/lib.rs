//! The conscience: reads a tool call into **effects** and judges those by policies, before the call runs.
//!
//! In scope: what a call would do (shell lines by parsing, file tools by their paths, SQL and HTTP by their arguments),
//! the built-in policies, user policies, and the explanation of a verdict. A call whose effects nobody objects to is
//! allowed; what is only mentioned has no effect.
//!
//! Not in scope: the words themselves (`ToolCall`, `Verdict`: crate `aap`), stopping the call and recording it (crate
//! `trace-plugin`), masking secrets in what is recorded (crate `redact`). No I/O, no clock, no randomness: what must be
//! known of the machine comes through [`World`].

// File names are compared as the systems compare them, and tables of programs keep one line a program even where
// two lines come to the same.
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::match_same_arms,
    clippy::needless_for_each
)]

mod builder;
pub mod card;
mod code;
mod effect;
mod escape;
mod glob;
mod host;
pub mod limits;
mod own;
mod path;
mod place;
mod policy;
mod powershell;
mod programs;
mod secret;
mod shell;
mod situation;
mod sql;
mod tools;
mod tools_files;
mod tools_money;
mod tools_remote;
mod tools_server;
mod tools_verdict;
mod verbs;
mod world;

pub use builder::Builder;
pub use effect::{Effect, EffectKind};
pub use place::Place;
pub use policy::{
    Exception, Finding, Lifted, Objection, Pack, Packs, PacksError, PolicyError, PolicyFile,
    RuleInfo, STANDARD_VALUES, Source,
};
pub use situation::Situation;
pub use world::{NoWorld, World};

use std::sync::Arc;

use aap::{Decision, Timestamp, ToolCall, Verdict};
use card::CardRules;
use policy::{Judge, Rules};
use shell::{Found, Shell};

/// The judge of tool calls. Cheap to share in an `Arc`.
pub struct Conscience {
    packs: Packs,
    operator: Arc<Rules>,
    project: Rules,
    card: Option<Arc<CardRules>>,
}

/// The way to a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The verdict itself.
    pub verdict: Verdict,
    /// The commands that were found after taking off wrappers, shells and substitutions, in order.
    pub commands: Vec<String>,
    /// What the call would do.
    pub effects: Vec<Effect>,
    /// Every rule that objected, gravest first.
    pub objections: Vec<Objection>,
    /// What the operator's exceptions lifted, gravest first.
    pub lifted: Vec<Lifted>,
    /// What it would read that is secret, as effects' targets: what [`Situation::remember`] takes once the call has run.
    pub secrets_read: Vec<String>,
}

impl Conscience {
    /// The built-in rules of the packs that are on by default. They are compiled in: nothing has to be parsed first.
    pub fn builtin() -> Self {
        Self {
            packs: Packs::default(),
            operator: Arc::default(),
            project: Rules::default(),
            card: None,
        }
    }

    /// Puts a conscience together: packs, the operator's files, the project's.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The built-in rules and user files. A file that is wrong is reported and left out as a whole; the built-in
    /// rules and the other files stay in force.
    pub fn with_policies(user: Vec<PolicyFile>) -> (Self, Vec<PolicyError>) {
        Self::builder().user(user).build()
    }

    /// The verdict on `call`, of whose situation nothing is known.
    pub fn judge(&self, call: &ToolCall, world: &dyn World) -> Verdict {
        self.judge_in(call, world, &Situation::default())
    }

    /// The verdict on `call`. The same call in the same world and situation always gets the same one.
    pub fn judge_in(&self, call: &ToolCall, world: &dyn World, situation: &Situation) -> Verdict {
        self.judge_effects(call, &read(call, world), situation)
            .verdict
    }

    /// As [`judge_in`](Self::judge_in), with what the call would read that is secret: for
    /// [`Situation::remember`], if the call is then allowed to run.
    pub fn judge_and_learn(
        &self,
        call: &ToolCall,
        world: &dyn World,
        situation: &Situation,
    ) -> (Verdict, Vec<String>) {
        let found = read(call, world);
        let verdict = self.judge_effects(call, &found, situation).verdict;
        (verdict, secrets_read(&found))
    }

    /// The verdict on `call` and the way to it, of whose situation nothing is known.
    pub fn explain(&self, call: &ToolCall, world: &dyn World) -> Explanation {
        self.explain_in(call, world, &Situation::default())
    }

    /// The verdict on `call` and the way to it.
    pub fn explain_in(
        &self,
        call: &ToolCall,
        world: &dyn World,
        situation: &Situation,
    ) -> Explanation {
        let found = read(call, world);
        let Judged {
            verdict,
            objections,
            lifted,
        } = self.judge_effects(call, &found, situation);
        let secrets_read = secrets_read(&found);
        let commands = found.runs.into_iter().map(|run| run.target).collect();
        Explanation {
            verdict,
            commands,
            effects: found.effects,
            objections,
            lifted,
            secrets_read,
        }
    }

    /// Every rule in force: built-in ones, the card's, the operator's, the project's.
    pub fn rules(&self) -> Vec<RuleInfo> {
        let card = self.card.iter().flat_map(|card| card.infos());
        let files = self.operator.infos().chain(self.project.infos());
        policy::builtin_infos(self.packs)
            .chain(card.chain(files).cloned())
            .collect()
    }

    /// The built-in rules of the packs that are off.
    pub fn rules_off(&self) -> Vec<RuleInfo> {
        policy::builtin_infos(Packs::ALL)
            .filter(|rule| matches!(rule.source, Source::Pack(pack) if !self.packs.has(pack)))
            .collect()
    }

    /// The operator's exceptions, also those that have no force any more.
    pub fn exceptions(&self) -> Vec<Exception> {
        self.operator.exceptions().cloned().collect()
    }

    /// What the authors of the files should look at: rules that never fire or never decide, exceptions that lift nothing.
    /// `at` is now; none leaves out what has expired.
    pub fn lint(&self, at: Option<Timestamp>) -> Vec<Finding> {
        let card: Vec<RuleInfo> = self
            .card
            .iter()
            .flat_map(|card| card.infos().cloned())
            .collect();
        policy::lint([&self.operator, &self.project], self.packs, &card, at)
    }

    fn judge_effects(&self, call: &ToolCall, found: &Found, situation: &Situation) -> Judged {
        // No built-in rule looks at what is merely run.
        let run = EffectKind::Run;
        let runs: &[Effect] = if self.operator.look_at(run) || self.project.look_at(run) {
            &found.runs
        } else {
            &[]
        };
        let mut lifted = Vec::new();
        let mut objections = self.card.as_ref().map_or_else(Vec::new, |card| {
            card.objections(call, &found.effects, &found.runs)
        });
        if objections.is_empty() && found.effects.is_empty() && runs.is_empty() {
            return Judged {
                verdict: Verdict::allow(ALLOWED),
                objections,
                lifted,
            };
        }
        let files = (&*self.operator, &self.project);
        let judge = Judge::new(call, situation, &found.effects, self.packs, files);
        for effect in found.effects.iter().chain(runs) {
            judge.judge(effect, &mut objections, &mut lifted);
        }
        // Refusals before questions, the gravest first; the sort is stable, so the first found wins a tie.
        objections.sort_by_key(gravity);
        lifted.sort_by_key(|lifted| gravity(&lifted.objection));
        let mut effects: Vec<String> = found.effects.iter().map(ToString::to_string).collect();
        effects.sort_unstable();
        effects.dedup();
        let exception = lifted.first().map(|lifted| &lifted.exception);
        let verdict = match (objections.first(), exception) {
            (None, None) => Verdict {
                effects,
                ..Verdict::allow(ALLOWED)
            },
            (None, Some(exception)) => Verdict {
                effects,
                exception: Some(exception.id.clone()),
                ..Verdict::allow(format!("Allowed by an exception: {}", exception.reason))
            },
            (Some(gravest), exception) => Verdict {
                decision: gravest.rule.decision(),
                reason: gravest.reason.clone(),
                values_violated: values(&objections),
                rule_id: Some(gravest.rule.id.clone()),
                advice: gravest.rule.advice.clone(),
                effects,
                exception: exception.map(|exception| exception.id.clone()),
            },
        };
        Judged {
            verdict,
            objections,
            lifted,
        }
    }
}

/// A verdict and what led to it.
struct Judged {
    verdict: Verdict,
    objections: Vec<Objection>,
    lifted: Vec<Lifted>,
}

/// Sorts refusals before questions, the gravest first.
fn gravity(objection: &Objection) -> std::cmp::Reverse<(bool, u32)> {
    let rule = &objection.rule;
    std::cmp::Reverse((rule.decision() == Decision::Deny, rule.severity))
}

/// The values that running the call would violate, each once.
fn values(objections: &[Objection]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in objections
        .iter()
        .flat_map(|objection| &objection.rule.values)
    {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    values
}

/// The reason of an allowance.
const ALLOWED: &str = "No rule objects";

/// The targets of what a call reads that is secret, each once.
fn secrets_read(found: &Found) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    for effect in &found.effects {
        if effect.kind == EffectKind::ReadSecret && !secrets.contains(&effect.target) {
            secrets.push(effect.target.clone());
        }
    }
    secrets
}

fn read(call: &ToolCall, world: &dyn World) -> Found {
    let mut shell = Shell::new(world, call.cwd.as_deref());
    tools::read(&mut shell, call);
    shell.found
}
