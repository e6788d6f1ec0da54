//! Who judges in these tests: what is built in, on a machine of which nothing is known, under the card that `init` writes.

use std::sync::Arc;

use aap::card::AlignmentCard;
use conscience::Conscience;
use redact::{Level, Redactor};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, clock};

/// The judge of `identity`'s calls, who publishes as much of them as `level` says.
pub(crate) fn judge(identity: &Identity, level: Level) -> Arc<Judge> {
    let agent = identity.agent_id();
    Arc::new(Judge::new(
        Arc::new(Conscience::builtin()),
        Machine::default(),
        Redactor::new(level),
        AlignmentCard::default_for(agent, clock::now(), "http://localhost/v1/traces"),
    ))
}
