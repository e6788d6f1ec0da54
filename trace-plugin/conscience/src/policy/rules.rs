//! The rules and exceptions of files, found by the kind of effect that they look at.
//!
//! Cedar decides, but only about policies that may match: those that look at the effect's kind and whose condition, as far as
//! it can be told without Cedar, holds. So a hundred rules for `run` cost a hundred comparisons, not a hundred evaluations.

use cedar_policy::{Policy, PolicySet, Request};

use super::cedar::{Answer, Cedar};
use super::condition::Condition;
use super::exception::Exception;
use super::rule::RuleInfo;
use super::{About, index};
use crate::effect::{Effect, EffectKind};

/// One policy of a file.
#[derive(Debug)]
pub(super) struct Compiled<T> {
    /// What people read.
    pub(super) info: T,
    /// The kinds of effect that it looks at.
    pub(super) kinds: Vec<EffectKind>,
    /// Its condition, as far as it is understood.
    pub(super) condition: Condition,
    /// Whether its scope asks for an agent or a tool.
    pub(super) is_scoped: bool,
    /// The tool that its scope names.
    pub(super) tool: Option<String>,
    /// It alone, for Cedar.
    policy: PolicySet,
}

impl<T> Compiled<T> {
    /// Makes `policy` ready; the error tells what Cedar could not do with it.
    pub(super) fn new(policy: &Policy, info: T) -> Result<Self, String> {
        let json = policy.to_json().map_err(|error| error.to_string())?;
        let scoped = |what: &str| json[what]["op"] != "All";
        Ok(Self {
            info,
            kinds: super::rule::kinds(policy),
            condition: Condition::of(&json),
            is_scoped: scoped("principal") || scoped("resource"),
            tool: json["resource"]["entity"]["id"].as_str().map(str::to_owned),
            policy: PolicySet::from_policies([policy.clone()])
                .map_err(|error| error.to_string())?,
        })
    }

    fn answer(&self, asked: &Asked<'_>) -> Answer {
        if self.condition.holds(asked.effect, asked.about) == Some(false) {
            return Answer::DoesNot;
        }
        let request = asked
            .request
            .get_or_init(|| asked.cedar.request(asked.effect, asked.about));
        request.as_ref().map_or(Answer::Unworkable, |request| {
            asked.cedar.ask(&self.policy, request)
        })
    }
}

/// One effect that files' policies are asked about.
pub(super) struct Asked<'a> {
    pub(super) effect: &'a Effect,
    pub(super) about: &'a About<'a>,
    cedar: &'a Cedar<'a>,
    /// Made when the first policy needs it.
    request: std::cell::OnceCell<Option<Request>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(effect: &'a Effect, about: &'a About<'a>, cedar: &'a Cedar<'a>) -> Self {
        Self {
            effect,
            about,
            cedar,
            request: std::cell::OnceCell::new(),
        }
    }
}

/// Policies of one sort, by kind of effect.
#[derive(Debug)]
pub(super) struct Indexed<T> {
    all: Vec<Compiled<T>>,
    by_kind: [Vec<usize>; EffectKind::ALL.len()],
}

impl<T> Default for Indexed<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            by_kind: std::array::from_fn(|_| Vec::new()),
        }
    }
}

impl<T> Indexed<T> {
    pub(super) fn push(&mut self, policy: Compiled<T>) {
        for kind in &policy.kinds {
            self.by_kind[index(*kind)].push(self.all.len());
        }
        self.all.push(policy);
    }

    pub(super) fn all(&self) -> &[Compiled<T>] {
        &self.all
    }

    fn of(&self, kind: EffectKind) -> impl Iterator<Item = &Compiled<T>> {
        self.by_kind[index(kind)].iter().map(|at| &self.all[*at])
    }
}

/// What files say.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(super) rules: Indexed<RuleInfo>,
    pub(super) exceptions: Indexed<Exception>,
}

impl Rules {
    pub(crate) fn infos(&self) -> impl Iterator<Item = &RuleInfo> {
        self.rules.all.iter().map(|rule| &rule.info)
    }

    pub(crate) fn exceptions(&self) -> impl Iterator<Item = &Exception> {
        self.exceptions.all.iter().map(|exception| &exception.info)
    }

    /// Whether any policy looks at effects of this kind.
    pub(crate) fn look_at(&self, kind: EffectKind) -> bool {
        !self.rules.by_kind[index(kind)].is_empty()
    }

    /// The rules that object. One that cannot be worked out objects too: it is there to stop something, and what it would
    /// have said is unknown. Only where nobody knows the time, a rule that asks for it has no say.
    pub(super) fn objecting<'a>(
        &'a self,
        asked: &'a Asked<'_>,
    ) -> impl Iterator<Item = &'a RuleInfo> {
        let time_is_known = asked.about.situation.at.is_some();
        self.rules
            .of(asked.effect.kind)
            .filter(move |rule| match rule.answer(asked) {
                Answer::Matches => true,
                Answer::DoesNot => false,
                Answer::Unworkable => time_is_known,
            })
            .map(|rule| &rule.info)
    }

    /// The exceptions in force that lift objections of the rule of that id.
    pub(super) fn lifting<'a>(
        &'a self,
        rule: &'a str,
        asked: &'a Asked<'_>,
    ) -> impl Iterator<Item = &'a Exception> {
        self.exceptions
            .of(asked.effect.kind)
            .filter(move |exception| {
                let at = asked.about.situation.at;
                exception.info.names(rule)
                    && !exception.info.is_expired(at)
                    && exception.answer(asked) == Answer::Matches
            })
            .map(|exception| &exception.info)
    }
}
