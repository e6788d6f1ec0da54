//! Listings and single traces.

use aap::TraceId;
use aap::limits::{DEFAULT_PAGE, MAX_PAGE};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use trace_store::facets::MAX_SEARCHED;
use trace_store::{
    Cursor, Direction, Filter, Page, PageRequest, StoreError, TraceDetail, TraceRow,
};
use uuid::Uuid;

use crate::append::id_time;
use crate::ask::{Transaction, rows};
use crate::connections::Connections;
use crate::query::Terms;
use crate::rows::{COLUMNS, DETAIL_COLUMNS, get, time, trace_detail, trace_id, trace_row};
use crate::values::{Time, Value, typed};

/// Rows that one page looks at, at most, when a filter has no index (`tool`, `value`, `rule_id`, `runtime`): the page then ends
/// early and its `next` goes on.
pub const SCAN_ROWS: i64 = 20_000;

/// The same where whole documents are searched for a text: these are what costs.
pub const SEARCH_ROWS: i64 = MAX_SEARCHED as i64;

pub(crate) async fn traces<C: Connections>(
    connections: &C,
    filter: &Filter,
    page: PageRequest,
) -> Result<Page<TraceRow>, StoreError> {
    let what = (Transaction::Traces, "");
    paged(connections, filter, page, what, trace_row, |row| row).await
}

pub(crate) async fn documents<C: Connections>(
    connections: &C,
    filter: &Filter,
    page: PageRequest,
) -> Result<Page<TraceDetail>, StoreError> {
    let what = (Transaction::Documents, DETAIL_COLUMNS);
    paged(connections, filter, page, what, trace_detail, |detail| {
        &detail.row
    })
    .await
}

fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::Older => "ORDER BY t.at DESC, t.trace_id DESC",
        Direction::Newer => "ORDER BY t.at, t.trace_id",
    }
}

async fn paged<C: Connections, T>(
    connections: &C,
    filter: &Filter,
    page: PageRequest,
    (transaction, more_columns): (Transaction, &str),
    read: impl Fn(&Row) -> Result<T, StoreError>,
    row_of: impl Fn(&T) -> &TraceRow,
) -> Result<Page<T>, StoreError> {
    let nothing = Page {
        rows: Vec::new(),
        next: None,
    };
    let Some(mut terms) = Terms::of(connections, filter).await? else {
        return Ok(nothing);
    };
    if let Some(after) = page.after {
        terms.beyond(after, page.direction);
    }
    let limit = page.limit.clamp(1, MAX_PAGE);
    let transaction = if is_common(filter, &terms, limit, transaction) {
        Transaction::Page
    } else {
        transaction
    };
    let sql = if terms.looked_at.is_empty() {
        page_sql(&mut terms, limit, more_columns, page.direction)
    } else {
        let most = match filter.q {
            Some(_) => SEARCH_ROWS,
            None => SCAN_ROWS,
        };
        searched_sql(&mut terms, limit, more_columns, page.direction, most)
    };
    let mut found = rows(connections, transaction, &sql, &typed(&terms.params)).await?;
    // A search that was cut tells where, in a row of its own at the end.
    let cut = match found.last() {
        Some(last) if get::<Option<i64>>(last, 0)?.is_none() => Some(Cursor {
            trace_id: trace_id(last, 1)?,
            at: time(last, 4)?,
        }),
        _ => None,
    };
    if cut.is_some() {
        found.pop();
    }
    let mut page_rows = found.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let next = if page_rows.len() > limit as usize {
        page_rows.truncate(limit as usize);
        page_rows.last().map(|last| {
            let row = row_of(last);
            Cursor {
                at: row.at,
                trace_id: row.trace_id,
            }
        })
    } else {
        cut
    };
    Ok(Page {
        rows: page_rows,
        next,
    })
}

/// Whether many ask for such a page: of everything or of an agent, of all verdicts or of one. Over a year of partitions it
/// costs several times more to plan it than to read it, so it is prepared where that is possible. There are 24 such texts;
/// plans of more would take the server's memory.
fn is_common(filter: &Filter, terms: &Terms, limit: u32, transaction: Transaction) -> bool {
    transaction == Transaction::Traces
        && limit == DEFAULT_PAGE
        && terms.looked_at.is_empty()
        && filter.session_id.is_none()
        && filter.since.is_none()
        && filter.until.is_none()
}

/// One row more than the page holds, to see whether there is another page.
fn page_sql(terms: &mut Terms, limit: u32, more_columns: &str, direction: Direction) -> String {
    // A number that the planner sees even when it plans for all parameters alike.
    let limit = match limit {
        DEFAULT_PAGE => (DEFAULT_PAGE + 1).to_string(),
        other => terms.bind(Value::Number(i64::from(other) + 1)),
    };
    format!(
        "SELECT {COLUMNS}{more_columns} FROM public.traces t {} {} LIMIT {limit}",
        terms.all(),
        order(direction)
    )
}

/// The same, looking at `most` rows, in their order. When these are looked through and the page is not full,
/// one more row follows that tells the last row that was looked at, and has no position. All from one snapshot.
fn searched_sql(
    terms: &mut Terms,
    limit: u32,
    more_columns: &str,
    direction: Direction,
    most: i64,
) -> String {
    let wanted = terms.bind(Value::Number(i64::from(limit) + 1));
    let (order, indexed, looked_at) = (order(direction), &terms.indexed, &terms.looked_at);
    let columns = COLUMNS.replace("t.", "");
    // Each named column is null but for the key.
    let nulls = format!("{columns}{}", more_columns.replace("t.", ""))
        .split(", ")
        .map(|column| match column {
            "trace_id" | "at" => column,
            _ => "NULL",
        })
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "WITH page AS MATERIALIZED (\
           SELECT {COLUMNS}{more_columns} FROM (\
             SELECT t.* FROM public.traces t WHERE true{indexed} {order} LIMIT {most}\
           ) t WHERE true{looked_at} {order} LIMIT {wanted}\
         ) SELECT * FROM page UNION ALL SELECT {nulls} FROM (\
           SELECT t.at, t.trace_id FROM public.traces t WHERE true{indexed} {order} LIMIT 1 OFFSET {}\
         ) last WHERE (SELECT count(*) FROM page) < {wanted}",
        most - 1
    )
}

pub(crate) async fn received_after<C: Connections>(
    connections: &C,
    position: i64,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<TraceRow>, StoreError> {
    let Some(mut terms) = Terms::of(connections, filter).await? else {
        return Ok(Vec::new());
    };
    let after = terms.bind(Value::Number(position));
    let limit = terms.bind(Value::Number(i64::from(limit)));
    let sql = format!(
        "SELECT {COLUMNS} FROM public.traces t {} AND t.position > {after} AND t.position < public.settled_before() \
         ORDER BY t.position LIMIT {limit}",
        terms.all()
    );
    let found = rows(
        connections,
        Transaction::ReceivedAfter,
        &sql,
        &typed(&terms.params),
    )
    .await?;
    found.iter().map(trace_row).collect()
}

pub(crate) async fn last_position<C: Connections>(connections: &C) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(t.position), 0) FROM public.traces t WHERE t.position < public.settled_before()";
    let found = rows(connections, Transaction::LastPosition, sql, &[]).await?;
    found.first().map_or(Ok(0), |row| get(row, 0))
}

/// One trace. Its place is the time that its id carries, or is told by `trace_ids`: either way partitions are left out.
pub(crate) async fn trace<C: Connections>(
    connections: &C,
    id: TraceId,
) -> Result<Option<TraceDetail>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}{DETAIL_COLUMNS}, c.note, \
           (SELECT n.trace_id FROM public.traces n WHERE n.agent_id = t.agent_id AND n.at <= t.at \
              AND (n.at, n.trace_id) < (t.at, t.trace_id) ORDER BY n.at DESC, n.trace_id DESC LIMIT 1), \
           (SELECT n.trace_id FROM public.traces n WHERE n.agent_id = t.agent_id AND n.at >= t.at \
              AND (n.at, n.trace_id) > (t.at, t.trace_id) ORDER BY n.at, n.trace_id LIMIT 1) \
         FROM public.traces t LEFT JOIN public.checkpoints c ON c.checkpoint = t.checkpoint \
         WHERE t.trace_id = $1 AND t.at IN ($2, (SELECT k.at FROM public.trace_ids k WHERE k.trace_id = $1))"
    );
    let params = [
        (&id.uuid() as _, Type::UUID),
        (&id_time(id).map(Time) as _, Type::TIMESTAMPTZ),
    ];
    let found = rows(connections, Transaction::Trace, &sql, &params).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let id = |index| Ok::<_, StoreError>(get::<Option<Uuid>>(row, index)?.map(TraceId::from));
    Ok(Some(TraceDetail {
        note: get(row, 20)?,
        previous: id(21)?,
        next: id(22)?,
        ..trace_detail(row)?
    }))
}
