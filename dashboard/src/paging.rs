//! Keyset paging: "Older" and "Newer" are places between rows, so that rows that arrive meanwhile shift nothing.

use trace_store::{Cursor, Direction, Page, PageRequest, TraceDetail, TraceRow};

use crate::answer::PageError;
use crate::query::{Order, Params};

/// Rows of a page; listings are read with documents, and a page stays under 60 KB.
pub(crate) const PAGE_ROWS: u32 = 20;

/// Links at the foot of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pager {
    /// Back to the top, when this is not it.
    pub(crate) newest: Option<String>,
    /// Towards the present.
    pub(crate) newer: Option<String>,
    /// Towards the past.
    pub(crate) older: Option<String>,
}

impl Pager {
    /// Whether there is anywhere to go.
    pub(crate) fn is_any(&self) -> bool {
        self.newest.is_some() || self.newer.is_some() || self.older.is_some()
    }
}

/// What a listing's rows have in common.
pub(crate) trait Placed {
    /// Where the row stands.
    fn cursor(&self) -> Cursor;
}

impl Placed for TraceRow {
    fn cursor(&self) -> Cursor {
        Cursor {
            at: self.at,
            trace_id: self.trace_id,
        }
    }
}

impl Placed for TraceDetail {
    fn cursor(&self) -> Cursor {
        self.row.cursor()
    }
}

/// The page that an address asks for, the newest rows first.
pub(crate) fn request(params: &Params, limit: u32) -> Result<PageRequest, PageError> {
    request_in(params, Order::Newest, limit)
}

/// The page that an address asks for, in this order of time.
pub(crate) fn request_in(
    params: &Params,
    order: Order,
    limit: u32,
) -> Result<PageRequest, PageError> {
    let read = |text: &str| {
        text.parse::<Cursor>()
            .map_err(|error| PageError::Bad(error.to_string()))
    };
    let (after, direction) = match (&params.older, &params.newer) {
        (Some(_), Some(_)) => {
            return Err(PageError::Bad("give older or newer, not both".to_owned()));
        }
        (Some(older), None) => (Some(read(older)?), Direction::Older),
        (None, Some(newer)) => (Some(read(newer)?), Direction::Newer),
        (None, None) => (None, onwards(order)),
    };
    Ok(PageRequest {
        limit,
        after,
        direction,
    })
}

/// Where a listing in this order goes on.
fn onwards(order: Order) -> Direction {
    match order {
        Order::Oldest => Direction::Newer,
        Order::Newest | Order::Longest => Direction::Older,
    }
}

/// Rows from newest to oldest, and the links around them. `path` is the listing's own, with its filters.
pub(crate) fn turn<T: Placed>(
    page: Page<T>,
    asked: PageRequest,
    path: &str,
    anchor: &str,
) -> (Vec<T>, Pager) {
    turn_in(page, asked, Order::Newest, path, anchor)
}

/// Rows in this order of time, and the links around them. The link back to the top is [`Pager::newest`] in either order.
pub(crate) fn turn_in<T: Placed>(
    page: Page<T>,
    asked: PageRequest,
    order: Order,
    path: &str,
    anchor: &str,
) -> (Vec<T>, Pager) {
    let Page { mut rows, next } = page;
    let backwards = asked.direction != onwards(order);
    if backwards {
        rows.reverse();
    }
    let mark = if path.contains('?') { '&' } else { '?' };
    let to = |word: &str, cursor: Option<Cursor>| {
        cursor.map(|cursor| format!("{path}{mark}{word}={cursor}#{anchor}"))
    };
    let (on, back) = match onwards(order) {
        Direction::Older => ("older", "newer"),
        Direction::Newer => ("newer", "older"),
    };
    let inside = asked.after.is_some();
    let (first, last) = (rows.first().map(T::cursor), rows.last().map(T::cursor));
    // `next` may lie beyond the last row: a store may have stopped looking before the page was full.
    let on = to(on, if backwards { last } else { next });
    let back = to(
        back,
        if backwards {
            next
        } else {
            first.filter(|_| inside)
        },
    );
    let (older, newer) = match onwards(order) {
        Direction::Older => (on, back),
        Direction::Newer => (back, on),
    };
    let pager = Pager {
        newest: inside.then(|| format!("{path}#{anchor}")),
        newer,
        older,
    };
    (rows, pager)
}
