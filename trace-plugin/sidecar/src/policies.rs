//! Where the conscience comes from that judges a call.
//!
//! In scope: the way to ask for it. Not in scope: where policies lie, how they are read, and when they are read again, which
//! is the app's. Files may change while agents run, and each workspace may have its own.

use std::sync::Arc;

use aap::ToolCall;
use conscience::Conscience;

/// The conscience in force.
pub trait Policies: Send + Sync {
    /// The one that judges `call` now. Asked for at each call, so it looks at files seldom.
    fn current(&self, call: &ToolCall) -> Arc<Conscience>;
}

/// One that never changes.
impl Policies for Arc<Conscience> {
    fn current(&self, _call: &ToolCall) -> Arc<Conscience> {
        Self::clone(self)
    }
}
