//! The rules of what a secret looks like, and of places where secrets stand: our own table and gitleaks' tables.
//!
//! A rule has keywords, one of which must occur before its pattern is even compiled, a pattern whose group is what is
//! masked, and a check for what a pattern cannot say. A Worker looks for patterns by the small engine in `pattern.rs`, all
//! others by `regex`; both find the same. The order is the precedence: where two rules meet, the first names it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

#[cfg(target_arch = "wasm32")]
use crate::pattern::Pattern as Engine;
use crate::random;
#[cfg(not(target_arch = "wasm32"))]
use regex::Regex as Engine;

mod gitleaks;
mod own;

/// The literals of a rule.
#[derive(Clone, Copy)]
enum Keywords {
    Listed(&'static [&'static str]),
    /// Separated by blanks.
    Joined(&'static str),
}

/// Who wrote a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// We.
    Smoltbot,
    /// The authors of gitleaks, under the MIT licence.
    Gitleaks,
}

impl Origin {
    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smoltbot => "smoltbot",
            Self::Gitleaks => "gitleaks",
        }
    }
}

/// A format of a secret.
pub(crate) struct Rule {
    /// The name in the placeholder.
    pub(crate) id: &'static str,
    keywords: Keywords,
    /// Whether a keyword must have exactly this case.
    pub(crate) exact: bool,
    pattern: Cow<'static, str>,
    /// Whether the pattern is the secret itself, which then must not begin inside a word.
    token: bool,
    /// The least entropy of the group, in bits a byte.
    entropy: f64,
    /// What else must hold of the group.
    check: fn(&str) -> bool,
    /// Whether it is a reason to reject a trace, not only to mask what it finds.
    pub(crate) accuses: bool,
    pub(crate) origin: Origin,
    engine: OnceLock<Engine>,
}

impl Rule {
    /// Literals, one of which is in every match.
    pub(crate) fn keywords(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (listed, joined) = match self.keywords {
            Keywords::Listed(listed) => (listed, None),
            Keywords::Joined(joined) => (&[][..], Some(joined.split(' '))),
        };
        listed.iter().copied().chain(joined.into_iter().flatten())
    }

    /// Whether what the pattern found is a secret.
    pub(crate) fn is_secret(&self, group: &str) -> bool {
        (self.entropy <= 0.0 || random::entropy(group) >= self.entropy) && (self.check)(group)
    }

    /// Where the pattern's group, the secret, stands in every match.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn groups(&self, text: &str) -> Vec<Range<usize>> {
        self.engine().groups(text)
    }

    /// Where the pattern's group, the secret, stands in every match.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn groups(&self, text: &str) -> Vec<Range<usize>> {
        let group = |captures: regex::Captures<'_>| Some(captures.get(1)?.range());
        self.engine()
            .captures_iter(text)
            .filter_map(group)
            .collect()
    }

    /// The pattern, compiled once.
    fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| {
            let whole = self.whole_pattern();
            #[cfg(target_arch = "wasm32")]
            let engine = Engine::parse(&whole);
            #[cfg(not(target_arch = "wasm32"))]
            let engine = Engine::new(&whole);
            // The table is fixed and a test compiles every row.
            engine.unwrap_or_else(|error| unreachable!("rule {}: {error}", self.id))
        })
    }

    /// The pattern with what must stand before it.
    pub(crate) fn whole_pattern(&self) -> String {
        if self.token {
            // A token may follow an escape that ends in a letter: `\nghp_…` in JSON within a string.
            format!(r"(?:^|[^A-Za-z0-9]|\\[nrt])({})", self.pattern)
        } else {
            self.pattern.clone().into_owned()
        }
    }

    fn when(mut self, check: fn(&str) -> bool) -> Self {
        self.check = check;
        self
    }

    fn masks_only(mut self) -> Self {
        self.accuses = false;
        self
    }
}

fn always(_: &str) -> bool {
    true
}

/// A secret that is known by its own look.
fn token(
    id: &'static str,
    keywords: &'static [&'static str],
    pattern: impl Into<Cow<'static, str>>,
) -> Rule {
    Rule {
        id,
        keywords: Keywords::Listed(keywords),
        exact: true,
        pattern: pattern.into(),
        token: true,
        entropy: 0.0,
        check: always,
        accuses: true,
        origin: Origin::Smoltbot,
        engine: OnceLock::new(),
    }
}

/// A secret that is known by what stands around it; keywords in any case.
fn place(
    id: &'static str,
    keywords: &'static [&'static str],
    pattern: impl Into<Cow<'static, str>>,
) -> Rule {
    Rule {
        exact: false,
        token: false,
        ..token(id, keywords, pattern)
    }
}

/// Every rule.
pub(crate) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let mut rules = own::formats();
    gitleaks::tokens(&mut rules);
    own::places(&mut rules);
    #[cfg(not(target_arch = "wasm32"))]
    gitleaks::near(&mut rules);
    rules
});

/// Rules that are not in the table: by name, by what an encoding hides, by structure, personal data, and what would not come
/// to rest.
const OTHERS: &[&str] = &[
    "discord-bot-token",
    "kubernetes-secret",
    crate::mask::UNSETTLED,
];

/// What is told of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleInfo {
    /// The name, as it stands in placeholders.
    pub name: &'static str,
    /// Who wrote it.
    pub origin: Origin,
    /// Whether an edge rejects what it finds; if not, it is only masked at the source.
    pub accuses: bool,
    /// Whether it looks for personal data, which is masked only where that was asked for.
    pub personal: bool,
}

/// All rules by name, without doubles.
pub fn rules() -> Vec<RuleInfo> {
    let table = RULES
        .iter()
        .map(|rule| (rule.id, rule.origin, rule.accuses, false));
    let named = crate::names::RULES.iter().map(|name| (*name, true, false));
    let others = OTHERS.iter().map(|name| (*name, false, false));
    let personal = crate::pii::RULES.iter().map(|name| (*name, false, true));
    let ours = named.chain(others).chain(personal);
    let ours = ours.map(|(name, accuses, personal)| (name, Origin::Smoltbot, accuses, personal));
    let mut rules: Vec<_> = table
        .chain(ours)
        .map(|(name, origin, accuses, personal)| RuleInfo {
            name,
            origin,
            accuses,
            personal,
        })
        .collect();
    // Of two with one name the one that accuses is told.
    rules.sort_by_key(|rule| (rule.name, !rule.accuses));
    rules.dedup_by_key(|rule| rule.name);
    rules
}

/// The names of all rules, as they stand in placeholders; sorted, without doubles.
pub fn rule_names() -> Vec<&'static str> {
    rules().into_iter().map(|rule| rule.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles_and_has_one_group() {
        for rule in RULES.iter() {
            assert_eq!(rule.engine().captures_len(), 2, "{}", rule.id);
            assert!(rule.engine().find("").is_none(), "{}", rule.id);
            assert!(rule.keywords().next().is_some(), "{}", rule.id);
        }
    }

    #[test]
    fn there_are_at_least_two_hundred_rules_with_names_for_placeholders() {
        let names = rule_names();
        assert!(names.len() >= 200, "{}", names.len());
        for name in names {
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
    }
}
