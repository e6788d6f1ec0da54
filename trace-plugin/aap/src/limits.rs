//! Every limit of the wire, once, for both of its ends.

/// Bytes of one trace as compact JSON: 64 KiB. A tool's result is cut at the source long before.
pub const MAX_TRACE_BYTES: usize = 64 * 1024;
/// Traces in one batch.
pub const MAX_BATCH_TRACES: usize = 500;
/// Bytes of one request body after decompression: 4 MiB. The body of 64 full traces fits.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one alignment card as JSON.
pub const MAX_CARD_BYTES: usize = 64 * 1024;
/// Characters of a tool's name. MCP's longest are below 128.
pub const MAX_TOOL_NAME_CHARS: usize = 256;
/// Characters of a session, run or call id.
pub const MAX_ID_CHARS: usize = 256;
/// Levels that arrays and objects may be nested in a trace. `serde_json` itself stops at 128.
pub const MAX_DEPTH: usize = 100;
/// Rows of one page of a listing.
pub const MAX_PAGE: u32 = 500;
/// Rows of a page when nothing is asked for.
pub const DEFAULT_PAGE: u32 = 50;
/// How far a trace's time may run ahead of the edge's clock before it counts as odd: five minutes, in milliseconds.
pub const MAX_CLOCK_AHEAD_MS: i64 = 5 * 60 * 1000;
/// How old a trace may be before its time counts as odd: 400 days, in milliseconds. A spool drains long before.
pub const MAX_TRACE_AGE_MS: i64 = 400 * 24 * 60 * 60 * 1000;
/// Requests of one agent a minute, unless configured.
pub const DEFAULT_AGENT_PER_MINUTE: u32 = 100;
/// Requests of one network a minute, unless configured.
pub const DEFAULT_IP_PER_MINUTE: u32 = 6000;
/// New agents of one network an hour, unless configured.
pub const DEFAULT_NEW_AGENTS_PER_HOUR: u32 = 60;
