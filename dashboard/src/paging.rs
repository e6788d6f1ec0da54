//! Keyset paging: "Older" and "Newer" are places between rows, so that rows that arrive meanwhile shift nothing.

use trace_store::{Cursor, Direction, Page, PageRequest, TraceDetail, TraceRow};

use crate::answer::PageError;
use crate::query::Params;

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

/// The page that an address asks for.
pub(crate) fn request(params: &Params, limit: u32) -> Result<PageRequest, PageError> {
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
        (None, None) => (None, Direction::Older),
    };
    Ok(PageRequest {
        limit,
        after,
        direction,
    })
}

/// Rows from newest to oldest, and the links around them. `path` is the listing's own, with its filters.
pub(crate) fn turn<T: Placed>(
    page: Page<T>,
    asked: PageRequest,
    path: &str,
    anchor: &str,
) -> (Vec<T>, Pager) {
    let mut rows = page.rows;
    let backwards = asked.direction == Direction::Newer;
    if backwards {
        rows.reverse();
    }
    let mark = if path.contains('?') { '&' } else { '?' };
    let to = |word: &str, row: Option<&T>| {
        row.map(|row| format!("{path}{mark}{word}={}#{anchor}", row.cursor()))
    };
    let goes_on = page.next.is_some();
    let inside = asked.after.is_some();
    let pager = Pager {
        newest: inside.then(|| format!("{path}#{anchor}")),
        newer: to("newer", rows.first()).filter(|_| if backwards { goes_on } else { inside }),
        older: to("older", rows.last()).filter(|_| backwards || goes_on),
    };
    (rows, pager)
}
