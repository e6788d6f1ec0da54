//! Filters in addresses: what `GET` forms send, read strictly, and written back into links.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use aap::limits::MAX_ID_CHARS;
use aap::{ActionType, AgentId, Timestamp};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use trace_store::Filter;

use crate::answer::PageError;
use crate::text::{encode, is_honest};
use crate::words::{DAY, HOUR};

mod time;

/// Characters of a text that is searched for, as the API allows.
pub(crate) const MAX_Q_CHARS: usize = 256;
/// Traces that a shared address marks.
pub(crate) const MAX_MARKS: usize = 20;

/// Every parameter that a listing knows; forms send empty ones for "any". Others are passed over: addresses get them from
/// whoever shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pub(crate) verdict: Option<String>,
    pub(crate) tool: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) runtime: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) q: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) period: Option<String>,
    pub(crate) order: Option<String>,
    /// `utc` shows times as they are instead of how long ago.
    pub(crate) times: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) newer: Option<String>,
    /// What whoever shared the address says about it.
    pub(crate) note: Option<String>,
    /// Ids that whoever shared the address points at; the only parameter that may be given more than once.
    pub(crate) marks: Vec<String>,
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters of a page")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Params, A::Error> {
                let mut params = Params::default();
                while let Some((key, text)) = pairs.next_entry::<Cow<'de, str>, String>()? {
                    if text.trim().is_empty() {
                        continue;
                    }
                    if key == "mark" {
                        params.marks.push(text);
                    } else if let Some(field) = params.field(&key)
                        && field.replace(text).is_some()
                    {
                        return Err(A::Error::custom(format_args!(
                            "`{key}` is given twice; give it once"
                        )));
                    }
                }
                Ok(params)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// In which order traces are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
    /// Those that took longest first.
    Longest,
}

impl Order {
    /// All of them: name in the address, name on the page.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Newest, "newest", "Newest"),
        (Self::Oldest, "oldest", "Oldest"),
        (Self::Longest, "longest", "Longest"),
    ];
}

/// From when to when, as an address says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window {
    /// Inclusive.
    pub(crate) since: Option<Timestamp>,
    /// Exclusive.
    pub(crate) until: Option<Timestamp>,
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
        let Query(params) = query.map_err(|error| PageError::Bad(error.body_text()))?;
        Ok(params)
    }

    fn field(&mut self, key: &str) -> Option<&mut Option<String>> {
        Some(match key {
            "verdict" => &mut self.verdict,
            "tool" => &mut self.tool,
            "value" => &mut self.value,
            "rule" => &mut self.rule,
            "agent" => &mut self.agent,
            "runtime" => &mut self.runtime,
            "session" => &mut self.session,
            "q" => &mut self.q,
            "since" => &mut self.since,
            "until" => &mut self.until,
            "period" => &mut self.period,
            "order" => &mut self.order,
            "times" => &mut self.times,
            "older" => &mut self.older,
            "newer" => &mut self.newer,
            "note" => &mut self.note,
            _ => return None,
        })
    }

    /// The filters that are given, with their names, in the order in which links write them.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &String)> {
        [
            ("verdict", &self.verdict),
            ("tool", &self.tool),
            ("value", &self.value),
            ("rule", &self.rule),
            ("agent", &self.agent),
            ("runtime", &self.runtime),
            ("session", &self.session),
            ("q", &self.q),
            ("since", &self.since),
            ("until", &self.until),
            ("period", &self.period),
            ("order", &self.order),
            ("times", &self.times),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)))
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

    /// The order asked for, the newest first by default.
    pub(crate) fn order(&self) -> Result<Order, PageError> {
        let wanted = self.order.as_deref().unwrap_or("newest");
        Order::ALL
            .iter()
            .find(|(_, name, _)| *name == wanted)
            .map(|&(order, ..)| order)
            .ok_or_else(|| {
                PageError::Bad(format!(
                    "order is newest, oldest or longest, not `{wanted}`"
                ))
            })
    }

    /// Whether times are to be shown as they are instead of how long ago.
    pub(crate) fn absolute(&self) -> Result<bool, PageError> {
        match self.times.as_deref() {
            None => Ok(false),
            Some("utc") => Ok(true),
            Some(other) => Err(PageError::Bad(format!(
                "times is utc or left out, not `{other}`"
            ))),
        }
    }

    /// The times asked for; relative ones count from `now`.
    pub(crate) fn window(&self, now: Timestamp) -> Result<Window, PageError> {
        let read = |name, text: &Option<String>| {
            text.as_deref()
                .map(|text| time::read(name, text, now))
                .transpose()
        };
        let window = Window {
            since: read("since", &self.since)?,
            until: read("until", &self.until)?,
        };
        match (window.since, window.until) {
            (Some(since), Some(until)) if since >= until => Err(PageError::Bad(
                "until must be after since; since is inclusive, until exclusive".to_owned(),
            )),
            _ => Ok(window),
        }
    }

    /// What the store is asked for, at any time and with any text.
    pub(crate) fn filter(&self) -> Result<Filter, PageError> {
        Ok(Filter {
            agent_id: self.agent()?,
            action_type: self.verdict()?,
            tool: bounded("tool", self.tool.as_ref(), MAX_ID_CHARS)?,
            session_id: bounded("session", self.session.as_ref(), MAX_ID_CHARS)?,
            value: bounded("value", self.value.as_ref(), MAX_ID_CHARS)?,
            rule_id: bounded("rule", self.rule.as_ref(), MAX_ID_CHARS)?,
            runtime: bounded("runtime", self.runtime.as_ref(), MAX_ID_CHARS)?,
            ..Filter::default()
        })
    }

    /// What the store is asked for, with times and text.
    pub(crate) fn filter_at(&self, now: Timestamp) -> Result<Filter, PageError> {
        let Window { since, until } = self.window(now)?;
        Ok(Filter {
            since,
            until,
            q: bounded("q", self.q.as_ref(), MAX_Q_CHARS)?,
            ..self.filter()?
        })
    }

    /// Whether rows are left out, times and text aside.
    pub(crate) fn is_filtering(&self) -> bool {
        [
            &self.verdict,
            &self.tool,
            &self.value,
            &self.rule,
            &self.agent,
            &self.runtime,
            &self.session,
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
        self.link_but(path, "", None)
    }

    /// The same with the filter `but` replaced, or taken out.
    pub(crate) fn link_but(&self, path: &str, but: &str, with: Option<&str>) -> String {
        let kept = self.given().filter(|(key, _)| *key != but);
        let kept = kept.map(|(key, value)| (key, value.as_str()));
        write_link(path, kept.chain(with.map(|with| (but, with))))
    }
}

/// `path` with these parameters.
pub(crate) fn write_link<'a>(
    path: &str,
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut out = path.to_owned();
    let mut mark = if path.contains('?') { '&' } else { '?' };
    for (key, value) in parameters {
        let _ = write!(out, "{mark}{key}={}", encode(value));
        mark = '&';
    }
    out
}

/// A text to filter by: every store can hold it, and no address grows without bound.
fn bounded(name: &str, text: Option<&String>, most: usize) -> Result<Option<String>, PageError> {
    match text {
        Some(text) if text.chars().count() > most || text.contains('\0') => Err(PageError::Bad(
            format!("{name} is a text of 1 to {most} characters without NUL"),
        )),
        text => Ok(text.cloned()),
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

    fn read(query: &str) -> Result<Params, PageError> {
        let uri: axum::http::Uri = format!("/x?{query}").parse().unwrap();
        Params::of(Query::try_from_uri(&uri))
    }

    #[test]
    fn only_marks_may_be_given_twice() {
        let params = read("mark=a&mark=b&tool=&tool=x&other=1&other=2").unwrap();
        assert_eq!(params.marks, ["a", "b"]);
        assert_eq!(params.tool.as_deref(), Some("x"), "an empty field is none");
        assert!(
            read("tool=a&tool=b")
                .unwrap_err()
                .to_string()
                .contains("`tool`")
        );
    }

    #[test]
    fn one_filter_is_replaced_or_taken_out() {
        let params = read("tool=a&session=b%20c&older=1.x&since=-2h&note=n").unwrap();
        assert_eq!(
            params.link_but("/x", "tool", Some("d&e")),
            "/x?session=b%20c&since=-2h&tool=d%26e"
        );
        assert_eq!(
            params.link_but("/x", "session", None),
            "/x?tool=a&since=-2h"
        );
    }

    #[test]
    fn a_window_must_have_a_length_and_texts_a_bound() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        assert!(read("since=-1h&until=-2h").unwrap().window(now).is_err());
        assert!(read("since=-2h&until=-1h").unwrap().window(now).is_ok());
        let long = "x".repeat(MAX_Q_CHARS + 1);
        for query in [
            format!("q={long}"),
            format!("tool={long}"),
            "rule=a%00b".to_owned(),
        ] {
            assert!(read(&query).unwrap().filter_at(now).is_err(), "{query}");
        }
    }
}
