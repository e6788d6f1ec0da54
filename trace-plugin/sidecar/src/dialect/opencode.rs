//! `OpenCode`'s `tool.execute.before` and `tool.execute.after`, as our plugin (`trace-plugin/opencode`) tells them: in the
//! neutral shape of [`super::mcp`].
//!
//! `OpenCode` has no hook for a call that failed, and its plugins cannot have a person asked: such a call is told as one
//! whose end was not seen, and what a person would be asked about is refused. A refusal is an error that the plugin throws.

use aap::{Decision, Verdict};
use serde_json::Value;

use super::{Dialect, Unreadable, mcp};
use crate::event::Event;

pub(super) fn read(line: &str) -> Result<Event, Unreadable> {
    mcp::read(Dialect::OpenCode, line)
}

pub(super) fn answer(verdict: &Verdict, applied: Decision) -> Value {
    mcp::answer(verdict, applied)
}
