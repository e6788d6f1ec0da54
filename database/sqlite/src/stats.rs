//! Counts over a filter: whole spans from the tables kept for it, what is cut or needs a closer look from the rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use aap::{ActionType, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};
use trace_store::span::{MAX_TOP, MAX_VALUES};
use trace_store::{Count, Filter, LatencyRow, RefusalGroup, Span, Stats, TimeBucket};

use crate::counts::{SPAN_MS, distinct};
use crate::histogram::Histogram;
use crate::query::{Source, Terms};
use crate::readers::Fault;
use crate::rows::{action_code, action_of, count, values_of};

pub(crate) fn stats(
    tx: &Connection,
    filter: &Filter,
    bucket_ms: i64,
    now: Timestamp,
) -> Result<Stats, Fault> {
    let span = Span::of(filter, bucket_ms, now);
    let mut tally = Tally::new(span);
    let unsearched = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    if let Some(source) = Source::of(tx, &unsearched)? {
        let (since, until) = (span.since, span.until);
        // Whole spans within the time that is asked for.
        let first = since.div_euclid(SPAN_MS) * SPAN_MS;
        let first = if first < since {
            first + SPAN_MS
        } else {
            first
        };
        let last = until.div_euclid(SPAN_MS) * SPAN_MS;
        let kept = filter.session_id.is_none()
            && filter.value.is_none()
            && filter.rule_id.is_none()
            && span.bucket_ms % SPAN_MS == 0
            && first < last;
        if kept {
            tally.rows(tx, &source, since, first)?;
            tally.spans(tx, &source, filter, first, last)?;
            tally.rows(tx, &source, last, until)?;
        } else {
            tally.rows(tx, &source, since, until)?;
        }
    }
    Ok(tally.finish())
}

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

struct Tally {
    span: Span,
    agents: HashSet<i64>,
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
    fn new(span: Span) -> Self {
        Self {
            span,
            agents: HashSet::new(),
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

    fn seen(&mut self, agent: i64, at: i64, action: ActionType, tool: &str, times: u64) {
        self.agents.insert(agent);
        let bucket = self.span.bucket_of(at);
        self.buckets.entry(bucket).or_default()[place(action)] += times;
        self.tool(tool).counts[place(action)] += times;
    }

    fn refused(&mut self, rule: &str, at: i64, reason: Option<String>, times: u64) {
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

    /// Looks at the rows from `since` to before `until`.
    fn rows(&mut self, tx: &Connection, source: &Source, since: i64, until: i64) -> Result<()> {
        if since >= until {
            return Ok(());
        }
        let mut terms = source.indexed.clone();
        terms.add("t.at >= ? AND t.at < ?", [since.into(), until.into()]);
        let terms = terms.and(&source.looked_at);
        let sql = format!(
            "SELECT t.agent, t.at, t.action_type, t.tool, t.duration_ms, t.rule_id, t.reason, t.values_violated{}{}",
            source.from(),
            terms.sql()
        );
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&terms.params))?;
        while let Some(row) = rows.next()? {
            let (at, action) = (row.get(1)?, action_of(row.get(2)?));
            let tool: String = row.get(3)?;
            self.seen(row.get(0)?, at, action, &tool, 1);
            if action != ActionType::Deny {
                if let Some(duration) = row.get(4)? {
                    self.tool(&tool).durations.add(duration);
                }
                continue;
            }
            let rule: Option<String> = row.get(5)?;
            self.refused(&rule.unwrap_or_default(), at, row.get(6)?, 1);
            let values: Option<String> = row.get(7)?;
            for value in distinct(&values_of(values.as_deref())) {
                *self.values.entry(value.to_owned()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Adds the spans that start from `first` to before `last`.
    fn spans(
        &mut self,
        tx: &Connection,
        source: &Source,
        filter: &Filter,
        first: i64,
        last: i64,
    ) -> Result<()> {
        let mut terms = Terms::default();
        if let Some(agent) = source.agent {
            terms.add("agent = ?", [agent.into()]);
        }
        terms.add("start >= ? AND start < ?", [first.into(), last.into()]);
        if let Some(tool) = &filter.tool {
            terms.add("tool = ?", [Value::from(tool.clone())]);
        }
        let mut of_action = terms.clone();
        if let Some(action) = filter.action_type {
            of_action.add("action_type = ?", [action_code(action).into()]);
        }
        let sql = format!(
            "SELECT agent, start, action_type, tool, count, durations FROM spans{}",
            of_action.sql()
        );
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&of_action.params))?;
        while let Some(row) = rows.next()? {
            let tool: String = row.get(3)?;
            let action = action_of(row.get(2)?);
            self.seen(row.get(0)?, row.get(1)?, action, &tool, count(row, 4)?);
            let durations: Vec<u8> = row.get(5)?;
            self.tool(&tool).durations.add_bytes(&durations);
        }
        if filter
            .action_type
            .is_some_and(|action| action != ActionType::Deny)
        {
            return Ok(());
        }
        let sql = format!(
            "SELECT rule_id, count, last, reason FROM rule_spans{}",
            terms.sql()
        );
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&terms.params))?;
        while let Some(row) = rows.next()? {
            let rule: String = row.get(0)?;
            self.refused(&rule, row.get(2)?, row.get(3)?, count(row, 1)?);
        }
        let sql = format!("SELECT value, count FROM value_spans{}", terms.sql());
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&terms.params))?;
        while let Some(row) = rows.next()? {
            *self.values.entry(row.get(0)?).or_default() += count(row, 1)?;
        }
        Ok(())
    }

    fn finish(self) -> Stats {
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
            agents: self.agents.len() as u64,
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
fn top<T>(rows: impl Iterator<Item = T>, most: usize, key: impl Fn(&T) -> (u64, String)) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_cached_key(|row| {
        let (count, name) = key(row);
        (std::cmp::Reverse(count), name)
    });
    rows.truncate(most);
    rows
}
