//! The one door to a tool.
//!
//! [`Gate::ask`] is the only place that makes an [`Admitted`], and an executor takes nothing else; so no tool can run
//! without having been judged, and nothing that was judged can go untraced: finishing an admission makes its trace, and
//! dropping it makes one that says `abandoned`. Where a person can be asked, [`Gate::ask_with`] puts a verdict of `ask` to
//! them; what came of it is part of the trace, and only a yes mints.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::approval::Approval;
use crate::call::{Decision, Outcome, ToolCall, Verdict};
use crate::id::TraceId;

/// A verdict together with the id of the trace that tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The id that this call's trace has or will have.
    pub trace_id: TraceId,
    /// What the conscience said.
    pub verdict: Verdict,
    /// What came of asking a person, where one was asked.
    pub approval: Option<Approval>,
}

/// What a [`Hook`] answers with; boxed so that a gate can hold any hook.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Judged> + Send + 'a>>;
/// What [`Hook::declined`] answers with: it is recorded.
pub type Recording<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
/// What [`Ask::ask`] answers with: what came of the question.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Approval> + Send + 'a>>;

/// Somebody who can put a question to a person and wait for the answer. Must come to an end: a question that nobody answers
/// is a timeout.
pub trait Ask: Send + Sync {
    /// Asks whether `call` may run, for the reasons in `judged`. Dropping the future takes the question back.
    fn ask<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Asking<'a>;
}

/// The port that a gateway knows of the tracing world. `trace-plugin` implements it, the app plugs it in.
pub trait Hook: Send + Sync + 'static {
    /// Judges `call`. When the answer is anything but allow, its trace is committed before this returns.
    fn before<'a>(&'a self, call: &'a ToolCall) -> Judging<'a>;

    /// Judges `call` for somebody who can ask a person. As [`Hook::before`], but of an ask only the question is on disk when
    /// this returns: [`Hook::declined`], or [`Hook::approved`] and [`Hook::after`], will be told how it came out.
    fn consider<'a>(&'a self, call: &'a ToolCall) -> Judging<'a>;

    /// Takes note that a person said yes to a call, which runs when this returns.
    fn approved<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Recording<'a>;

    /// Takes over a call that a person was asked about and did not approve. Its trace is committed before this returns.
    fn declined<'a>(&'a self, call: &'a ToolCall, judged: &'a Judged) -> Recording<'a>;

    /// Takes over a call that was admitted and has ended; or, with an ask that has no approval and an outcome of
    /// `abandoned`, one whose question was taken back. Must not block: the agent is waiting.
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

    /// Judges `call`, and puts the question to `person` where the verdict is ask.
    ///
    /// # Errors
    /// [`Refusal`] when the verdict is deny, or when the person did not approve. Its trace is already safe.
    pub async fn ask_with(
        &self,
        call: ToolCall,
        person: &dyn Ask,
    ) -> Result<Admitted<ToolCall>, Box<Refusal>> {
        let judged = self.hook.consider(&call).await;
        let decision = judged.verdict.decision;
        // From here on dropping this future hands the call over as one whose question was taken back.
        let mut open = Admitted {
            held: Some((call, judged)),
            hook: Arc::clone(&self.hook),
        };
        match decision {
            Decision::Allow => return Ok(open),
            Decision::Deny => {}
            Decision::Ask => {
                let (call, judged) = open.held();
                let approval = person.ask(call, judged).await;
                let granted = approval.is_granted();
                if let Some((_, judged)) = &mut open.held {
                    judged.approval = Some(approval);
                }
                let (call, judged) = open.held();
                if granted {
                    self.hook.approved(call, judged).await;
                    return Ok(open);
                }
                self.hook.declined(call, judged).await;
            }
        }
        let Some((call, judged)) = open.held.take() else {
            unreachable!("nobody else takes it")
        };
        Err(Box::new(Refusal { call, judged }))
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
    use crate::approval::{ApprovalStatus, Evidence};
    use crate::call::OutcomeKind;
    use crate::timestamp::Timestamp;

    const ID: TraceId = TraceId::from_bytes([7; 16]);

    struct Scripted {
        decision: Decision,
        after: Mutex<Vec<(String, OutcomeKind)>>,
        declined: Mutex<Vec<ApprovalStatus>>,
        approved: Mutex<u32>,
    }

    impl Hook for Scripted {
        fn before<'a>(&'a self, _call: &'a ToolCall) -> Judging<'a> {
            let mut verdict = Verdict::allow("scripted");
            verdict.decision = self.decision;
            Box::pin(std::future::ready(Judged {
                trace_id: ID,
                verdict,
                approval: None,
            }))
        }

        fn consider<'a>(&'a self, call: &'a ToolCall) -> Judging<'a> {
            self.before(call)
        }

        fn approved<'a>(&'a self, _call: &'a ToolCall, judged: &'a Judged) -> Recording<'a> {
            assert!(judged.approval.as_ref().is_some_and(Approval::is_granted));
            *self.approved.lock().unwrap() += 1;
            Box::pin(std::future::ready(()))
        }

        fn declined<'a>(&'a self, _call: &'a ToolCall, judged: &'a Judged) -> Recording<'a> {
            let status = judged.approval.as_ref().unwrap().status;
            self.declined.lock().unwrap().push(status);
            Box::pin(std::future::ready(()))
        }

        fn after(&self, call: ToolCall, _judged: Judged, outcome: Outcome) {
            self.after.lock().unwrap().push((call.tool, outcome.kind));
        }
    }

    fn ask(decision: Decision) -> (Arc<Scripted>, Result<Admitted<ToolCall>, Box<Refusal>>) {
        let hook = Arc::new(Scripted {
            decision,
            after: Mutex::default(),
            declined: Mutex::default(),
            approved: Mutex::default(),
        });
        let gate = Gate::new(hook.clone());
        let answer = once(gate.ask(ToolCall::new("test", "exec", json!({}))));
        (hook, answer.expect("the scripted hook answers at once"))
    }

    fn once<T>(work: impl Future<Output = T>) -> Option<T> {
        let mut work = Box::pin(work);
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    /// Says this, or nothing ever.
    struct Person(Option<ApprovalStatus>);

    impl Ask for Person {
        fn ask<'a>(&'a self, _call: &'a ToolCall, judged: &'a Judged) -> Asking<'a> {
            let at = Timestamp::from_millis(0);
            match self.0 {
                Some(status) => Box::pin(std::future::ready(Approval::new(
                    judged.trace_id,
                    status,
                    Evidence::Told,
                    at,
                ))),
                None => Box::pin(std::future::pending()),
            }
        }
    }

    type Asked = Option<Result<Admitted<ToolCall>, Box<Refusal>>>;

    fn ask_person(decision: Decision, person: &Person) -> (Arc<Scripted>, Asked) {
        let hook = Arc::new(Scripted {
            decision,
            after: Mutex::default(),
            declined: Mutex::default(),
            approved: Mutex::default(),
        });
        let gate = Gate::new(hook.clone());
        let call = ToolCall::new("test", "exec", json!({}));
        (hook, once(gate.ask_with(call, person)))
    }

    #[test]
    fn only_a_yes_mints() {
        let (hook, answer) = ask_person(Decision::Ask, &Person(Some(ApprovalStatus::Approved)));
        answer
            .unwrap()
            .unwrap()
            .finish(Outcome::completed(json!(1), 3));
        assert_eq!(hook.after.lock().unwrap().len(), 1);
        assert_eq!(*hook.approved.lock().unwrap(), 1);
        assert!(hook.declined.lock().unwrap().is_empty());
        for status in [
            ApprovalStatus::Denied,
            ApprovalStatus::Timeout,
            ApprovalStatus::Pending,
        ] {
            let (hook, answer) = ask_person(Decision::Ask, &Person(Some(status)));
            let refusal = answer.unwrap().unwrap_err();
            assert_eq!(refusal.judged.approval.unwrap().status, status);
            assert_eq!(*hook.declined.lock().unwrap(), [status]);
            assert_eq!(*hook.approved.lock().unwrap(), 0);
            assert!(hook.after.lock().unwrap().is_empty());
        }
    }

    #[test]
    fn nobody_is_asked_about_what_is_clear() {
        let yes = Person(Some(ApprovalStatus::Approved));
        let (hook, answer) = ask_person(Decision::Deny, &yes);
        assert_eq!(answer.unwrap().unwrap_err().judged.approval, None);
        assert!(hook.after.lock().unwrap().is_empty() && hook.declined.lock().unwrap().is_empty());
        let (_, answer) = ask_person(Decision::Allow, &Person(None));
        assert_eq!(answer.unwrap().unwrap().trace_id(), ID);
    }

    #[test]
    fn a_question_that_is_taken_back_is_handed_over() {
        let (hook, answer) = ask_person(Decision::Ask, &Person(None));
        assert!(answer.is_none());
        assert_eq!(
            *hook.after.lock().unwrap(),
            [("exec".to_owned(), OutcomeKind::Abandoned)]
        );
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
