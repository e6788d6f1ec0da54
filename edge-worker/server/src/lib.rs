//! edge-server.
