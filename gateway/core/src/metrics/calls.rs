//! Tool calls: each is counted once, also one that somebody let go of.

use std::sync::Arc;
use std::time::Duration;

use aap::Decision;

use super::{Metrics, names};

/// A call under way. Dropping it before it has ended counts it as abandoned.
pub(crate) struct Counted {
    metrics: Arc<Metrics>,
    tool: String,
    verdict: &'static str,
    outcome: &'static str,
}

impl Counted {
    pub(super) fn new(metrics: Arc<Metrics>, tool: String) -> Self {
        Self {
            metrics,
            tool,
            verdict: "none",
            outcome: "abandoned",
        }
    }

    /// What the conscience said.
    pub(crate) fn judged(&mut self, decision: Decision) {
        self.verdict = match decision {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        };
    }

    /// It was refused, or a person did not agree; nothing ran.
    pub(crate) fn refused(mut self) {
        self.outcome = "refused";
    }

    /// It ran for so long, and failed if not `well`.
    pub(crate) fn ran(mut self, well: bool, took: Duration) {
        self.outcome = if well { "completed" } else { "failed" };
        let tool = self.tool.clone();
        self.metrics.record(names::TOOL, took.as_secs_f64(), move || {
            if well {
                metrics::histogram!(names::TOOL, "gen_ai_operation_name" => "execute_tool", "gen_ai_tool_name" => tool)
            } else {
                metrics::histogram!(
                    names::TOOL, "gen_ai_operation_name" => "execute_tool", "gen_ai_tool_name" => tool, "error_type" => "tool_error"
                )
            }
        });
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let tool = std::mem::take(&mut self.tool);
        let (verdict, outcome) = (self.verdict, self.outcome);
        self.metrics.with(move || {
            metrics::counter!(names::CALLS, "gen_ai_tool_name" => tool, "verdict" => verdict, "outcome" => outcome)
                .increment(1);
        });
    }
}
