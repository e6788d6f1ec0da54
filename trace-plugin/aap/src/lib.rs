//! The words of smoltbot: what a tool call, a verdict, a trace, a card and a batch are.
//!
//! **In scope.** The Agent Alignment Protocol's objects as we write and read them ([`Trace`], [`AlignmentCard`]),
//! the one door that a tool call goes through ([`Gate`]), the chain that fixes traces in their order ([`chain`]),
//! batches and their validation ([`batch`], [`submission`]), archives that can be checked offline ([`archive`]), AAP's verification ([`verify`]), score ([`integrity`]), how values are kept ([`adherence`]), drift
//! detection ([`drift`]), coherence ([`coherence`]) and handshake ([`handshake`]), and the names that both ends of a wire must share ([`limits`], [`paths`], [`wire`]).
//!
//! **Out of scope.** I/O, clocks and randomness: whoever needs a time or an id brings it along. Judging is `conscience`'s,
//! masking secrets is `redact`'s, spooling and shipping are `trace-plugin`'s, admitting is `edge-core`'s, keeping is
//! `trace-store`'s.

pub mod adherence;
pub mod approval;
pub mod archive;
pub mod batch;
pub mod call;
pub mod canon;
pub mod card;
pub mod chain;
pub mod coherence;
pub mod drift;
pub mod flat;
pub mod gate;
pub mod handshake;
pub mod id;
pub mod integrity;
mod json;
pub mod limits;
pub mod note;
mod nul;
pub mod paths;
pub mod submission;
pub mod timestamp;
pub mod trace;
pub mod verify;
pub mod wire;

pub use approval::{Approval, ApprovalStatus, Evidence};
pub use batch::{Batch, BatchWriter, SignedBatch};
pub use call::{Decision, Outcome, OutcomeKind, ToolCall, Verdict};
pub use card::AlignmentCard;
pub use gate::{Admitted, Ask, Gate, Hook, Judged, Refusal};
pub use id::{AgentId, StreamId, TraceId};
pub use submission::{Submission, ValidBatch, ValidTrace};
pub use timestamp::Timestamp;
pub use trace::{ActionType, Trace};
