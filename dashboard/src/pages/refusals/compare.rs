//! One span of time against the one before it: what was refused more often, and what less.

use trace_store::Stats;
use trace_store::span::{MAX_TOP, MAX_VALUES};

use crate::pages::groups::REFUSALS;
use crate::query::Params;
use crate::text::{Shown, line};
use crate::words::{number, value};

/// Lines of one table.
const LINES: usize = 8;

/// Rules, values or tools, those first that changed most.
pub(crate) struct Table {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// How often something was refused before, and now.
pub(crate) struct Line {
    pub(crate) name: Shown,
    pub(crate) to: String,
    pub(crate) before: String,
    pub(crate) now: String,
    pub(crate) change: String,
    pub(crate) class: &'static str,
}

/// A count, or what it is at most: only the most frequent names are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Exactly(u64),
    AtMost(u64),
}

impl Known {
    fn most(self) -> u64 {
        let (Self::Exactly(count) | Self::AtMost(count)) = self;
        count
    }

    fn said(self) -> String {
        match self {
            Self::Exactly(count) => number(count),
            Self::AtMost(count) => format!("≤ {}", number(count)),
        }
    }
}

/// The tables of two spans; those without a line are left out.
pub(crate) fn tables(now: &Stats, before: &Stats, params: &Params) -> Vec<Table> {
    let rules = |stats: &Stats| -> Vec<(String, u64)> {
        let named = stats.rules.iter();
        named
            .filter_map(|row| Some((row.rule_id.clone()?, row.count)))
            .collect()
    };
    let values = |stats: &Stats| -> Vec<(String, u64)> {
        let named = stats.values.iter();
        named.map(|row| (row.name.clone(), row.count)).collect()
    };
    let tools = |stats: &Stats| -> Vec<(String, u64)> {
        let named = stats.tools.iter();
        named.map(|row| (row.tool.clone(), row.denied)).collect()
    };
    let rules_full = |stats: &Stats| stats.rules.len() >= MAX_TOP;
    let values_full = |stats: &Stats| stats.values.len() >= MAX_VALUES;
    let tools_full = |stats: &Stats| stats.tools.len() >= MAX_TOP;
    [
        Table {
            id: "rule",
            title: "By rule",
            lines: lines(
                (&rules(now), rules_full(now)),
                (&rules(before), rules_full(before)),
                |name| line(name, 48),
                |name| params.link_but(REFUSALS, "rule", Some(name)),
            ),
        },
        Table {
            id: "value",
            title: "By value",
            lines: lines(
                (&values(now), values_full(now)),
                (&values(before), values_full(before)),
                value,
                |name| params.link_but(REFUSALS, "value", Some(name)),
            ),
        },
        Table {
            id: "tool",
            title: "By tool",
            lines: lines(
                (&tools(now), tools_full(now)),
                (&tools(before), tools_full(before)),
                |name| line(name, 48),
                |name| params.link_but(REFUSALS, "tool", Some(name)),
            ),
        },
    ]
    .into_iter()
    .filter(|table| !table.lines.is_empty())
    .collect()
}

/// Counts by name, most frequent first, and whether there may be more names than these.
type Counts<'a> = (&'a [(String, u64)], bool);

fn known((counts, full): Counts<'_>, name: &str) -> Known {
    match counts.iter().find(|(known, _)| known == name) {
        Some((_, count)) => Known::Exactly(*count),
        None if full => Known::AtMost(counts.last().map_or(0, |(_, count)| *count)),
        None => Known::Exactly(0),
    }
}

fn lines(
    now: Counts<'_>,
    before: Counts<'_>,
    show: impl Fn(&str) -> Shown,
    link: impl Fn(&str) -> String,
) -> Vec<Line> {
    let gone = before
        .0
        .iter()
        .filter(|(name, _)| !now.0.iter().any(|(known, _)| known == name));
    let mut found: Vec<(&str, Known, Known)> = now
        .0
        .iter()
        .chain(gone)
        .map(|(name, _)| (name.as_str(), known(before, name), known(now, name)))
        .collect();
    found.sort_by_key(|(_, before, now)| {
        let change = before.most().abs_diff(now.most());
        std::cmp::Reverse((change, now.most()))
    });
    found
        .into_iter()
        .take(LINES)
        .map(|(name, before, now)| {
            let (change, class) = change(before, now);
            Line {
                name: show(name),
                to: link(name),
                before: before.said(),
                now: now.said(),
                change,
                class,
            }
        })
        .collect()
}

/// The change as it is said, and its class. Where a count is only bounded, so is the change.
fn change(before: Known, now: Known) -> (String, &'static str) {
    let bound = if before == Known::Exactly(before.most()) && now == Known::Exactly(now.most()) {
        ""
    } else {
        "at least "
    };
    match now.most().cmp(&before.most()) {
        std::cmp::Ordering::Equal => (if bound.is_empty() { "0" } else { "–" }.to_owned(), "same"),
        std::cmp::Ordering::Greater if matches!(now, Known::AtMost(_)) => ("–".to_owned(), "same"),
        std::cmp::Ordering::Less if matches!(before, Known::AtMost(_)) => ("–".to_owned(), "same"),
        std::cmp::Ordering::Greater => (
            format!("{bound}+{}", number(now.most() - before.most())),
            "up",
        ),
        std::cmp::Ordering::Less => (
            format!("{bound}−{}", number(before.most() - now.most())),
            "down",
        ),
    }
}

/// The total against the one before, as the end of a sentence.
pub(crate) fn total(now: u64, before: u64) -> String {
    match now.cmp(&before) {
        std::cmp::Ordering::Equal => "as many as in the span before".to_owned(),
        std::cmp::Ordering::Greater => {
            format!("{} more than in the span before", number(now - before))
        }
        std::cmp::Ordering::Less => {
            format!("{} fewer than in the span before", number(before - now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, u64)]) -> Vec<(String, u64)> {
        rows.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    #[test]
    fn what_changed_most_comes_first_and_what_is_gone_is_told() {
        let now = counts(&[("a", 9), ("b", 5), ("new", 4)]);
        let before = counts(&[("gone", 7), ("a", 8), ("b", 5)]);
        let found = lines(
            (&now, false),
            (&before, false),
            |name| line(name, 9),
            str::to_owned,
        );
        let said: Vec<_> = found
            .iter()
            .map(|row| (row.to.as_str(), row.change.as_str()))
            .collect();
        assert_eq!(
            said,
            [("gone", "−7"), ("new", "+4"), ("a", "+1"), ("b", "0")]
        );
    }

    #[test]
    fn a_count_that_is_not_known_is_not_made_up() {
        let full = counts(&[("a", 9), ("b", 5)]);
        let other = counts(&[("c", 8), ("d", 2)]);
        let found = lines(
            (&other, false),
            (&full, true),
            |name| line(name, 9),
            str::to_owned,
        );
        let of = |name: &str| {
            let row = found.iter().find(|row| row.to == name).unwrap();
            (row.before.clone(), row.change.clone())
        };
        assert_eq!(of("c"), ("≤ 5".to_owned(), "at least +3".to_owned()));
        assert_eq!(of("d"), ("≤ 5".to_owned(), "–".to_owned()));
        assert_eq!(of("a"), ("9".to_owned(), "−9".to_owned()));
    }
}
