//! Who did most under a filter: whole spans from the counters kept for them ([`crate::levels`]), what is cut or needs a closer
//! look from the rows.

use std::fmt::Write as _;

use aap::Timestamp;
use aap::limits::MAX_PAGE;
use trace_store::span::SPAN_MS;
use trace_store::{ActiveAgent, Filter, Span, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::levels::{Counters, Levels, tell};
use crate::query::Terms;
use crate::rows::{agent_id, count, time};
use crate::values::{Value, typed};

pub(crate) async fn most_active<C: Connections>(
    connections: &C,
    filter: &Filter,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<ActiveAgent>, StoreError> {
    let span = Span::of(filter, SPAN_MS, now);
    let filter = Filter {
        q: None,
        since: None,
        until: None,
        ..filter.clone()
    };
    let Some(terms) = Terms::of_any_order(&filter)? else {
        return Ok(Vec::new());
    };
    let (sql, params) = sql(terms, &filter, span, limit.clamp(1, MAX_PAGE));
    let found = rows(connections, Transaction::Active, &sql, &typed(&params)).await?;
    let mut active = Vec::with_capacity(found.len());
    for row in &found {
        active.push(ActiveAgent {
            agent_id: agent_id(row, 0)?,
            traces: count(row, 1)?,
            denied: count(row, 2)?,
            errors: count(row, 3)?,
            last: time(row, 4)?,
        });
    }
    Ok(active)
}

fn sql(mut terms: Terms, filter: &Filter, span: Span, limit: u32) -> (String, Vec<Value>) {
    let at = |ms: i64| Value::Time(Timestamp::from_millis(ms));
    let (since, until) = (terms.bind(at(span.since)), terms.bind(at(span.until)));
    let mut picked = format!(
        "SELECT t.agent_id, t.action_type, 1::bigint AS count, t.at AS last \
         FROM public.traces t {} AND t.at >= {since} AND t.at < {until}",
        terms.all()
    );
    if let Some((first, last)) = span.whole().filter(|_| tell(filter)) {
        let levels = Levels::of((first, last));
        let (first, last) = (terms.bind(at(first)), terms.bind(at(last)));
        let counters = Counters::new(filter, levels, &mut terms);
        let by_agent = counters.by_agent(span.since, &mut terms);
        let _ = write!(picked, " AND (t.at < {first} OR t.at >= {last}){by_agent}");
    }
    let limit = terms.bind(Value::Number(limit.into()));
    // A trace that was counted with its header and again with its content is taken back by a count below nothing.
    let sql = format!(
        "SELECT p.agent_id, sum(p.count)::bigint AS traces, \
           coalesce(sum(p.count) FILTER (WHERE p.action_type = 'deny'), 0)::bigint, \
           coalesce(sum(p.count) FILTER (WHERE p.action_type = 'error'), 0)::bigint, max(p.last) AS last \
         FROM ({picked}) p GROUP BY p.agent_id HAVING sum(p.count) > 0 \
         ORDER BY traces DESC, last DESC, p.agent_id LIMIT {limit}"
    );
    (sql, terms.params)
}
