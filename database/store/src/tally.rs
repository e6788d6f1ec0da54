//! Counts, added up into what [`crate::Stats`] shows; the same for every store.

use std::collections::{BTreeMap, HashMap};

use aap::{ActionType, Timestamp};

use crate::histogram::Histogram;
use crate::rows::{Count, LatencyRow, RefusalGroup, Stats, TimeBucket};
use crate::span::{MAX_TOP, MAX_VALUES, Span};

#[derive(Default)]
struct Tool {
    counts: [u64; 3],
    durations: Histogram,
}

struct Rule {
    count: u64,
    last: i64,
    reason: Option<String>,
}

/// Adds up.
pub struct Tally {
    span: Span,
    buckets: BTreeMap<i64, [u64; 3]>,
    tools: HashMap<String, Tool>,
    values: HashMap<String, u64>,
    rules: HashMap<String, Rule>,
}

fn place(action: ActionType) -> usize {
    match action {
        ActionType::Allow => 0,
        ActionType::Deny => 1,
        ActionType::Error => 2,
    }
}

impl Tally {
    /// Nothing yet, over this span.
    pub fn new(span: Span) -> Self {
        Self {
            span,
            buckets: span.buckets().map(|start| (start, [0; 3])).collect(),
            tools: HashMap::new(),
            values: HashMap::new(),
            rules: HashMap::new(),
        }
    }

    fn tool(&mut self, name: &str) -> &mut Tool {
        if !self.tools.contains_key(name) {
            self.tools.insert(name.to_owned(), Tool::default());
        }
        // It is there now.
        self.tools.entry(name.to_owned()).or_default()
    }

    /// So many traces of a tool, at a time within the span.
    pub fn seen(&mut self, at: i64, action: ActionType, tool: &str, times: u64) {
        self.over_time(at, action, times);
        self.of_tool(tool, action, times);
    }

    /// So many traces at a time within the span; their tools are told by themselves.
    pub fn over_time(&mut self, at: i64, action: ActionType, times: u64) {
        let bucket = self.span.bucket_of(at);
        self.buckets.entry(bucket).or_default()[place(action)] += times;
    }

    /// So many traces of a tool; their times are told by themselves.
    pub fn of_tool(&mut self, tool: &str, action: ActionType, times: u64) {
        self.tool(tool).counts[place(action)] += times;
    }

    /// How long calls of a tool took.
    pub fn durations(&mut self, tool: &str) -> &mut Histogram {
        &mut self.tool(tool).durations
    }

    /// So many refusals that stood for a value.
    pub fn valued(&mut self, value: &str, times: u64) {
        if let Some(known) = self.values.get_mut(value) {
            *known += times;
        } else {
            self.values.insert(value.to_owned(), times);
        }
    }

    /// So many refusals of a rule, an empty one where none was told, the newest `at`, with a reason that it gave.
    pub fn refused(&mut self, rule: &str, at: i64, reason: Option<String>, times: u64) {
        let rule = self.rules.entry(rule.to_owned()).or_insert(Rule {
            count: 0,
            last: i64::MIN,
            reason: None,
        });
        rule.count += times;
        if at >= rule.last {
            rule.last = at;
            rule.reason = reason.or(rule.reason.take());
        } else if rule.reason.is_none() {
            rule.reason = reason;
        }
    }

    /// The sums; `agents` is how many acted.
    pub fn finish(self, agents: u64) -> Stats {
        let mut sums = [0; 3];
        for counts in self.buckets.values() {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        let over_time = self.buckets.into_iter().map(|(start, counts)| TimeBucket {
            start: Timestamp::from_millis(start),
            allow: counts[0],
            deny: counts[1],
            error: counts[2],
        });
        let tools = self.tools.into_iter().map(|(name, tool)| LatencyRow {
            tool: name,
            count: tool.counts.iter().sum(),
            denied: tool.counts[1],
            errors: tool.counts[2],
            p50_ms: tool.durations.percentile(50),
            p95_ms: tool.durations.percentile(95),
            p99_ms: tool.durations.percentile(99),
        });
        let rules = self.rules.into_iter().map(|(rule, of)| RefusalGroup {
            rule_id: (!rule.is_empty()).then_some(rule),
            reason: of.reason,
            count: of.count,
            last: Timestamp::from_millis(of.last),
        });
        let values = self.values.into_iter();
        Stats {
            total: sums.iter().sum(),
            allow: sums[0],
            deny: sums[1],
            error: sums[2],
            agents,
            bucket_ms: self.span.bucket_ms,
            over_time: over_time.collect(),
            tools: top(tools, MAX_TOP, |row| (row.count, row.tool.clone())),
            values: top(
                values.map(|(name, count)| Count { name, count }),
                MAX_VALUES,
                |row| (row.count, row.name.clone()),
            ),
            rules: top(rules, MAX_TOP, |row| {
                (row.count, row.rule_id.clone().unwrap_or_default())
            }),
        }
    }
}

/// The most frequent first, equals by name.
pub(crate) fn top<T>(
    rows: impl Iterator<Item = T>,
    most: usize,
    key: impl Fn(&T) -> (u64, String),
) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_cached_key(|row| {
        let (count, name) = key(row);
        (std::cmp::Reverse(count), name)
    });
    rows.truncate(most);
    rows
}
