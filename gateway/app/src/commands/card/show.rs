//! `smoltbot card show`: what the card says, in sentences.

use std::process::ExitCode;

use aap::card::{AlignmentCard, Mode, names};
use serde_json::{Value, json};

use super::plain;
use crate::agent::{self, Agent};
use crate::{cards, output};

pub(crate) fn run(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    if as_json {
        output::line(&json!(agent.card).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let versions = cards::versions(&agent.config.home)?;
    let version = versions
        .iter()
        .find(|version| version.signed.alignment_card == agent.card);
    let which = version.map_or_else(
        || "changed by hand; `smoltbot card publish` makes a version of it".to_owned(),
        |version| format!("version {} on this machine", version.number),
    );
    output::line(&format!("Card {} ({which})", plain(&agent.card.card_id)))?;
    for sentence in sentences(&agent.card) {
        output::line(&format!("  {}", plain(&sentence)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The card in sentences.
fn sentences(card: &AlignmentCard) -> Vec<String> {
    let mut all = vec![
        format!(
            "It is agent {}'s, issued {}.",
            card.agent_id, card.issued_at
        ),
        mode(card.autonomy_mode).to_owned(),
        principal(card),
        format!("It declares these values: {}.", list(&card.values.declared)),
    ];
    if let Some(expires) = card.expires_at {
        all.push(format!("It runs out {expires}."));
    }
    if !card.values.conflicts_with.is_empty() {
        let against = list(&card.values.conflicts_with);
        all.push(format!("It will not work with: {against}."));
    }
    autonomy(card, &mut all);
    let audit = &card.audit;
    let asked = audit.query_endpoint.as_deref();
    all.push(format!(
        "Traces are kept for {}{}.",
        output::count(audit.retention_days, "day", "days"),
        match asked {
            Some(url) if audit.queryable => format!(" and answered at {url}"),
            _ => String::new(),
        }
    ));
    all
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "The conscience is off: nothing is judged.",
        Mode::Observe => "The conscience only watches: what it objects to is recorded and runs.",
        Mode::Nudge => {
            "The conscience tells the agent what it objects to, records it, and lets it run."
        }
        Mode::Enforce => "The conscience is obeyed: what it refuses does not run.",
    }
}

fn principal(card: &AlignmentCard) -> String {
    let principal = &card.principal;
    let whom = match (&principal.identifier, principal.kind.as_str()) {
        (Some(name), kind) => format!("{name} ({kind})"),
        (None, "unspecified") => "whoever runs it".to_owned(),
        (None, kind) => format!("an unnamed {kind}"),
    };
    let how = match principal.relationship.as_str() {
        "delegated_authority" => "with delegated authority",
        "advisory" => "as an adviser",
        "autonomous" => "on its own",
        other => other,
    };
    let contact = principal.escalation_contact.as_ref();
    let contact = contact.map_or_else(String::new, |contact| {
        format!("; questions go to {contact}")
    });
    format!("It acts for {whom}, {how}{contact}.")
}

fn autonomy(card: &AlignmentCard, all: &mut Vec<String>) {
    let autonomy = &card.autonomy;
    all.push(format!(
        "It may use, as far as no rule of the conscience objects to the single call: {}.",
        list(&autonomy.bounded_actions)
    ));
    for entry in &autonomy.forbidden_actions {
        all.push(format!(
            "It never uses {} (rule card.forbidden.{}): no tool, program or effect of that name.",
            entry,
            names::head(entry)
        ));
    }
    for (index, trigger) in autonomy.escalation_triggers.iter().enumerate() {
        let does = match trigger.action.as_str() {
            "escalate" => "It asks a person first",
            "deny" => "It refuses",
            _ => "It records",
        };
        all.push(format!(
            "{does} where {} (rule card.escalate.{}): {}.",
            trigger.condition,
            index + 1,
            trigger.reason.trim_end_matches('.')
        ));
    }
    if let Some(most) = &autonomy.max_autonomous_value {
        let currency = most.get("currency").and_then(Value::as_str);
        all.push(format!(
            "It asks a person before an amount above {} {}.",
            most.get("amount").unwrap_or(&Value::Null),
            currency.unwrap_or("USD")
        ));
    }
    let own = card.extensions.get("smoltbot");
    let unknown = own.and_then(|own| own.get("unknown_tools")?.as_str());
    all.push(
        match unknown {
            Some("ask") => "About a tool that it does not name, a person is asked first.",
            Some("deny") => "It uses no tool that it does not name.",
            _ => "A tool that it does not name is allowed, judged like any other, and recorded as new.",
        }
        .to_owned(),
    );
}

fn list(words: &[String]) -> String {
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}
