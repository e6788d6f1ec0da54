//! What a listing can be narrowed down by, as links with counts.

use trace_store::{Count, Facets};

use crate::chart::share;
use crate::pages::narrowed::verdict;
use crate::query::Params;
use crate::text::{Shown, line};
use crate::words::{number, value};

/// Names of a facet that are shown at once; the others are behind "more".
const SHOWN: usize = 8;

/// One of the lists.
pub(crate) struct Facet {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Named>,
    /// Less frequent ones.
    pub(crate) more: Vec<Named>,
}

/// A name, how often it occurs, and the address that narrows to it, or no longer does.
pub(crate) struct Named {
    pub(crate) name: Shown,
    pub(crate) count: String,
    pub(crate) bar: Shown,
    pub(crate) to: String,
    pub(crate) on: bool,
}

/// The lists that hold something, for the listing at `path`.
pub(crate) fn lists(facets: &Facets, params: &Params, path: &str) -> Vec<Facet> {
    let lists: [(&str, &str, &[Count], Option<&String>); 6] = [
        (
            "verdict",
            "Verdict",
            &facets.verdicts,
            params.verdict.as_ref(),
        ),
        ("tool", "Tool", &facets.tools, params.tool.as_ref()),
        ("rule", "Rule", &facets.rules, params.rule.as_ref()),
        (
            "value",
            "Value at stake",
            &facets.values,
            params.value.as_ref(),
        ),
        (
            "runtime",
            "Runtime",
            &facets.runtimes,
            params.runtime.as_ref(),
        ),
        (
            "session",
            "Session",
            &facets.sessions,
            params.session.as_ref(),
        ),
    ];
    lists
        .into_iter()
        .filter(|(.., counts, _)| !counts.is_empty())
        .map(|(id, title, counts, chosen)| {
            let most = counts.first().map_or(1, |first| first.count);
            let named = |row: &Count| {
                let on = chosen == Some(&row.name);
                Named {
                    name: match id {
                        "verdict" => line(verdict(&row.name), 20),
                        "value" => value(&row.name),
                        _ => line(&row.name, 48),
                    },
                    count: number(row.count),
                    bar: share(row.count, most, "s-all"),
                    to: params.link_but(path, id, (!on).then_some(&row.name)),
                    on,
                }
            };
            let mut rows: Vec<Named> = counts.iter().map(named).collect();
            let more = rows.split_off(rows.len().min(SHOWN));
            Facet {
                id,
                title,
                rows,
                more,
            }
        })
        .collect()
}
