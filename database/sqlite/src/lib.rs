//! trace-store-sqlite.
