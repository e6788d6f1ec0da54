//! Tool calls as OpenTelemetry tells them: spans `execute_tool`, on their way out and in.
//!
//! **In scope.** The parts of OTLP that tool calls need (spans, attributes, the answer of a receiver), in protobuf and in JSON;
//! what a call of ours is as a span ([`Call::span`]), and what a span of others is as a call ([`heard`]). Names are those of
//! the semantic conventions for generative AI; what these have no name for stands under `smoltbot.`. **Out of scope.** Sending
//! (`trace-plugin`), receiving and admitting (`edge-core`), files and terminals (the app). No I/O, no clock, no randomness.
//!
//! The wire format is written and read by hand, in some three hundred lines: the edge's Worker has no room for a general
//! protobuf runtime. Tests hold both directions against the published types of `opentelemetry-proto`.

mod call;
mod hear;
mod json;
mod protobuf;
mod span;
mod wire;

pub use call::Call;
pub use hear::{Heard, heard};
pub use json::{read_json, span_json};
pub use protobuf::{Answer, Request, read_protobuf};
pub use span::{Attributes, Resource, Span, Told, Unreadable, Value};

/// Where receivers take spans, below their base URL.
pub const TRACES_PATH: &str = "/v1/traces";
/// The media type of protobuf bodies.
pub const PROTOBUF: &str = "application/x-protobuf";
/// Levels that attributes may be nested; deeper ones are not read.
pub const MAX_DEPTH: usize = 32;
