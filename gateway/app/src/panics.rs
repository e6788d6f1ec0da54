//! What is said when a part of this program panics: where, and never what it had in hand.
//!
//! Messages that are made when it happens may quote what a tool was given: cutting a text at a wrong place quotes the text,
//! `expect` quotes the error. Standard error ends in logs, so only messages that stand in the program as they are get there.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::PanicHookInfo;

/// Said instead of a message that was made when it happened.
const LEFT_OUT: &str = "its message is left out, for it may quote what a tool was given";

/// From here on panics say no more than [`said`].
pub(crate) fn keep_to_themselves() {
    std::panic::set_hook(Box::new(|panic| {
        let mut stderr = std::io::stderr().lock();
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(stderr, "{}", said(panic));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            // Names of functions, without what they were called with.
            let _ = writeln!(stderr, "{trace}");
        }
    }));
}

fn said(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string);
    let place = place.unwrap_or_else(|| "a place that is not known".to_owned());
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name");
    let literal = panic.payload().downcast_ref::<&'static str>();
    let what = literal.copied().unwrap_or(LEFT_OUT);
    format!("smoltbot: a fault of smoltbot itself at {place} (thread {thread}): {what}")
}
