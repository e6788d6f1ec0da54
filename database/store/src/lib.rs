//! trace-store.
