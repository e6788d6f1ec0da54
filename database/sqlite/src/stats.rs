//! Counts over a filter: whole spans from the tables kept for it, what is cut or needs a closer look from the rows.

use std::collections::HashSet;

use aap::{ActionType, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};
use trace_store::receipt::distinct;
use trace_store::{Filter, Span, Stats, Tally};

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
    let mut counted = Counted {
        tally: Tally::new(span),
        agents: HashSet::new(),
    };
    let unsearched = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    if let Some(source) = Source::of(tx, &unsearched)? {
        let (since, until) = (span.since, span.until);
        let kept = filter.session_id.is_none()
            && filter.value.is_none()
            && filter.rule_id.is_none()
            && filter.runtime.is_none();
        if let Some((first, last)) = span.whole().filter(|_| kept) {
            counted.rows(tx, &source, since, first)?;
            counted.spans(tx, &source, filter, first, last)?;
            counted.rows(tx, &source, last, until)?;
        } else {
            counted.rows(tx, &source, since, until)?;
        }
    }
    Ok(counted.tally.finish(counted.agents.len() as u64))
}

struct Counted {
    tally: Tally,
    agents: HashSet<i64>,
}

impl Counted {
    fn seen(&mut self, agent: i64, at: i64, action: ActionType, tool: &str, times: u64) {
        self.agents.insert(agent);
        self.tally.seen(at, action, tool, times);
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
                    self.tally.durations(&tool).add(duration);
                }
                continue;
            }
            let rule: Option<String> = row.get(5)?;
            self.tally
                .refused(&rule.unwrap_or_default(), at, row.get(6)?, 1);
            let values: Option<String> = row.get(7)?;
            for value in distinct(&values_of(values.as_deref())) {
                self.tally.valued(value, 1);
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
            self.tally.durations(&tool).add_bytes(&durations);
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
            self.tally
                .refused(&rule, row.get(2)?, row.get(3)?, count(row, 1)?);
        }
        let sql = format!("SELECT value, count FROM value_spans{}", terms.sql());
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&terms.params))?;
        while let Some(row) = rows.next()? {
            let value: String = row.get(0)?;
            self.tally.valued(&value, count(row, 1)?);
        }
        Ok(())
    }
}
