//! Sending to receivers of OpenTelemetry: one connection ([`Sender`]), and what is sent while it happens ([`Exporter`]).
//!
//! **How a call gets to a receiver.** Where `otlp.endpoint` is set, the spool has a queue beside its links. A trigger of the
//! database puts each link into it in the transaction that makes the link, whichever process that is, a one-shot hook or the
//! sidecar: what is recorded is queued, and what is not recorded is not. The exporter takes from the queue's beginning and
//! deletes what the receiver has taken, so that it sends everything at least once; span ids are derived, so that the receiver
//! can tell what came twice. Neither recording nor shipping knows of it or waits for it. The queue holds 16 MiB; what comes
//! while it is full is left out and counted. Content is what the spool has, masked and cut to what may be published.
//!
//! What a span is stands in the crate `otlp`.

mod live;
mod sender;

pub use live::{Exporter, MAX_SPANS};
pub use sender::{Endpoint, Failure, OtlpError, Sender, Taken, parse_headers};
