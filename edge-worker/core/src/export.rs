//! `GET /v1/export`: everything that a filter finds, as one file in the format that was asked for.
//!
//! The answer is written page by page and never held whole, whichever host answers. A store that fails midway breaks the
//! connection off, so that nobody takes a part for the whole.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use trace_store::{Cursor, Filter, PageRequest, TraceDetail, TraceReader, TraceWriter};

use crate::Problem;
use crate::edge::{Caller, Edge};
use crate::limiter::Limiter;
use crate::query::{FILTER, Params, parsed};

mod csv;
mod json;
mod otlp;
mod seats;

use seats::Seat;
pub(crate) use seats::Seats;

/// Exports that one process writes at once.
pub const MAX_EXPORTS: usize = 16;
/// Exports that one network is written at once.
pub const MAX_EXPORTS_PER_NETWORK: usize = 4;
/// Traces that are read from the store at once: 100 of the largest are 6.4 MB as text.
pub const EXPORT_PAGE: u32 = 100;
/// How long one export may take; whoever reads more slowly is cut off and goes on from a `cursor`.
pub const MAX_EXPORT_TIME: Duration = Duration::from_hours(1);

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// One JSON object a line.
    Ndjson,
    /// A table.
    Csv,
    /// Spans of OpenTelemetry.
    Otlp,
}

impl Format {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "ndjson" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "otlp" => Some(Self::Otlp),
            _ => None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Otlp => "application/json",
        }
    }

    fn content_disposition(self) -> &'static str {
        match self {
            Self::Ndjson => "attachment; filename=\"traces.ndjson\"",
            Self::Csv => "attachment; filename=\"traces.csv\"",
            Self::Otlp => "attachment; filename=\"traces.otlp.json\"",
        }
    }

    /// What stands before the first trace.
    fn head(self) -> &'static str {
        match self {
            Self::Ndjson => "",
            Self::Csv => csv::HEAD,
            Self::Otlp => otlp::HEAD,
        }
    }

    /// What stands behind the last one.
    fn tail(self) -> &'static str {
        match self {
            Self::Ndjson | Self::Csv => "",
            Self::Otlp => otlp::TAIL,
        }
    }

    /// Appends one trace; `first` when none stands before it.
    fn write(self, detail: TraceDetail, first: bool, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Ndjson => json::write(detail, out),
            Self::Csv => csv::write(&detail, out),
            Self::Otlp => {
                if !first {
                    out.push(b',');
                }
                otlp::write(detail, out)
            }
        }
    }
}

/// Everything that a filter finds.
pub(crate) async fn export<S: TraceReader + TraceWriter, L: Limiter>(
    State(edge): State<Arc<Edge<S, L>>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut known = FILTER.to_vec();
    known.extend(["format", "order", "cursor"]);
    let mut params = Params::of(&uri, &known)?;
    let format = params.take("format", "ndjson, csv or otlp", Format::parse)?;
    let format = format.unwrap_or(Format::Ndjson);
    let filter = params.filter()?;
    let direction = params.direction()?;
    let cursor = params.take("cursor", "a next_cursor of a listing", parsed::<Cursor>)?;
    let seat = edge.exports.take(caller.network);
    let mut export = Export {
        seat: seat.ok_or(Problem::TooManyExports)?,
        until: (edge.ports.monotonic)().saturating_add(MAX_EXPORT_TIME),
        edge,
        format,
        filter,
        page: PageRequest {
            limit: EXPORT_PAGE,
            after: cursor,
            direction,
        },
        written: 0,
        ended: false,
    };
    // Before anything is answered, so that a store that is away is told as everywhere else.
    let begun = export.begin().await?;
    let rest = stream::unfold(export, Export::step);
    let first = stream::once(std::future::ready(Ok(begun)));
    let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_DISPOSITION, format.content_disposition()),
    ];
    Ok((
        headers.map(|(name, value)| (name, HeaderValue::from_static(value))),
        body,
    )
        .into_response())
}

/// One export on its way.
struct Export<S, L> {
    edge: Arc<Edge<S, L>>,
    /// Free again when this is dropped: at the end, or when the client goes away.
    seat: Seat,
    until: Duration,
    format: Format,
    filter: Filter,
    page: PageRequest,
    written: u64,
    ended: bool,
}

impl<S: TraceReader + TraceWriter, L: Limiter> Export<S, L> {
    /// What stands at the top, and the first traces.
    async fn begin(&mut self) -> Result<Bytes, Problem> {
        let mut out = self.format.head().as_bytes().to_vec();
        self.page(&mut out).await?;
        Ok(out.into())
    }

    /// The next piece; an error, which ends the connection, where there should be one and is not.
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        // A store that searches row by row may find nothing in many pages.
        while out.is_empty() && !self.ended {
            let late = (self.edge.ports.monotonic)() >= self.until;
            let outcome = if late {
                Err(Problem::ExportTooLong)
            } else {
                self.page(&mut out).await
            };
            if let Err(problem) = outcome {
                tracing::warn!(%problem, network = %self.seat.network().address(), written = self.written, "an export breaks off");
                self.ended = true;
                return Some((Err(io::Error::other(problem.to_string())), self));
            }
        }
        (!out.is_empty()).then(|| (Ok(out.into()), self))
    }

    /// Appends the next page of the store.
    async fn page(&mut self, out: &mut Vec<u8>) -> Result<(), Problem> {
        let page = self
            .edge
            .ports
            .store
            .documents(&self.filter, self.page)
            .await?;
        for detail in page.rows {
            let first = self.written == 0;
            self.format
                .write(detail, first, out)
                .map_err(|_| Problem::Unwritable)?;
            self.written += 1;
        }
        self.page.after = page.next;
        if page.next.is_none() {
            self.ended = true;
            out.extend_from_slice(self.format.tail().as_bytes());
        }
        Ok(())
    }
}
