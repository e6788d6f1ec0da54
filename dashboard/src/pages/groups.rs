//! Refusals with something in common: a rule, a value, a tool. Shared by the pages of agents and of refusals.

use aap::Timestamp;
use trace_store::Stats;

use crate::chart::share;
use crate::query::Params;
use crate::text::{Shown, line};
use crate::words::{number, time, value};

/// Where the refusals themselves are listed.
pub(crate) const REFUSALS: &str = "/refusals";

/// Refusals with something in common; the link narrows `base` to them.
pub(crate) struct Group {
    pub(crate) name: Shown,
    pub(crate) reason: Shown,
    pub(crate) count: String,
    pub(crate) bar: Shown,
    pub(crate) link: String,
    pub(crate) when: Shown,
}

impl Group {
    fn new(name: Shown, count: u64, most: u64, link: &Params) -> Self {
        Self {
            name,
            reason: Shown::default(),
            count: number(count),
            bar: share(count, most, "s-deny"),
            link: link.link(REFUSALS),
            when: Shown::default(),
        }
    }

    /// By the rule that decided, with a reason it gave.
    pub(crate) fn by_rule(stats: &Stats, base: &Params, now: Timestamp, most: usize) -> Vec<Self> {
        let first = stats.rules.first().map_or(1, |first| first.count);
        let shown =
            |text: Option<&String>, max| text.map(|text| line(text, max)).unwrap_or_default();
        stats
            .rules
            .iter()
            .take(most)
            .map(|row| {
                let mut to = base.clone();
                if row.rule_id.is_some() {
                    to.rule.clone_from(&row.rule_id);
                }
                Self {
                    reason: shown(row.reason.as_ref(), 160),
                    when: time(row.last, now),
                    ..Self::new(shown(row.rule_id.as_ref(), 64), row.count, first, &to)
                }
            })
            .collect()
    }

    /// By the value that was kept.
    pub(crate) fn by_value(stats: &Stats, base: &Params, most: usize) -> Vec<Self> {
        let first = stats.values.first().map_or(1, |first| first.count);
        let rows = stats.values.iter().take(most);
        rows.map(|row| {
            let to = Params {
                value: Some(row.name.clone()),
                ..base.clone()
            };
            Self::new(value(&row.name), row.count, first, &to)
        })
        .collect()
    }

    /// By the tool that was asked for.
    pub(crate) fn by_tool(stats: &Stats, base: &Params, most: usize) -> Vec<Self> {
        let first = stats.tools.first().map_or(1, |first| first.denied);
        let rows = stats.tools.iter().take(most);
        rows.map(|row| {
            let to = Params {
                tool: Some(row.tool.clone()),
                ..base.clone()
            };
            Self::new(line(&row.tool, 40), row.denied, first, &to)
        })
        .collect()
    }
}
