//! An alignment card as people read it: what it holds dear, what the agent may do, must ask and must not.

use aap::AlignmentCard;
use aap::card::{Mode, STANDARD_VALUES};
use serde_json::Value;
use trace_store::CardRow;

use crate::text::{Shown, line, plain};
use crate::words::{counted, date, value};

/// Values and tools that are shown at most; the rest is counted.
const ITEMS: usize = 32;
/// Characters of a sentence of the card.
const SENTENCE_CHARS: usize = 160;

/// What is told of a card.
pub(crate) struct Card {
    pub(crate) id: Shown,
    pub(crate) issued: String,
    pub(crate) expires: Option<String>,
    pub(crate) mode: &'static str,
    pub(crate) mode_words: &'static str,
    pub(crate) for_whom: Shown,
    pub(crate) contact: Shown,
    pub(crate) values: Vec<Held>,
    pub(crate) against: Vec<Shown>,
    pub(crate) may: Vec<Shown>,
    pub(crate) may_more: usize,
    pub(crate) limit: Shown,
    pub(crate) asks: Vec<(Shown, Shown)>,
    pub(crate) never: Vec<Shown>,
    pub(crate) never_more: usize,
    pub(crate) keeps: String,
    pub(crate) link: String,
    /// It is there, but says something that this page does not understand.
    pub(crate) unread: bool,
}

/// A value that is held dear.
pub(crate) struct Held {
    pub(crate) name: Shown,
    /// AAP defines it.
    pub(crate) standard: bool,
    /// What the agent says it means.
    pub(crate) means: String,
}

impl Card {
    /// Tells the stored card as it was read; one that could not be read is shown as such.
    pub(crate) fn of(row: &CardRow, read: Option<&AlignmentCard>) -> Self {
        let list = |items: &[String]| -> Vec<Shown> {
            let items = items.iter().take(ITEMS);
            items.map(|item| line(item, 40)).collect()
        };
        let mut card = Self {
            id: line(&row.card_id, 64),
            issued: date(row.received_at),
            expires: None,
            mode: "",
            mode_words: "",
            for_whom: Shown::default(),
            contact: Shown::default(),
            values: Vec::new(),
            against: Vec::new(),
            may: Vec::new(),
            may_more: 0,
            limit: Shown::default(),
            asks: Vec::new(),
            never: Vec::new(),
            never_more: 0,
            keeps: String::new(),
            link: aap::paths::card(row.agent_id),
            unread: read.is_none(),
        };
        let Some(read) = read else { return card };
        (card.mode, card.mode_words) = match read.autonomy_mode {
            Mode::Off => ("Off", "Nothing is judged."),
            Mode::Observe => ("Observe", "Judged and recorded; nothing is stopped."),
            Mode::Nudge => (
                "Nudge",
                "Judged and recorded; the agent is told, nothing is stopped.",
            ),
            Mode::Enforce => ("Enforce", "What its conscience refuses does not run."),
        };
        card.issued = date(read.issued_at);
        card.expires = read.expires_at.map(date);
        let principal = &read.principal;
        if principal.kind != "unspecified" {
            let who = principal.identifier.as_deref().unwrap_or(&principal.kind);
            let relationship = principal.relationship.replace('_', " ");
            card.for_whom = line(&format!("{who}, {relationship}"), 120);
        }
        let contact = principal.escalation_contact.as_deref();
        card.contact = contact.map(|who| line(who, 120)).unwrap_or_default();
        let means = |id: &String| {
            let definition = read.values.definitions.get(id)?;
            let said = definition
                .as_str()
                .or_else(|| definition.get("description").and_then(Value::as_str))?;
            Some(plain(said, SENTENCE_CHARS))
        };
        let declared = read.values.declared.iter().take(ITEMS);
        card.values = declared
            .map(|id| Held {
                name: value(id),
                standard: STANDARD_VALUES.contains(&id.as_str()),
                means: means(id).unwrap_or_default(),
            })
            .collect();
        let against = read.values.conflicts_with.iter().take(ITEMS);
        card.against = against.map(|id| value(id)).collect();
        let autonomy = &read.autonomy;
        card.may = list(&autonomy.bounded_actions);
        card.may_more = autonomy.bounded_actions.len().saturating_sub(ITEMS);
        card.never = list(&autonomy.forbidden_actions);
        card.never_more = autonomy.forbidden_actions.len().saturating_sub(ITEMS);
        card.limit = autonomy
            .max_autonomous_value
            .as_ref()
            .map(most)
            .unwrap_or_default();
        let asks = autonomy.escalation_triggers.iter().take(ITEMS);
        card.asks = asks
            .map(|asked| {
                let reason = line(&asked.reason, SENTENCE_CHARS);
                (line(&asked.condition, 80), reason)
            })
            .collect();
        card.keeps = counted(u64::from(read.audit.retention_days), "day", "days");
        card
    }
}

/// `{"amount": 50, "currency": "EUR"}` as `50 EUR`, anything else as it stands.
fn most(value: &Value) -> Shown {
    let amount = value.get("amount").and_then(Value::as_f64);
    let currency = value.get("currency").and_then(Value::as_str);
    match (amount, currency) {
        (Some(amount), Some(currency)) => line(&format!("{amount} {currency}"), 60),
        _ => line(&value.to_string(), 60),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_reads_as_one() {
        assert_eq!(
            most(&json!({"amount": 50, "currency": "EUR"})).to_string(),
            "50 EUR"
        );
        assert_eq!(most(&json!("<b>")).to_string(), "&#34;&lt;b&gt;&#34;");
    }
}
