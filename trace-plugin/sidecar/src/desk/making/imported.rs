//! The trace of a call that a runtime had written down.

use aap::{TraceId, Verdict};
use serde_json::{Value, json};

use super::{Judge, MakingError, action_type};
use crate::event::Ended;
use crate::import::Past;
use crate::spool::Prepared;

/// The [`aap::trace::Metadata::outcome`] of all of them.
const IMPORTED: &str = "imported";

impl Judge {
    /// Masks what was written down and commits to it. No verdict is made up: what is told of one is that there was none, or why
    /// the runtime did not let it run.
    pub(crate) fn imported(&self, past: &Past) -> Result<Prepared, MakingError> {
        let (call, seen) = (&past.call, past.seen.as_ref());
        let nothing = Value::Null;
        let content = self.content(call, seen.map_or(&nothing, |seen| &seen.result));
        let id = TraceId::derived(past.at, &format!("{}\n{}", self.card().agent_id, past.name));
        let verdict = Verdict::allow("Imported from what its runtime wrote down; nobody judged it");
        let mut made = self.base(call, content, verdict, id, past.at);
        made.extra.insert("source".to_owned(), json!(IMPORTED));
        // A mark of ours in a transcript is none of what is imported now.
        made.extra.shift_remove("proof");
        match seen {
            None => {
                made.extra.insert("orphan".to_owned(), json!("before"));
            }
            Some(seen) => {
                made.action_type = action_type(seen);
                made.exit_code = seen.exit_code;
                made.duration_ms = seen.duration_ms;
                let said = seen.error.as_deref();
                if seen.ended == Ended::Failed {
                    made.error = said.map(|error| self.error(&mut made, error));
                }
                if seen.ended == Ended::Blocked {
                    made.verdict = super::foreign(&made.verdict, seen);
                    made.verdict.reason = match said {
                        Some(reason) => self.error(&mut made, reason),
                        None => made.verdict.reason,
                    };
                    made.duration_ms = Some(0);
                }
            }
        }
        made.outcome = IMPORTED;
        self.seal(made)
    }
}
