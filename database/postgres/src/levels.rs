//! Which counters tell a span of time: whole days, the hours beside them, five minutes beside these, and rows at the ends.
//!
//! Tallies that are not folded yet are in none of these but in their own place, so they are always added.

use std::fmt::Write as _;

use aap::Timestamp;
use trace_store::span::{HOUR_MS, SPAN_MS};
use trace_store::{Filter, Span};
use uuid::Uuid;

use crate::query::Terms;
use crate::rows::action_word;
use crate::values::Value;

const DAY_MS: i64 = 24 * HOUR_MS;

/// How much a rollup tells apart: the column `detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    Verdicts = 0,
    Tools = 1,
    Everything = 2,
}

/// A part of a span that counters of one width tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    minutes: i64,
    from: i64,
    to: i64,
}

/// A span that counters tell, cut up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Of five minutes: from the first one to before the last.
    first: i64,
    last: i64,
    /// The hours within, none where both are equal.
    hours: (i64, i64),
    /// The days within these.
    days: (i64, i64),
}

/// From the first multiple of `width` within to the last one; both the same where there is no whole one.
fn whole(from: i64, to: i64, width: i64) -> (i64, i64) {
    let first = from.saturating_add(width - 1).div_euclid(width) * width;
    let last = to.div_euclid(width) * width;
    (first, last.max(first))
}

impl Levels {
    /// From `first` to before `last`, both whole five minutes.
    pub(crate) fn of((first, last): (i64, i64)) -> Self {
        let hours = whole(first, last, HOUR_MS);
        let hours = if hours.0 < hours.1 {
            hours
        } else {
            (first, first)
        };
        let days = whole(hours.0, hours.1, DAY_MS);
        let days = if days.0 < days.1 {
            days
        } else {
            (hours.0, hours.0)
        };
        Self {
            first,
            last,
            hours,
            days,
        }
    }

    /// What is narrower than an hour, at both ends.
    fn edges(&self) -> [Part; 2] {
        let part = |from, to| Part {
            minutes: 5,
            from,
            to,
        };
        [
            part(self.first, self.hours.0),
            part(self.hours.1, self.last),
        ]
    }

    /// All that [`Self::edges`] leave, as wide as it can be.
    fn widest(&self) -> [Part; 3] {
        let part = |minutes, from, to| Part { minutes, from, to };
        [
            part(60, self.hours.0, self.days.0),
            part(1440, self.days.0, self.days.1),
            part(60, self.days.1, self.hours.1),
        ]
    }

    /// The same in parts that fit into buckets of `bucket_ms`.
    fn fitting(&self, bucket_ms: i64) -> Vec<Part> {
        if bucket_ms % DAY_MS == 0 {
            return self.widest().to_vec();
        }
        let minutes = if bucket_ms % HOUR_MS == 0 { 60 } else { 5 };
        vec![Part {
            minutes,
            from: self.hours.0,
            to: self.hours.1,
        }]
    }
}

/// Selects from counters under a filter.
pub(crate) struct Counters<'a> {
    filter: &'a Filter,
    levels: Levels,
    /// How the text names the agent whose rollups these are, and the value.
    agent: String,
    value: String,
    /// What else must hold of a row, `y`.
    holds: String,
}

/// Whether counters tell what this filter leaves, but for its times.
pub(crate) fn tell(filter: &Filter) -> bool {
    filter.session_id.is_none() && filter.q.is_none()
}

impl<'a> Counters<'a> {
    /// Over `levels`, with the parameters bound in `terms`.
    pub(crate) fn new(filter: &'a Filter, levels: Levels, terms: &mut Terms) -> Self {
        let whose = filter.agent_id.map_or(Uuid::nil(), aap::AgentId::uuid);
        let agent = terms.bind(Value::Id(whose));
        let value = match &filter.value {
            None => "IS NULL".to_owned(),
            Some(value) => format!("= {}", terms.bind(Value::Text(value.clone()))),
        };
        let mut holds = String::new();
        for (column, text) in [
            ("tool_name", &filter.tool),
            ("rule_id", &filter.rule_id),
            ("runtime", &filter.runtime),
        ] {
            if let Some(text) = text {
                let text = terms.bind(Value::Text(text.clone()));
                let _ = write!(holds, " AND y.{column} = {text}");
            }
        }
        if let Some(action) = filter.action_type {
            let _ = write!(holds, " AND y.action_type = '{}'", action_word(action));
        }
        Self {
            filter,
            levels,
            agent,
            value,
            holds,
        }
    }

    /// Whether the filter holds of whole tools, if of anything.
    fn by_tool(&self) -> bool {
        self.filter.rule_id.is_none()
            && self.filter.runtime.is_none()
            && self.filter.value.is_none()
    }

    /// The least detail that tells tools under the filter.
    pub(crate) fn tools(&self) -> Detail {
        if self.by_tool() {
            Detail::Tools
        } else {
            Detail::Everything
        }
    }

    /// The least detail that tells verdicts under the filter.
    fn verdicts(&self) -> Detail {
        match (self.by_tool(), &self.filter.tool) {
            (true, None) => Detail::Verdicts,
            (true, Some(_)) => Detail::Tools,
            _ => Detail::Everything,
        }
    }

    fn select(&self, columns: &str, detail: Detail, part: Part, terms: &mut Terms) -> String {
        let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
        let (from, to) = (terms.bind(at(part.from)), terms.bind(at(part.to)));
        let within = format!("y.start >= {from} AND y.start < {to}{}", self.holds);
        if part.minutes == 5 && self.filter.agent_id.is_some() {
            // Of an agent tallies are the five minutes themselves.
            return format!(
                "SELECT {columns} FROM public.tallies y WHERE y.folded AND y.agent_id = {} AND y.value {} AND {within}",
                self.agent, self.value
            );
        }
        // Five minutes are not kept by tool.
        let detail = match detail {
            Detail::Tools if part.minutes == 5 => Detail::Everything,
            other => other,
        };
        format!(
            "SELECT {columns} FROM public.rollups y WHERE y.agent_id = {} AND y.minutes = {} AND y.detail = {} \
             AND y.value {} AND {within}",
            self.agent, part.minutes, detail as i32, self.value
        )
    }

    fn union(&self, columns: &str, detail: Detail, parts: &[Part], terms: &mut Terms) -> String {
        let mut sql = String::new();
        for part in parts.iter().filter(|part| part.from < part.to) {
            let select = self.select(columns, detail, *part, terms);
            let _ = write!(sql, " UNION ALL {select}");
        }
        sql
    }

    /// What is not folded yet, and what is narrower than an hour: with every detail. Begins with a SELECT.
    pub(crate) fn narrow(&self, columns: &str, terms: &mut Terms) -> String {
        let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
        let first = terms.bind(at(self.levels.first));
        let last = terms.bind(at(self.levels.last));
        let whose = if self.filter.agent_id.is_some() {
            format!(" AND y.agent_id = {}", self.agent)
        } else {
            String::new()
        };
        let edges = self.union(columns, Detail::Everything, &self.levels.edges(), terms);
        format!(
            "SELECT {columns} FROM public.tallies y WHERE NOT y.folded AND y.value {} AND y.start >= {first} \
             AND y.start < {last}{whose}{}{edges}",
            self.value, self.holds
        )
    }

    /// The rest, as wide as it can be. Begins with UNION ALL, or is empty.
    pub(crate) fn wide(&self, columns: &str, detail: Detail, terms: &mut Terms) -> String {
        self.union(columns, detail, &self.levels.widest(), terms)
    }

    /// The same in parts that fit into buckets, by verdict at least.
    pub(crate) fn fitting(&self, columns: &str, bucket_ms: i64, terms: &mut Terms) -> String {
        self.union(
            columns,
            self.verdicts(),
            &self.levels.fitting(bucket_ms),
            terms,
        )
    }

    /// How many agents acted, beside those whose rows `seen` selects: a subquery.
    pub(crate) fn agents(&self, since: i64, seen: &str, terms: &mut Terms) -> String {
        if self.filter.agent_id.is_some() {
            return format!("(SELECT count(DISTINCT agent_id) FROM ({seen}{}) s)", {
                let detail = self.verdicts();
                self.wide("y.agent_id", detail, terms)
            });
        }
        let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
        // Nobody acts later than five minutes after it was heard of, as far as is listed.
        let heard = terms.bind(at(since.saturating_sub(aap::limits::MAX_CLOCK_AHEAD_MS)));
        // One after another until one is there. As EXISTS they would be planned to be read as a whole.
        let mut acted = String::new();
        let edges = self.levels.edges();
        for part in self
            .levels
            .widest()
            .iter()
            .chain(&edges)
            .filter(|part| part.from < part.to)
        {
            let (from, to) = (terms.bind(at(part.from)), terms.bind(at(part.to)));
            let within = format!("y.start >= {from} AND y.start < {to}{}", self.holds);
            let of = if part.minutes == 5 {
                "public.tallies y WHERE y.folded".to_owned()
            } else {
                format!(
                    "public.rollups y WHERE y.minutes = {} AND y.detail = {}",
                    part.minutes,
                    self.verdicts() as i32
                )
            };
            let _ = write!(
                acted,
                ", (SELECT true FROM {of} AND y.agent_id = a.agent_id AND y.value {} AND {within} LIMIT 1)",
                self.value
            );
        }
        format!(
            "(SELECT count(*) FROM public.agents a WHERE a.last_seen >= {heard} AND (a.agent_id IN ({seen}) \
             OR coalesce(NULL{acted})))"
        )
    }

    /// How often each agent acted, by verdict: `agent_id, action_type, count, last` of each part. Begins with UNION ALL.
    pub(crate) fn by_agent(&self, since: i64, terms: &mut Terms) -> String {
        const COLUMNS: &str = "y.agent_id, y.action_type, y.count, y.last";
        let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
        let (whose, of_agent) = match self.filter.agent_id {
            Some(_) => (
                format!(" AND y.agent_id = {}", self.agent),
                format!("a.agent_id = {}", self.agent),
            ),
            None => (String::new(), "true".to_owned()),
        };
        let common = format!("y.value {}{}{whose}", self.value, self.holds);
        let (first, last) = (
            terms.bind(at(self.levels.first)),
            terms.bind(at(self.levels.last)),
        );
        let mut sql = format!(
            " UNION ALL SELECT {COLUMNS} FROM public.tallies y WHERE NOT y.folded AND {common} AND y.start >= {first} \
             AND y.start < {last}"
        );
        for part in self
            .levels
            .edges()
            .iter()
            .filter(|part| part.from < part.to)
        {
            let (from, to) = (terms.bind(at(part.from)), terms.bind(at(part.to)));
            let _ = write!(
                sql,
                " UNION ALL SELECT {COLUMNS} FROM public.tallies y WHERE y.folded AND {common} AND y.start >= {from} \
                 AND y.start < {to}"
            );
        }
        // Nobody acts later than five minutes after it was heard of, as far as is listed.
        let heard = terms.bind(at(since.saturating_sub(aap::limits::MAX_CLOCK_AHEAD_MS)));
        let detail = self.verdicts() as i32;
        for part in self
            .levels
            .widest()
            .iter()
            .filter(|part| part.from < part.to)
        {
            let (from, to) = (terms.bind(at(part.from)), terms.bind(at(part.to)));
            let _ = write!(
                sql,
                " UNION ALL SELECT a.agent_id, y.action_type, y.count, y.last FROM public.agents a, LATERAL ( \
                   SELECT y.action_type, sum(y.count)::bigint AS count, max(y.last) AS last FROM public.rollups y \
                   WHERE y.agent_id = a.agent_id AND y.minutes = {} AND y.detail = {detail} AND {common} \
                   AND y.start >= {from} AND y.start < {to} GROUP BY y.action_type) y \
                 WHERE a.last_seen >= {heard} AND {of_agent}",
                part.minutes
            );
        }
        sql
    }
}

/// The whole time before the filter's end, for counts that have no beginning.
pub(crate) fn span_of(filter: &Filter, now: Timestamp) -> Span {
    let since = filter.since.unwrap_or(Timestamp::from_millis(i64::MIN));
    let whole = Filter {
        since: Some(since),
        ..filter.clone()
    };
    Span::of(&whole, SPAN_MS, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(levels: &Levels) -> Vec<(i64, i64, i64)> {
        let mut all: Vec<_> = levels
            .edges()
            .into_iter()
            .chain(levels.widest())
            .filter(|part| part.from < part.to)
            .map(|part| (part.from, part.to, part.minutes))
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_span_is_cut_into_days_hours_and_five_minutes() {
        const M: i64 = SPAN_MS;
        let levels = Levels::of((DAY_MS - HOUR_MS - M, 3 * DAY_MS + 2 * HOUR_MS + 2 * M));
        let expected = [
            (DAY_MS - HOUR_MS - M, DAY_MS - HOUR_MS, 5),
            (DAY_MS - HOUR_MS, DAY_MS, 60),
            (DAY_MS, 3 * DAY_MS, 1440),
            (3 * DAY_MS, 3 * DAY_MS + 2 * HOUR_MS, 60),
            (
                3 * DAY_MS + 2 * HOUR_MS,
                3 * DAY_MS + 2 * HOUR_MS + 2 * M,
                5,
            ),
        ];
        assert_eq!(parts(&levels), expected);
    }

    #[test]
    fn every_span_is_told_once() {
        let ends = [-2, -1, 0, 1, 11, 12, 13, 287, 288, 289, 576, 600];
        for from in ends {
            for to in ends.into_iter().filter(|to| *to > from) {
                let levels = Levels::of((from * SPAN_MS, to * SPAN_MS));
                let mut next = from * SPAN_MS;
                for (start, end, minutes) in parts(&levels) {
                    assert_eq!(start, next, "{from} to {to}");
                    assert_eq!((end - start) % (minutes * 60_000), 0);
                    assert_eq!(start.rem_euclid(minutes * 60_000), 0);
                    next = end;
                }
                assert_eq!(next, to * SPAN_MS, "{from} to {to}");
            }
        }
    }

    #[test]
    fn what_fits_into_buckets_is_no_wider() {
        let levels = Levels::of((0, 10 * DAY_MS));
        for (bucket, minutes) in [(DAY_MS, 1440), (4 * HOUR_MS, 60), (HOUR_MS / 2, 5)] {
            let fitting = levels.fitting(bucket);
            let widest = fitting.iter().filter(|part| part.from < part.to);
            assert!(widest.clone().all(|part| part.minutes == minutes));
            assert_eq!(
                widest.map(|part| part.to - part.from).sum::<i64>(),
                10 * DAY_MS
            );
        }
    }
}
