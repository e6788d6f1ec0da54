//! edge-core.
