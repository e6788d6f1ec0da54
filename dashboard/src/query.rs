//! Filters in addresses: what `GET` forms send, read strictly, and written back into links.

use std::fmt::Write as _;

use aap::{ActionType, AgentId, Timestamp};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use trace_store::Filter;

use crate::answer::PageError;
use crate::text::{encode, is_honest};
use crate::words::{DAY, HOUR};

/// Every parameter that a listing knows; forms send empty ones for "any".
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Params {
    pub(crate) verdict: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) period: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) newer: Option<String>,
    pub(crate) q: Option<String>,
}

/// Spans that people choose from: name in the address, name on the page, milliseconds, milliseconds of one bar.
pub(crate) const PERIODS: [(&str, &str, i64, i64); 4] = [
    ("24h", "24 hours", DAY, HOUR / 2),
    ("7d", "7 days", 7 * DAY, 4 * HOUR),
    ("30d", "30 days", 30 * DAY, 16 * HOUR),
    ("1y", "12 months", 365 * DAY, 8 * DAY),
];

/// A span of time that ends now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period {
    /// As addresses name it.
    pub(crate) name: &'static str,
    /// As people name it.
    pub(crate) words: &'static str,
    /// Its length.
    pub(crate) length_ms: i64,
    /// The width of one bar of its chart.
    pub(crate) bucket_ms: i64,
}

impl Period {
    /// Where it starts, on a whole bar, so that bars stand still while time goes on.
    pub(crate) fn since(self, now: Timestamp) -> Timestamp {
        let start = now.millis() - self.length_ms;
        Timestamp::from_millis((start.div_euclid(self.bucket_ms) + 1) * self.bucket_ms)
    }
}

impl Params {
    /// Takes what axum read; a parameter given twice is an error that names it.
    pub(crate) fn of(query: Result<Query<Self>, QueryRejection>) -> Result<Self, PageError> {
        let Query(mut params) = query.map_err(|error| PageError::Bad(error.body_text()))?;
        for field in [
            &mut params.verdict,
            &mut params.tool,
            &mut params.value,
            &mut params.rule,
            &mut params.agent,
            &mut params.period,
            &mut params.older,
            &mut params.newer,
            &mut params.q,
        ] {
            if field.as_ref().is_some_and(|text| text.trim().is_empty()) {
                *field = None;
            }
        }
        Ok(params)
    }

    /// The verdict to filter by.
    pub(crate) fn verdict(&self) -> Result<Option<ActionType>, PageError> {
        self.verdict
            .as_deref()
            .map(|word| {
                ActionType::parse(word).ok_or_else(|| {
                    PageError::Bad(format!("verdict is allow, deny or error, not `{word}`"))
                })
            })
            .transpose()
    }

    /// The agent to filter by.
    pub(crate) fn agent(&self) -> Result<Option<AgentId>, PageError> {
        self.agent.as_deref().map(agent_id).transpose()
    }

    /// The span asked for, else the one named `default`.
    pub(crate) fn period(&self, default: &str) -> Result<Period, PageError> {
        let wanted = self.period.as_deref().unwrap_or(default);
        PERIODS
            .iter()
            .find(|(name, ..)| *name == wanted)
            .map(|&(name, words, length_ms, bucket_ms)| Period {
                name,
                words,
                length_ms,
                bucket_ms,
            })
            .ok_or_else(|| PageError::Bad(format!("period is 24h, 7d, 30d or 1y, not `{wanted}`")))
    }

    /// What the store is asked for.
    pub(crate) fn filter(&self) -> Result<Filter, PageError> {
        Ok(Filter {
            agent_id: self.agent()?,
            action_type: self.verdict()?,
            tool: self.tool.clone(),
            value: self.value.clone(),
            rule_id: self.rule.clone(),
            ..Filter::default()
        })
    }

    /// Whether rows are left out.
    pub(crate) fn is_filtering(&self) -> bool {
        [
            &self.verdict,
            &self.tool,
            &self.value,
            &self.rule,
            &self.agent,
        ]
        .into_iter()
        .any(Option::is_some)
    }

    /// Whether this is another page than the newest.
    pub(crate) fn is_paging(&self) -> bool {
        self.older.is_some() || self.newer.is_some()
    }

    /// `path` with these filters, without the place in the listing.
    pub(crate) fn link(&self, path: &str) -> String {
        let mut out = path.to_owned();
        let mut mark = '?';
        for (key, value) in [
            ("verdict", &self.verdict),
            ("tool", &self.tool),
            ("value", &self.value),
            ("rule", &self.rule),
            ("agent", &self.agent),
            ("period", &self.period),
        ] {
            if let Some(value) = value {
                let _ = write!(out, "{mark}{key}={}", encode(value));
                mark = '&';
            }
        }
        out
    }
}

/// What a form's field holds: the filter in force. One whose characters hide is left to the links and marks beside the
/// form: a field must hold it exactly, and would show something else.
pub(crate) fn field(filter: Option<&String>) -> String {
    filter
        .filter(|text| is_honest(text))
        .cloned()
        .unwrap_or_default()
}

/// Reads an agent's id out of an address.
pub(crate) fn agent_id(text: &str) -> Result<AgentId, PageError> {
    text.parse().map_err(|_| {
        PageError::Bad(format!(
            "`{text}` is not an agent's id. An id is a UUID with hyphens: 8-4-4-4-12 hexadecimal digits."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_filters_and_drops_the_place() {
        let params = Params {
            tool: Some("a&b=c".into()),
            verdict: Some("deny".into()),
            older: Some("1.x".into()),
            ..Params::default()
        };
        assert_eq!(params.link("/x"), "/x?verdict=deny&tool=a%26b%3Dc");
    }

    #[test]
    fn what_cannot_be_is_named() {
        let wrong = Params {
            verdict: Some("nope".into()),
            period: Some("soon".into()),
            agent: Some("x".into()),
            ..Params::default()
        };
        assert!(wrong.verdict().unwrap_err().to_string().contains("`nope`"));
        assert!(
            wrong
                .period("24h")
                .unwrap_err()
                .to_string()
                .contains("`soon`")
        );
        assert!(wrong.filter().is_err());
        assert!(Params::default().period("7d").is_ok());
    }

    #[test]
    fn every_period_is_whole_bars() {
        for (name, _, length, bucket) in PERIODS {
            assert!(length / bucket <= 64, "{name} has too many bars");
        }
    }
}
