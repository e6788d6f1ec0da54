//! Ports through which traces are written and read.
//!
//! **In scope.** [`TraceWriter`] and [`TraceReader`], the rows and filters they speak of, what
//! every store works out in the same way (spans, histograms, sums), and (feature `conformance`) the
//! suite that every store must pass. **Out of scope.** SQL and drivers, which are each store's own crate; validation, which
//! is `aap`'s: a writer takes nothing but a [`aap::ValidBatch`]. No clock here: whoever calls brings the time.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod facets;
pub mod filter;
pub mod histogram;
pub mod ports;
pub mod receipt;
pub mod rows;
pub mod slim;
pub mod span;
pub mod tally;

pub use facets::{Facets, Longest};
pub use filter::{Cursor, Direction, Filter, Page, PageRequest};
pub use ports::{Appended, CardTaken, StoreError, TraceReader, TraceWriter};
pub use receipt::Receipt;
pub use rows::{
    ActiveAgent, AgentRow, CardRow, CardVersion, Count, Equivocation, LatencyRow, RefusalGroup,
    SessionRow, Stats, StreamRow, TimeBucket, TraceDetail, TraceRow,
};
pub use slim::{LinkRow, SlimCall};
pub use span::Span;
pub use tally::Tally;
