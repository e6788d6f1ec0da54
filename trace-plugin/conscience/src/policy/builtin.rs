//! The built-in rules, compiled in: what the Cedar policies of `policies/` say, as a table that needs no parser.
//!
//! A process that answers one question and is gone cannot afford to read policies first: Cedar's parser alone would cost it
//! more than everything else that it does to judge. The policies' text stays the source of truth: `compile` (tests only)
//! makes the table in `table.rs` out of it, and holds the two equal, in words and in verdicts, against Cedar itself.

use super::About;
use super::pack::{Pack, Packs};
use super::rule::{RuleInfo, Source};
use super::table::RULES;
use crate::effect::{Effect, EffectKind};

/// A built-in rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) pack: Pack,
    pub(super) effect: &'static str,
    pub(super) severity: u32,
    pub(super) kinds: &'static [EffectKind],
    pub(super) values: &'static [&'static str],
    pub(super) reason: &'static str,
    pub(super) advice: &'static str,
    pub(super) when: When,
}

/// A condition on one effect: the part of Cedar's language that the built-in policies are written in.
#[derive(Debug)]
pub(super) enum When {
    /// The policy has no condition.
    Always,
    /// `context.manner == "…"`
    Is(Text, &'static str),
    /// `["…", …].contains(context.place)`
    OneOf(Text, &'static [&'static str]),
    /// `context.recursive`
    Flag(Flag),
    /// `context.also.contains("…")`
    Also(&'static str),
    /// `!…`, and `!=`
    Not(&'static When),
    /// `… && …`
    All(&'static [When]),
    /// `… || …`
    Any(&'static [When]),
}

/// The texts of an effect and of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Text {
    Target,
    Place,
    Manner,
    Program,
    Role,
    Channel,
    Runtime,
    Cwd,
}

/// The flags of an effect and of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Flag {
    Recursive,
    Forced,
    SessionReadSecret,
}

impl When {
    /// Whether it holds for `effect` of the call that `about` tells of.
    fn holds(&self, effect: &Effect, about: &About<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Is(text, word) => text.of(effect, about) == *word,
            Self::OneOf(text, words) => words.contains(&text.of(effect, about)),
            Self::Flag(flag) => flag.of(effect, about),
            Self::Also(kind) => about.kinds.contains(kind),
            Self::Not(when) => !when.holds(effect, about),
            Self::All(whens) => whens.iter().all(|when| when.holds(effect, about)),
            Self::Any(whens) => whens.iter().any(|when| when.holds(effect, about)),
        }
    }
}

impl Text {
    const ALL: [Self; 8] = [
        Self::Target,
        Self::Place,
        Self::Manner,
        Self::Program,
        Self::Role,
        Self::Channel,
        Self::Runtime,
        Self::Cwd,
    ];

    /// What policies call it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Place => "place",
            Self::Manner => "manner",
            Self::Program => "program",
            Self::Role => "role",
            Self::Channel => "channel",
            Self::Runtime => "runtime",
            Self::Cwd => "cwd",
        }
    }

    /// The one that policies call so.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|text| text.as_str() == name)
    }

    /// What it says of `effect` and the call that `about` tells of.
    pub(super) fn of<'a>(self, effect: &'a Effect, about: &About<'a>) -> &'a str {
        match self {
            Self::Target => &effect.target,
            Self::Place => effect.place.as_str(),
            Self::Manner => effect.manner,
            Self::Program => &effect.program,
            Self::Role => about.situation.role.as_deref().unwrap_or_default(),
            Self::Channel => about.situation.channel.as_deref().unwrap_or_default(),
            Self::Runtime => &about.call.runtime,
            Self::Cwd => about.call.cwd.as_deref().unwrap_or_default(),
        }
    }
}

impl Flag {
    const ALL: [Self; 3] = [Self::Recursive, Self::Forced, Self::SessionReadSecret];

    /// What policies call it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Forced => "forced",
            Self::SessionReadSecret => "session_read_secret",
        }
    }

    /// The one that policies call so.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.as_str() == name)
    }

    /// Whether it is up for `effect` and the call that `about` tells of.
    pub(super) fn of(self, effect: &Effect, about: &About<'_>) -> bool {
        match self {
            Self::Recursive => effect.recursive,
            Self::Forced => effect.forced,
            Self::SessionReadSecret => !about.situation.secrets_read.is_empty(),
        }
    }
}

impl Rule {
    /// The rule as people read it.
    pub(super) fn info(&self) -> RuleInfo {
        RuleInfo {
            id: self.id.to_owned(),
            reason: self.reason.to_owned(),
            values: self.values.iter().map(|&value| value.to_owned()).collect(),
            advice: Some(self.advice.to_owned()),
            effect: self.effect,
            severity: self.severity,
            effects: self
                .kinds
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            source: Source::Pack(self.pack),
        }
    }
}

/// The rules of `packs` that object to `effect` of the call that `about` tells of, in the order of the policies.
pub(super) fn matching<'a>(
    effect: &'a Effect,
    about: &'a About<'a>,
    packs: Packs,
) -> impl Iterator<Item = &'static Rule> + 'a {
    RULES.iter().filter(move |rule| {
        rule.kinds.contains(&effect.kind) && packs.has(rule.pack) && rule.when.holds(effect, about)
    })
}

/// The conditions of the built-in rules of `packs`, with the kinds that they look at.
pub(super) fn conditions(
    packs: Packs,
) -> impl Iterator<Item = (RuleInfo, &'static [EffectKind], &'static When)> {
    RULES
        .iter()
        .filter(move |rule| packs.has(rule.pack))
        .map(|rule| (rule.info(), rule.kinds, &rule.when))
}

/// Every built-in rule of `packs`.
pub(crate) fn infos(packs: Packs) -> impl Iterator<Item = RuleInfo> {
    RULES
        .iter()
        .filter(move |rule| packs.has(rule.pack))
        .map(Rule::info)
}
