//! Traces in one SQLite file.
//!
//! **In scope.** `trace-store`'s two ports over SQLite: the schema and its migrations, one writer thread that commits
//! waiting batches together, a few read-only connections, and the counts that are kept as traces come in. **Out of scope.**
//! What a trace is and whether it is valid (`aap`), the ports and their suite (`trace-store`), HTTP (`edge-core`).
//!
//! The file is in WAL mode with `synchronous=FULL`: what [`trace_store::TraceWriter::append`] calls stored survives the loss
//! of power. Several processes may open one file; they wait for each other up to [`BUSY_TIMEOUT`].

mod active;
mod agents;
mod append;
mod cards;
mod counts;
mod error;
mod fork;
mod list;
mod open;
mod query;
mod readers;
mod rows;
mod slim;
mod stats;
mod store;
mod upkeep;
mod writer;

pub use list::SCAN_ROWS;
pub use open::{BUSY_TIMEOUT, SCHEMA_VERSION};
pub use store::{Options, SqliteStore};
pub use upkeep::{Erase, FileStatus, erase, inspect, migrate};
