//! The one door to a tool.
//!
//! [`Gate::ask`] is the only place that makes an [`Admitted`], and an executor takes nothing else; so no tool can run
//! without having been judged, and nothing that was judged can go untraced: finishing an admission makes its trace, and
//! dropping it makes one that says `abandoned`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::call::{Decision, Outcome, ToolCall, Verdict};
use crate::id::TraceId;

/// A verdict together with the id of the trace that tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The id that this call's trace has or will have.
    pub trace_id: TraceId,
    /// What the conscience said.
    pub verdict: Verdict,
}

/// What a [`Hook`] answers with; boxed so that a gate can hold any hook.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Judged> + Send + 'a>>;

/// The port that a gateway knows of the tracing world. `trace-plugin` implements it, the app plugs it in.
pub trait Hook: Send + Sync + 'static {
    /// Judges `call`. When the answer is anything but allow, its trace is committed before this returns.
    fn before<'a>(&'a self, call: &'a ToolCall) -> Judging<'a>;

    /// Takes over a call that was admitted and has ended. Must not block: the agent is waiting.
    fn after(&self, call: ToolCall, judged: Judged, outcome: Outcome);
}

/// Asks a [`Hook`] before every tool call and mints the permission to run it.
#[derive(Clone)]
pub struct Gate {
    hook: Arc<dyn Hook>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// A gate in front of `hook`.
    pub fn new(hook: Arc<dyn Hook>) -> Self {
        Self { hook }
    }

    /// Judges `call`: the permission to run it, or the refusal, whose trace is already safe.
    ///
    /// # Errors
    /// [`Refusal`] when the verdict is deny, or ask (nobody can be asked at this door).
    pub async fn ask(&self, call: ToolCall) -> Result<Admitted<ToolCall>, Box<Refusal>> {
        let judged = self.hook.before(&call).await;
        if judged.verdict.decision == Decision::Allow {
            Ok(Admitted {
                held: Some((call, judged)),
                hook: Arc::clone(&self.hook),
            })
        } else {
            Err(Box::new(Refusal { call, judged }))
        }
    }
}

/// A call that was refused, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The call that will not run.
    pub call: ToolCall,
    /// The verdict and the id of the refusal's trace.
    pub judged: Judged,
}

/// The permission to run exactly one call, once.
///
/// The trace is made when it is finished; if it is dropped instead, the trace says `abandoned`.
#[must_use = "an admission that is dropped is recorded as abandoned"]
pub struct Admitted<C: Admissible> {
    held: Option<(C, Judged)>,
    hook: Arc<dyn Hook>,
}

/// What can be admitted; sealed, so that a [`Gate`] stays the only source of admissions.
pub trait Admissible: sealed::Sealed + Into<ToolCall> {}
impl Admissible for ToolCall {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::call::ToolCall {}
}

impl<C: Admissible> Admitted<C> {
    /// The call to run, exactly as it was judged.
    pub fn call(&self) -> &C {
        &self.held().0
    }

    /// The id that this call's trace will have.
    pub fn trace_id(&self) -> TraceId {
        self.held().1.trace_id
    }

    /// What the conscience said when it let the call pass.
    pub fn verdict(&self) -> &Verdict {
        &self.held().1.verdict
    }

    /// Says how it went and returns the id of the trace that tells it.
    pub fn finish(mut self, outcome: Outcome) -> TraceId {
        let id = self.trace_id();
        self.hand_over(outcome);
        id
    }

    fn held(&self) -> &(C, Judged) {
        // Filled at birth, emptied only by `finish` and `drop`, which both consume self.
        match &self.held {
            Some(held) => held,
            None => unreachable!("an admission holds its call until it ends"),
        }
    }

    fn hand_over(&mut self, outcome: Outcome) {
        if let Some((call, judged)) = self.held.take() {
            self.hook.after(call.into(), judged, outcome);
        }
    }
}

impl<C: Admissible> Drop for Admitted<C> {
    fn drop(&mut self) {
        self.hand_over(Outcome::abandoned());
    }
}

impl<C: Admissible + fmt::Debug> fmt::Debug for Admitted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admitted").field(&self.held).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use serde_json::json;

    use super::*;
    use crate::call::OutcomeKind;

    struct Scripted {
        decision: Decision,
        after: Mutex<Vec<(String, OutcomeKind)>>,
    }

    impl Hook for Scripted {
        fn before<'a>(&'a self, _call: &'a ToolCall) -> Judging<'a> {
            let mut verdict = Verdict::allow("scripted");
            verdict.decision = self.decision;
            Box::pin(std::future::ready(Judged {
                trace_id: TraceId::from_bytes([7; 16]),
                verdict,
            }))
        }

        fn after(&self, call: ToolCall, _judged: Judged, outcome: Outcome) {
            self.after.lock().unwrap().push((call.tool, outcome.kind));
        }
    }

    fn ask(decision: Decision) -> (Arc<Scripted>, Result<Admitted<ToolCall>, Box<Refusal>>) {
        let hook = Arc::new(Scripted {
            decision,
            after: Mutex::default(),
        });
        let gate = Gate::new(hook.clone());
        let mut asking = Box::pin(gate.ask(ToolCall::new("test", "exec", json!({}))));
        let Poll::Ready(answer) = asking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("the scripted hook answers at once")
        };
        drop(asking);
        (hook, answer)
    }

    #[test]
    fn finishing_hands_over_once() {
        let (hook, answer) = ask(Decision::Allow);
        let id = answer.unwrap().finish(Outcome::completed(json!(1), 3));
        assert_eq!(id, TraceId::from_bytes([7; 16]));
        assert_eq!(
            *hook.after.lock().unwrap(),
            [("exec".to_owned(), OutcomeKind::Completed)]
        );
    }

    #[test]
    fn dropping_is_recorded_as_abandoned() {
        let (hook, answer) = ask(Decision::Allow);
        drop(answer);
        assert_eq!(
            *hook.after.lock().unwrap(),
            [("exec".to_owned(), OutcomeKind::Abandoned)]
        );
    }

    #[test]
    fn neither_deny_nor_ask_admits() {
        for decision in [Decision::Deny, Decision::Ask] {
            let (hook, answer) = ask(decision);
            assert_eq!(answer.unwrap_err().judged.verdict.decision, decision);
            assert!(hook.after.lock().unwrap().is_empty());
        }
    }
}
