//! Who did most under a filter: whole spans from the counters kept for them, what is cut or needs a closer look from the rows.

use std::cmp::Reverse;
use std::collections::HashMap;

use aap::limits::MAX_PAGE;
use aap::{ActionType, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};
use trace_store::span::SPAN_MS;
use trace_store::{ActiveAgent, Filter, PageRequest, Span};

use crate::list;
use crate::query::{Source, Terms};
use crate::readers::Fault;
use crate::rows::{action_code, action_of, agent_id, count};

/// Traces by verdict.
type Counts = HashMap<i64, [u64; 3]>;

pub(crate) fn most_active(
    tx: &Connection,
    filter: &Filter,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<ActiveAgent>, Fault> {
    let span = Span::of(filter, SPAN_MS, now);
    let filter = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    let Some(source) = Source::of(tx, &filter)? else {
        return Ok(Vec::new());
    };
    let mut counts = Counts::new();
    let kept = filter.session_id.is_none()
        && filter.value.is_none()
        && filter.rule_id.is_none()
        && filter.runtime.is_none();
    if let Some((first, last)) = span.whole().filter(|_| kept) {
        rows(tx, &source, (span.since, first), &mut counts)?;
        spans(tx, &source, &filter, (first, last), &mut counts)?;
        rows(tx, &source, (last, span.until), &mut counts)?;
    } else {
        rows(tx, &source, (span.since, span.until), &mut counts)?;
    }
    let mut most: Vec<_> = counts
        .into_iter()
        .map(|(agent, counts)| (counts.iter().sum::<u64>(), agent, counts))
        .filter(|(traces, ..)| *traces > 0)
        .collect();
    most.sort_unstable_by_key(|(traces, agent, _)| (Reverse(*traces), *agent));
    let limit = limit.clamp(1, MAX_PAGE) as usize;
    // Who is as active as the last one may have acted later, so it is looked at, too.
    let least = most.get(limit - 1).map_or(0, |(traces, ..)| *traces);
    most.truncate(most.partition_point(|(traces, ..)| *traces >= least));
    let mut found = Vec::with_capacity(most.len());
    for (traces, agent, [_, denied, errors]) in most {
        let agent_id = tx
            .prepare_cached("SELECT agent_id FROM agents WHERE agent = ?1")?
            .query_row([agent], |row| agent_id(row, 0))?;
        let newest = Filter {
            agent_id: Some(agent_id),
            since: Some(Timestamp::from_millis(span.since)),
            until: Some(Timestamp::from_millis(span.until)),
            ..filter.clone()
        };
        found.push(ActiveAgent {
            agent_id,
            traces,
            denied,
            errors,
            last: last(tx, &newest)?,
        });
    }
    found.sort_by_key(|agent| (Reverse(agent.traces), Reverse(agent.last), agent.agent_id));
    found.truncate(limit);
    Ok(found)
}

/// When the newest of these traces is listed; there is one.
fn last(tx: &Connection, filter: &Filter) -> Result<Timestamp, Fault> {
    let mut page = PageRequest {
        limit: 1,
        ..PageRequest::default()
    };
    loop {
        let found = list::traces(tx, filter, page)?;
        match (found.rows.first(), found.next) {
            (Some(row), _) => return Ok(row.at),
            (None, Some(next)) => page.after = Some(next),
            // Only were it erased between the counting and this, which one transaction rules out.
            (None, None) => return Ok(Timestamp::from_millis(0)),
        }
    }
}

fn add(counts: &mut Counts, agent: i64, action: ActionType, times: u64) {
    let place = match action {
        ActionType::Allow => 0,
        ActionType::Deny => 1,
        ActionType::Error => 2,
    };
    counts.entry(agent).or_default()[place] += times;
}

/// Looks at the rows from `since` to before `until`.
fn rows(
    tx: &Connection,
    source: &Source,
    (since, until): (i64, i64),
    counts: &mut Counts,
) -> Result<()> {
    if since >= until {
        return Ok(());
    }
    let mut terms = source.indexed.clone();
    terms.add("t.at >= ? AND t.at < ?", [since.into(), until.into()]);
    let terms = terms.and(&source.looked_at);
    let sql = format!(
        "SELECT t.agent, t.action_type, count(*){}{} GROUP BY t.agent, t.action_type",
        source.from(),
        terms.sql()
    );
    counted(tx, &sql, &terms, counts)
}

/// Adds the spans that start from `first` to before `last`.
fn spans(
    tx: &Connection,
    source: &Source,
    filter: &Filter,
    (first, last): (i64, i64),
    counts: &mut Counts,
) -> Result<()> {
    let mut terms = Terms::default();
    if let Some(agent) = source.agent {
        terms.add("agent = ?", [agent.into()]);
    }
    terms.add("start >= ? AND start < ?", [first.into(), last.into()]);
    if let Some(tool) = &filter.tool {
        terms.add("tool = ?", [Value::from(tool.clone())]);
    }
    if let Some(action) = filter.action_type {
        terms.add("action_type = ?", [action_code(action).into()]);
    }
    let sql = format!(
        "SELECT agent, action_type, sum(count) FROM spans{} GROUP BY agent, action_type",
        terms.sql()
    );
    counted(tx, &sql, &terms, counts)
}

fn counted(tx: &Connection, sql: &str, terms: &Terms, counts: &mut Counts) -> Result<()> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(&terms.params))?;
    while let Some(row) = rows.next()? {
        add(counts, row.get(0)?, action_of(row.get(1)?), count(row, 2)?);
    }
    Ok(())
}
