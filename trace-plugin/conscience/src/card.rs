//! The rules that follow from the agent's alignment card: what it forbids is refused, what it escalates is asked about.
//!
//! In scope: turning a card into rules, and what those object to in one call. They are read the safer way
//! ([`aap::card::names`]): a forbidden name means the tool under any of its spellings, a program that the call runs, or a
//! kind of effect. So what a card shows to the world is what decides here.
//!
//! A card's rules stand beside the policies, and the strictest of all decides. They are neither packs nor files: no
//! configuration switches them off and no exception lifts them, because the published card would then say what is not
//! so. What `bounded_actions` names is free of the card's rules, not of the policies: a bounded tool may be used as far as
//! no rule objects to the single call.
//!
//! Not in scope: whether a text is a card ([`aap::card::read`], which tells faults by line), and where cards lie.

use aap::card::{AlignmentCard, Condition, EscalationTrigger, names};
use aap::limits::MAX_ID_CHARS;
use aap::{ToolCall, card};
use serde_json::Value;

use crate::effect::Effect;
use crate::policy::{Objection, RuleInfo, Source};

pub use aap::trace::NEW_TOOL;

/// Severities: a card's refusals are reported before all but the gravest of the policies', its questions before most.
const FORBIDDEN: u32 = 95;
const DENIED_BY_TRIGGER: u32 = 90;
const ASKED_BY_TRIGGER: u32 = 60;
const OVER_LIMIT: u32 = 60;
const UNBOUNDED: u32 = 50;

/// Words that are part of the shell itself. A card that forbids the tool `read` does not forbid `while read line`.
const BUILTINS: [&str; 21] = [
    "alias", "cd", "command", "echo", "eval", "exec", "exit", "export", "jobs", "kill", "printf",
    "pwd", "read", "return", "set", "source", "test", "trap", "type", "unset", "wait",
];

/// What a card says that cannot be judged by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct CardError {
    /// Where on the card, such as `autonomy.forbidden_actions[2]`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub what: String,
}

/// The rules of one card.
#[derive(Debug, Clone)]
pub struct CardRules {
    card: AlignmentCard,
    /// By the entry's place on the card.
    forbidden: Vec<RuleInfo>,
    /// Those that ask or refuse; a trigger that only logs objects to nothing.
    triggers: Vec<(Condition, RuleInfo)>,
    limit: Option<Limit>,
    unknown: Option<RuleInfo>,
}

/// The most that may be spent without asking.
#[derive(Debug, Clone)]
struct Limit {
    amount: f64,
    currency: Option<String>,
    rule: RuleInfo,
}

/// The rules of `card`.
///
/// # Errors
/// The first thing that cannot be judged by: a condition in none of AAP's forms, or a tool that is both forbidden and
/// bounded. [`aap::card::read`] tells all of them, by line.
pub fn policies(card: &AlignmentCard) -> Result<CardRules, CardError> {
    let autonomy = &card.autonomy;
    for (index, entry) in autonomy.forbidden_actions.iter().enumerate() {
        let bounded = autonomy.bounded_actions.iter();
        let mut both = bounded.filter(|tool| names::means(entry, &names::plain(names::head(tool))));
        if let Some(both) = both.next() {
            return Err(CardError {
                path: format!("autonomy.forbidden_actions[{index}]"),
                what: format!(
                    "`{entry}` forbids what bounded_actions allows as `{both}`; leave one"
                ),
            });
        }
    }
    let mut triggers = Vec::new();
    for (index, trigger) in autonomy.escalation_triggers.iter().enumerate() {
        let path = || format!("autonomy.escalation_triggers[{index}]");
        let condition = Condition::parse(&trigger.condition).map_err(|error| CardError {
            path: format!("{}.condition", path()),
            what: error.to_string(),
        })?;
        let decision = match trigger.action.as_str() {
            "escalate" => "ask",
            "deny" => "forbid",
            "log" => continue,
            other => {
                return Err(CardError {
                    path: format!("{}.action", path()),
                    what: format!("`{other}` is none of escalate, deny, log"),
                });
            }
        };
        triggers.push((condition, escalated(card, index, trigger, decision)));
    }
    Ok(CardRules {
        forbidden: forbidden(card),
        triggers,
        limit: limit(card),
        unknown: unknown(card),
        card: card.clone(),
    })
}

fn rule(
    card: &AlignmentCard,
    id: &str,
    effect: &'static str,
    severity: u32,
    reason: String,
) -> RuleInfo {
    RuleInfo {
        id: id.chars().take(MAX_ID_CHARS).collect(),
        values: values(card, &reason),
        reason,
        advice: Some(advice(card, effect)),
        effect,
        severity,
        effects: Vec::new(),
        source: Source::Card,
    }
}

/// The declared values that a text names; else the one that a principal's word stands under.
fn values(card: &AlignmentCard, text: &str) -> Vec<String> {
    let declared = &card.values.declared;
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let named: Vec<String> = declared
        .iter()
        .filter(|value| text.split(|c| !is_word(c)).any(|word| word == *value))
        .cloned()
        .collect();
    if !named.is_empty() {
        return named;
    }
    let usual = ["user_control", "principal_benefit"]
        .into_iter()
        .find(|value| card.declares(value));
    let usual = usual.or_else(|| declared.first().map(String::as_str));
    usual.map(str::to_owned).into_iter().collect()
}

fn advice(card: &AlignmentCard, effect: &str) -> String {
    let whom = match &card.principal.escalation_contact {
        Some(contact) => contact.as_str(),
        None => "whoever this agent acts for",
    };
    if effect == "ask" {
        format!("Ask {whom} before doing this")
    } else {
        format!("Do without it; only {whom} can change the card (`smoltbot card edit`)")
    }
}

fn forbidden(card: &AlignmentCard) -> Vec<RuleInfo> {
    let entries = card.autonomy.forbidden_actions.iter();
    entries
        .map(|entry| {
            let name = names::head(entry);
            let why = entry.split_once(':').map(|(_, why)| why.trim());
            let why = why.filter(|why| !why.is_empty());
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let reason = format!("The alignment card forbids {name}{why}");
            rule(
                card,
                &format!("card.forbidden.{name}"),
                "forbid",
                FORBIDDEN,
                reason,
            )
        })
        .collect()
}

fn escalated(
    card: &AlignmentCard,
    index: usize,
    trigger: &EscalationTrigger,
    effect: &'static str,
) -> RuleInfo {
    let (says, severity) = if effect == "ask" {
        ("wants a person asked", ASKED_BY_TRIGGER)
    } else {
        ("refuses", DENIED_BY_TRIGGER)
    };
    let why = trigger.reason.trim();
    let colon = if why.is_empty() { "" } else { ": " };
    let reason = format!(
        "The alignment card {says} where {}{colon}{why}",
        trigger.condition
    );
    rule(
        card,
        &format!("card.escalate.{}", index + 1),
        effect,
        severity,
        reason,
    )
}

fn limit(card: &AlignmentCard) -> Option<Limit> {
    let most = card.autonomy.max_autonomous_value.as_ref()?;
    let amount = card::condition::number(most.get("amount")?)?;
    let currency = most
        .get("currency")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let reason = format!(
        "The alignment card wants a person asked above {amount} {}",
        currency.as_deref().unwrap_or("USD")
    );
    Some(Limit {
        amount,
        rule: rule(card, "card.max_autonomous_value", "ask", OVER_LIMIT, reason),
        currency,
    })
}

fn unknown(card: &AlignmentCard) -> Option<RuleInfo> {
    let word = card.extensions.get("smoltbot")?.get("unknown_tools")?;
    let (effect, says) = match word.as_str()? {
        "ask" => (
            "ask",
            "wants a person asked about tools that it does not name",
        ),
        "deny" => ("forbid", "refuses tools that it does not name"),
        _ => return None,
    };
    let reason = format!("The alignment card {says}");
    Some(rule(card, "card.unbounded", effect, UNBOUNDED, reason))
}

impl CardRules {
    /// The card that these are the rules of.
    pub fn card(&self) -> &AlignmentCard {
        &self.card
    }

    /// The rules as people read them: forbidden names, triggers, the limit, unknown tools.
    pub fn infos(&self) -> impl Iterator<Item = &RuleInfo> {
        let triggers = self.triggers.iter().map(|(_, rule)| rule);
        let limit = self.limit.iter().map(|limit| &limit.rule);
        self.forbidden
            .iter()
            .chain(triggers)
            .chain(limit)
            .chain(&self.unknown)
    }

    /// What they object to in `call`, which has these effects and runs these commands.
    pub(crate) fn objections(
        &self,
        call: &ToolCall,
        effects: &[Effect],
        runs: &[Effect],
    ) -> Vec<Objection> {
        if self.infos().next().is_none() {
            return Vec::new();
        }
        let seen = Seen {
            tool: names::plain(&call.tool),
            call,
            effects,
            runs,
        };
        let mut found = Vec::new();
        let entries = self.card.autonomy.forbidden_actions.iter();
        for (entry, rule) in entries.zip(&self.forbidden) {
            if let Some(what) = seen.does(entry) {
                found.push(objection(rule, what));
            }
        }
        let unknown = !self.card.knows(&call.tool);
        for (condition, rule) in &self.triggers {
            if let Some(what) = seen.fires(condition, unknown) {
                found.push(objection(rule, what));
            }
        }
        if let Some(limit) = self.limit.as_ref().filter(|limit| limit.passed(call)) {
            found.push(objection(&limit.rule, seen.tool()));
        }
        if let Some(rule) = self.unknown.as_ref().filter(|_| unknown) {
            found.push(objection(rule, seen.tool()));
        }
        found
    }
}

fn objection(rule: &RuleInfo, effect: String) -> Objection {
    Objection {
        reason: rule.reason.clone(),
        rule: rule.clone(),
        effect,
    }
}

impl Limit {
    /// Whether the call's `amount` is above, or in a currency that cannot be compared.
    fn passed(&self, call: &ToolCall) -> bool {
        let Some(amount) = call.params.get("amount").and_then(card::condition::number) else {
            return false;
        };
        let own = self.currency.as_deref().unwrap_or("USD");
        let other = call.params.get("currency").and_then(Value::as_str);
        amount > self.amount
            || (amount > 0.0 && other.is_some_and(|other| !other.eq_ignore_ascii_case(own)))
    }
}

/// One call, as a card's words are held against it.
struct Seen<'a> {
    tool: String,
    call: &'a ToolCall,
    effects: &'a [Effect],
    runs: &'a [Effect],
}

impl Seen<'_> {
    fn tool(&self) -> String {
        format!("tool:{}", self.call.tool)
    }

    /// Where the call does what `entry` names: by its tool, a program or an effect.
    fn does(&self, entry: &str) -> Option<String> {
        if names::means(entry, &self.tool) {
            return Some(self.tool());
        }
        let name = names::plain(names::head(entry));
        if let Some(effect) = self.effects.iter().find(|one| one.kind.as_str() == name) {
            return Some(effect.to_string());
        }
        self.runs_program(entry)
    }

    fn runs_program(&self, entry: &str) -> Option<String> {
        if BUILTINS.contains(&names::plain(names::head(entry)).as_str()) {
            return None;
        }
        let run = self
            .runs
            .iter()
            .find(|run| names::means(entry, &names::plain(&run.program)))?;
        Some(format!("run:{}", run.program))
    }

    /// Where the condition holds.
    fn fires(&self, condition: &Condition, unknown: bool) -> Option<String> {
        let mut kinds: Vec<&str> = self.effects.iter().map(|one| one.kind.as_str()).collect();
        if unknown {
            kinds.push(NEW_TOOL);
        }
        if condition.holds(&self.tool, &self.call.params, &kinds) {
            let effect = match condition {
                Condition::Flag(word) => self.effects.iter().find(|one| one.kind.as_str() == word),
                _ => None,
            };
            return Some(effect.map_or_else(|| self.tool(), ToString::to_string));
        }
        match condition {
            Condition::ActionType(name) => self.runs_program(name),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "card/tests.rs"]
mod tests;
