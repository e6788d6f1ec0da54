//! Questions that one page each asks: what took longest, a whole session, a chain.

use std::fmt::Write as _;

use aap::chain::Header;
use aap::limits::MAX_PAGE;
use aap::{AgentId, StreamId};
use tokio_postgres::Row;
use trace_store::facets::most_looked_at;
use trace_store::slim::{MAX_LINKS, MAX_SESSION_CALLS};
use trace_store::{Cursor, Direction, Filter, LinkRow, Longest, Page, SlimCall, StoreError};

use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::query::Terms;
use crate::rows::{COLUMNS, action_of, count, digest, get, time, trace_id, trace_row};
use crate::values::{Value, typed};

/// The place of the number of rows that were looked at, behind [`COLUMNS`].
const LOOKED_AT: usize = 18;

pub(crate) async fn longest<C: Connections>(
    connections: &C,
    filter: &Filter,
    limit: u32,
) -> Result<Longest, StoreError> {
    let Some(mut terms) = Terms::of(connections, filter).await? else {
        return Ok(Longest {
            rows: Vec::new(),
            looked_at: 0,
            complete: true,
        });
    };
    let limit = terms.bind(Value::Number(i64::from(limit.clamp(1, MAX_PAGE))));
    let order = "duration_ms DESC NULLS LAST, at DESC, trace_id DESC";
    let sql = format!(
        "WITH looked AS MATERIALIZED ({}), \
         longest AS MATERIALIZED (SELECT * FROM looked WHERE fits ORDER BY {order} LIMIT {limit}) \
         SELECT {COLUMNS}, c.looked_at FROM (SELECT count(*) AS looked_at FROM looked) c \
         LEFT JOIN longest l ON true LEFT JOIN public.traces t ON t.at = l.at AND t.trace_id = l.trace_id \
         ORDER BY {}",
        looked(
            "t.at, t.trace_id, t.duration_ms",
            &terms,
            most_looked_at(filter)
        ),
        order
            .replace("duration_ms", "l.duration_ms")
            .replace("at ", "l.at ")
            .replace("trace_id", "l.trace_id"),
    );
    let found = rows(
        connections,
        Transaction::Longest,
        &sql,
        &typed(&terms.params),
    )
    .await?;
    let looked_at = match found.first() {
        Some(row) => count(row, LOOKED_AT)?,
        None => 0,
    };
    let mut longest = Vec::with_capacity(found.len());
    for row in &found {
        // Of nothing there is one row, which tells how much was looked at.
        if get::<Option<i64>>(row, 0)?.is_some() {
            longest.push(trace_row(row)?);
        }
    }
    Ok(Longest {
        rows: longest,
        looked_at,
        complete: looked_at < u64::from(most_looked_at(filter)),
    })
}

/// The newest rows that the index yields, so many at `most`, and whether each fits the rest of the filter.
pub(crate) fn looked(columns: &str, terms: &Terms, most: u32) -> String {
    format!(
        "SELECT {columns}, true{} AS fits FROM (SELECT t.* FROM public.traces t WHERE true{} \
         ORDER BY t.at DESC, t.trace_id DESC LIMIT {most}) t",
        terms.looked_at, terms.indexed
    )
}

pub(crate) async fn session_calls<C: Connections>(
    connections: &C,
    agent: AgentId,
    session: &str,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Page<SlimCall>, StoreError> {
    let filter = Filter {
        agent_id: Some(agent),
        session_id: Some(session.to_owned()),
        ..Filter::default()
    };
    let nothing = Page {
        rows: Vec::new(),
        next: None,
    };
    let Some(mut terms) = Terms::of(connections, &filter).await? else {
        return Ok(nothing);
    };
    if let Some(after) = after {
        terms.beyond(after, Direction::Newer);
    }
    let limit = limit.clamp(1, MAX_SESSION_CALLS) as usize;
    let mut sql = format!(
        "SELECT t.trace_id, t.at, t.tool_name, t.action_type, t.duration_ms, t.rule_id, t.outcome \
         FROM public.traces t {} ORDER BY t.at, t.trace_id",
        terms.all()
    );
    // One more, to see whether there is another page.
    let _ = write!(sql, " LIMIT {}", limit + 1);
    let found = rows(
        connections,
        Transaction::SessionCalls,
        &sql,
        &typed(&terms.params),
    )
    .await?;
    let read = |row: &Row| {
        Ok::<_, StoreError>(SlimCall {
            trace_id: trace_id(row, 0)?,
            at: time(row, 1)?,
            tool_name: get(row, 2)?,
            action_type: action_of(get(row, 3)?),
            duration_ms: get(row, 4)?,
            rule_id: get(row, 5)?,
            outcome: get(row, 6)?,
        })
    };
    let calls = found.iter().take(limit).map(read);
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    let last = calls.last().filter(|_| found.len() > limit);
    Ok(Page {
        next: last.map(|last| Cursor {
            at: last.at,
            trace_id: last.trace_id,
        }),
        rows: calls,
    })
}

pub(crate) async fn links<C: Connections>(
    connections: &C,
    agent: AgentId,
    stream: StreamId,
    after_seq: u64,
    limit: u32,
) -> Result<Vec<LinkRow>, StoreError> {
    let Ok(after_seq) = i64::try_from(after_seq) else {
        return Ok(Vec::new());
    };
    let params = [
        Value::Id(stream.uuid()),
        Value::Id(agent.uuid()),
        Value::Number(after_seq),
        Value::Number(i64::from(limit.clamp(1, MAX_LINKS))),
    ];
    // The second line of a note is the seq of the last link that it covers.
    let sql = "SELECT * FROM (\
           SELECT t.seq, t.trace_id, t.timestamp, t.tool_name, t.action_type, t.rule_id, t.prev, \
             coalesce(t.commitment, public.commitment_of(t.document)) AS commitment, t.fingerprint, \
             CASE WHEN split_part(c.note, E'\\n', 2) = t.seq::text THEN c.note END \
           FROM public.traces t LEFT JOIN public.checkpoints c ON c.checkpoint = t.checkpoint \
           WHERE t.stream = $1 AND t.agent_id = $2 AND t.seq > $3 ORDER BY t.seq LIMIT $4\
         ) l WHERE l.commitment IS NOT NULL ORDER BY l.seq";
    let found = rows(connections, Transaction::Links, sql, &typed(&params)).await?;
    let read = |row: &Row| {
        Ok(LinkRow {
            header: Header {
                agent_id: agent,
                stream,
                seq: count(row, 0)?,
                trace_id: trace_id(row, 1)?,
                timestamp: time(row, 2)?,
                tool_name: get(row, 3)?,
                action_type: action_of(get(row, 4)?),
                rule_id: get(row, 5)?,
                prev: digest(row, 6)?,
                commitment: digest(row, 7)?,
            },
            digest: digest(row, 8)?,
            note: get(row, 9)?,
        })
    };
    found.iter().map(read).collect()
}
