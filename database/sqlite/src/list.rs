//! Listings and single traces.

use aap::limits::MAX_PAGE;
use aap::{Timestamp, TraceId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, Row, params, params_from_iter};
use trace_store::{Cursor, Direction, Filter, Page, PageRequest, TraceDetail, TraceRow};

use crate::query::{Source, Terms};
use crate::readers::Fault;
use crate::rows::{
    COLUMNS, DETAIL_COLUMNS, JOIN_DOCUMENTS, JOINS, id_bytes, time, trace_detail, trace_id,
    trace_row,
};

/// Rows that one page looks at, at most, when a filter has no index (`tool`, `value`, `rule_id`, `q`): the page then ends
/// early and its `next` goes on. About 0.2 s of searching documents of 1 KiB.
pub const SCAN_ROWS: i64 = 20_000;

pub(crate) fn traces(
    tx: &Connection,
    filter: &Filter,
    page: PageRequest,
) -> Result<Page<TraceRow>, Fault> {
    let Some(source) = Source::of(tx, filter)? else {
        return Ok(nothing());
    };
    let what = (COLUMNS.to_owned(), source.document_join());
    paged(tx, &source, page, what, trace_row, |row| row)
}

pub(crate) fn documents(
    tx: &Connection,
    filter: &Filter,
    page: PageRequest,
) -> Result<Page<TraceDetail>, Fault> {
    let Some(source) = Source::of(tx, filter)? else {
        return Ok(nothing());
    };
    let what = (format!("{COLUMNS}{DETAIL_COLUMNS}"), JOIN_DOCUMENTS);
    paged(tx, &source, page, what, trace_detail, |detail| &detail.row)
}

fn nothing<T>() -> Page<T> {
    Page {
        rows: Vec::new(),
        next: None,
    }
}

fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::Older => " ORDER BY t.at DESC, t.trace_id DESC",
        Direction::Newer => " ORDER BY t.at, t.trace_id",
    }
}

fn paged<T>(
    tx: &Connection,
    source: &Source,
    page: PageRequest,
    (columns, document_join): (String, &str),
    read: impl Fn(&Row<'_>) -> Result<T>,
    row_of: impl Fn(&T) -> &TraceRow,
) -> Result<Page<T>, Fault> {
    let limit = page.limit.clamp(1, MAX_PAGE) as usize;
    let mut indexed = source.indexed.clone();
    if let Some(after) = page.after {
        indexed.beyond(after, page.direction);
    }
    let mut end = None;
    if !source.looked_at.sql().is_empty() {
        end = last_looked_at(tx, source, &indexed, page.direction)?;
    }
    if let Some(end) = end {
        indexed.up_to(end, page.direction);
    }
    let mut terms = indexed.and(&source.looked_at);
    terms
        .params
        .push(Value::Integer(i64::from(page.limit.clamp(1, MAX_PAGE)) + 1));
    let sql = format!(
        "SELECT {columns}{}{JOINS}{document_join}{}{} LIMIT ?",
        source.from(),
        terms.sql(),
        order(page.direction)
    );
    let mut rows = tx
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&terms.params), |row| read(row))?
        .collect::<Result<Vec<_>>>()?;
    let next = if rows.len() > limit {
        rows.truncate(limit);
        rows.last().map(|last| {
            let row = row_of(last);
            Cursor {
                at: row.at,
                trace_id: row.trace_id,
            }
        })
    } else {
        end
    };
    Ok(Page { rows, next })
}

/// The last row that a page may look at; none when there are fewer than [`SCAN_ROWS`].
fn last_looked_at(
    tx: &Connection,
    source: &Source,
    indexed: &Terms,
    direction: Direction,
) -> Result<Option<Cursor>> {
    let sql = format!(
        "SELECT t.at, t.trace_id{}{}{} LIMIT 1 OFFSET {}",
        source.from(),
        indexed.sql(),
        order(direction),
        SCAN_ROWS - 1
    );
    tx.prepare_cached(&sql)?
        .query_row(params_from_iter(&indexed.params), |row| {
            Ok(Cursor {
                at: time(row, 0)?,
                trace_id: trace_id(row, 1)?,
            })
        })
        .optional()
}

pub(crate) fn received_after(
    tx: &Connection,
    position: i64,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<TraceRow>, Fault> {
    let Some(source) = Source::of(tx, filter)? else {
        return Ok(Vec::new());
    };
    let mut terms = Terms::default();
    terms.add("t.position > ?", [position.into()]);
    let mut terms = terms.and(&source.indexed).and(&source.looked_at);
    terms.params.push(i64::from(limit).into());
    let sql = format!(
        "SELECT {COLUMNS} FROM traces t NOT INDEXED{JOINS}{}{} ORDER BY t.position LIMIT ?",
        source.document_join(),
        terms.sql()
    );
    let rows = tx
        .prepare_cached(&sql)?
        .query_map(params_from_iter(&terms.params), trace_row)?
        .collect::<Result<Vec<_>>>()?;
    Ok(rows)
}

pub(crate) fn last_position(tx: &Connection) -> Result<i64> {
    tx.prepare_cached("SELECT coalesce(max(position), 0) FROM traces")?
        .query_row([], |row| row.get(0))
}

pub(crate) fn trace(tx: &Connection, id: TraceId) -> Result<Option<TraceDetail>> {
    let sql = format!(
        "SELECT {COLUMNS}{DETAIL_COLUMNS}, c.note, t.agent FROM traces t{JOINS}{JOIN_DOCUMENTS} \
         LEFT JOIN checkpoints c ON c.checkpoint = t.checkpoint WHERE t.trace_id = ?1"
    );
    let found = tx
        .prepare_cached(&sql)?
        .query_row([id_bytes(&id.uuid())], |row| {
            let mut detail = trace_detail(row)?;
            detail.note = row.get(20)?;
            Ok((detail, row.get(21)?))
        })
        .optional()?;
    let Some((mut detail, agent)) = found else {
        return Ok(None);
    };
    detail.previous = neighbour(tx, agent, detail.row.at, id, Direction::Older)?;
    detail.next = neighbour(tx, agent, detail.row.at, id, Direction::Newer)?;
    Ok(Some(detail))
}

fn neighbour(
    tx: &Connection,
    agent: i64,
    at: Timestamp,
    id: TraceId,
    direction: Direction,
) -> Result<Option<TraceId>> {
    let compared = match direction {
        Direction::Older => "<",
        Direction::Newer => ">",
    };
    let sql = format!(
        "SELECT t.trace_id FROM traces t INDEXED BY traces_by_agent \
         WHERE t.agent = ?1 AND (t.at, t.trace_id) {compared} (?2, ?3){} LIMIT 1",
        order(direction)
    );
    tx.prepare_cached(&sql)?
        .query_row(params![agent, at.millis(), id_bytes(&id.uuid())], |row| {
            trace_id(row, 0)
        })
        .optional()
}
