//! What narrows a listing down, and what took longest in it: counted over all of it where a store can, else over its newest.

use std::collections::HashMap;

use aap::{ActionType, Timestamp};
use serde::Serialize;

use crate::filter::Filter;
use crate::rows::{Count, TraceRow};
use crate::span::{MAX_TOP, Span};
use crate::tally::top;

/// Rows that are looked at, at most, where no counts are kept: the newest that the filter's indexed parts (agent, session,
/// refusal, failure, time) leave. Those among them that do not fit its other parts are not counted.
pub const MAX_LOOKED_AT: u32 = 10_000;
/// The same where a text is searched for in whole documents.
pub const MAX_SEARCHED: u32 = 5_000;

/// Rows that are looked at under `filter`, at most.
pub const fn most_looked_at(filter: &Filter) -> u32 {
    if filter.q.is_some() {
        MAX_SEARCHED
    } else {
        MAX_LOOKED_AT
    }
}

/// How often each of a filter's parts occurs under that filter: each at most [`MAX_TOP`], most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facets {
    /// Traces that all but `sessions` were counted over.
    pub looked_at: u64,
    /// Whether these are all there are.
    pub complete: bool,
    /// Verdicts, as [`ActionType::as_str`] writes them.
    pub verdicts: Vec<Count>,
    /// Tools.
    pub tools: Vec<Count>,
    /// Runtimes.
    pub runtimes: Vec<Count>,
    /// Values that were or would have been violated; each once a trace.
    pub values: Vec<Count>,
    /// Rules that decided.
    pub rules: Vec<Count>,
    /// Sessions, by their ids: no counts are kept of these by time, so they come from the newest rows,
    /// [`most_looked_at`] of them.
    pub sessions: Vec<Count>,
    /// Whether no more rows than these could be of a session.
    pub sessions_complete: bool,
}

/// The rows of a listing that took longest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Longest {
    /// Longest first; what has no duration comes last, newest first.
    pub rows: Vec<TraceRow>,
    /// Rows that were looked at, [`most_looked_at`] at most.
    pub looked_at: u64,
    /// Whether these are all there are.
    pub complete: bool,
}

/// Which of the lists of [`Facets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their names say it.
pub enum Facet {
    Verdict,
    Tool,
    Runtime,
    Value,
    Rule,
    Session,
}

/// Adds facets up.
#[derive(Debug, Default)]
pub struct FacetCounts {
    counts: HashMap<Facet, HashMap<String, u64>>,
}

impl FacetCounts {
    /// So many traces with this name.
    pub fn add(&mut self, facet: Facet, name: &str, times: u64) {
        let of = self.counts.entry(facet).or_default();
        if let Some(known) = of.get_mut(name) {
            *known += times;
        } else {
            of.insert(name.to_owned(), times);
        }
    }

    /// So many traces of this verdict.
    pub fn verdict(&mut self, action: ActionType, times: u64) {
        self.add(Facet::Verdict, action.as_str(), times);
    }

    /// The sums. `looked_at` and `complete` are those of all but the sessions.
    pub fn finish(mut self, looked_at: u64, complete: bool, sessions_complete: bool) -> Facets {
        let mut list = |facet| {
            let of = self.counts.remove(&facet).unwrap_or_default();
            let of = of.into_iter().filter(|(_, count)| *count > 0);
            top(
                of.map(|(name, count)| Count { name, count }),
                MAX_TOP,
                |row| (row.count, row.name.clone()),
            )
        };
        Facets {
            looked_at,
            complete,
            verdicts: list(Facet::Verdict),
            tools: list(Facet::Tool),
            runtimes: list(Facet::Runtime),
            values: list(Facet::Value),
            rules: list(Facet::Rule),
            sessions: list(Facet::Session),
            sessions_complete,
        }
    }
}

/// The filter that facets are counted under at the time `now`: its end is `now`, as for [`Span::of`], where none is given;
/// without a start everything before counts.
pub fn facets_filter(filter: &Filter, now: Timestamp) -> Filter {
    let until = Span::of(filter, 1, now).until;
    Filter {
        until: Some(Timestamp::from_millis(until)),
        ..filter.clone()
    }
}
