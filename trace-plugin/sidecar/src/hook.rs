//! One reading of a hook's input, the same in a sidecar that stays and in a process that is gone in milliseconds.

use aap::{Decision, Verdict};
use redact::{Level, Redactor};
use serde_json::value::RawValue;
use serde_json::{Deserializer, json};

use crate::desk::{Desk, Judgement};
use crate::dialect::{Dialect, Reply, Unreadable};
use crate::event::{Ended, Event};
use crate::fault;
use crate::spool::{Loss, SpoolError};

mod begun;

/// The most that a hook may bring at once, in bytes: a 10 MB result fits with room to spare.
pub const MAX_HOOK_BYTES: usize = 32 * 1024 * 1024;

/// Reads `input` (one JSON object, or several one after another) and answers each with a line.
///
/// Whatever is wrong with the input, the agent gets an answer: what cannot be read is told on standard error, and a call
/// whose parameters cannot be judged is refused.
pub fn run(desk: &mut Desk, dialect: Dialect, input: &[u8]) -> Reply {
    let mut reply = Reply::default();
    if input.len() > MAX_HOOK_BYTES {
        note(
            &mut reply,
            &format!(
                "the input is {} bytes; the limit is {MAX_HOOK_BYTES}",
                input.len()
            ),
        );
        if begun::is_an_end(input) {
            // Its call becomes a trace without an end. A refusal would hide the result from some agents.
            line(&mut reply, "{}");
            return reply;
        }
        let refusal = unjudged(&format!("its input is larger than {MAX_HOOK_BYTES} bytes"));
        line(
            &mut reply,
            &dialect.answer(&refusal, desk.judge().applied(&refusal)),
        );
        return reply;
    }
    let text = String::from_utf8_lossy(input);
    fault::point_at("hook.read", &text);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        note(
            &mut reply,
            "the input is not UTF-8; what could not be read was replaced by U+FFFD",
        );
    }
    let mut rest = text.trim_start_matches('\u{feff}');
    if rest.trim().is_empty() {
        note(
            &mut reply,
            "nothing on standard input; expected the hook's JSON",
        );
        line(&mut reply, "{}");
    }
    while !rest.trim_start().is_empty() {
        let mut objects = Deserializer::from_str(rest).into_iter::<&RawValue>();
        match objects.next() {
            Some(Ok(object)) => {
                let answer = one(desk, dialect, object.get(), &mut reply);
                line(&mut reply, &answer);
                desk.asked_anew();
                rest = &rest[objects.byte_offset()..];
            }
            Some(Err(error)) => {
                note(
                    &mut reply,
                    &format!("this is not JSON and was skipped: {error}"),
                );
                line(&mut reply, "{}");
                rest = rest.trim_start();
                rest = rest.find('\n').map_or("", |end| &rest[end + 1..]);
            }
            None => break,
        }
    }
    reply
}

fn one(desk: &mut Desk, dialect: Dialect, object: &str, reply: &mut Reply) -> String {
    let mut loss = Loss::default();
    let read = match dialect.read(object) {
        Ok(Event::Doubted(event, doubt)) => {
            note(reply, &doubt);
            Ok(*event)
        }
        read => read,
    };
    let recorded = match read {
        Ok(Event::Before { mut call, can_ask }) => {
            // It is answered in the dialect of whose call it is: some agents run others' hooks.
            let dialect = Dialect::parse(&call.runtime).unwrap_or(dialect);
            let mut judgement = desk.judge_call(&call);
            if let Some(late) = desk.late() {
                call.over_budget = true;
                let mode = desk.judge().card().autonomy_mode;
                if let Some(refusal) = late.instead_of(&judgement.verdict, mode) {
                    judgement = Judgement::new(refusal);
                }
            }
            let applied = desk.judge().applied_where(&judgement.verdict, can_ask);
            fault::point("hook.judged");
            let recorded = desk.before(&call, &judgement, can_ask).map(drop);
            fault::point("hook.committed");
            let call = Loss::one(applied == Decision::Deny);
            note_loss(desk, reply, recorded, call);
            return dialect.answer(&judgement.verdict, applied);
        }
        Ok(Event::After(call, seen)) => {
            loss = Loss::one(seen.ended == Ended::Blocked);
            let recorded = desk.after(&call, &seen).map(drop);
            fault::point("hook.committed");
            recorded
        }
        Ok(Event::Answered(call, status, evidence)) => {
            desk.answered(&call, status, evidence).map(drop)
        }
        Ok(Event::Session(session, change)) => desk.session(&session, change).map(drop),
        Ok(Event::Other | Event::Doubted(..)) => Ok(()),
        Err(Unreadable {
            what,
            call: Some(mut call),
        }) => {
            let what = masked(&what);
            note(reply, &what);
            call.params = json!({ "unreadable": &what });
            let verdict = unjudged(&what);
            let dialect = Dialect::parse(&call.runtime).unwrap_or(dialect);
            let applied = desk.judge().applied(&verdict);
            let answer = dialect.answer(&verdict, applied);
            let recorded = desk.before(&call, &Judgement::new(verdict), false);
            let call = Loss::one(applied == Decision::Deny);
            note_loss(desk, reply, recorded.map(drop), call);
            return answer;
        }
        Err(Unreadable { what, call: None }) => {
            note(reply, &what);
            Ok(())
        }
    };
    note_loss(desk, reply, recorded, loss);
    "{}".to_owned()
}

/// What is said of an object that cannot be read may quote it.
fn masked(what: &str) -> String {
    Redactor::new(Level::None).text(what).into_inner()
}

/// The verdict on a call that cannot be judged: refused, for else it could do anything.
fn unjudged(what: &str) -> Verdict {
    Verdict {
        decision: Decision::Deny,
        reason: format!("The call cannot be judged: {what}"),
        values_violated: vec!["transparency".to_owned()],
        rule_id: Some("input.unreadable".to_owned()),
        advice: Some("Send plain JSON parameters, nested less than 100 levels deep.".to_owned()),
        effects: vec!["opaque".to_owned()],
        exception: None,
    }
}

/// The verdict stands though nothing could be recorded: the agent is not to suffer, but somebody must know.
/// `loss` is what is lost by that, where it is a call.
fn note_loss(desk: &mut Desk, reply: &mut Reply, recorded: Result<(), SpoolError>, loss: Loss) {
    let Err(error) = recorded else {
        let lost = desk.lost();
        if lost.calls + lost.refusals > 0 {
            note(
                reply,
                "this call was judged but NOT recorded: the spool is full (spool.max_bytes); the loss is counted",
            );
        }
        return;
    };
    note(
        reply,
        &format!("this call was judged but NOT recorded: {error}"),
    );
    if fault::is_wrong("hook.no_gap") {
        return;
    }
    if !loss.is_nothing() && !desk.count_lost(&error, loss) {
        // A process that is gone in a moment cannot keep it in mind.
        note(
            reply,
            "nor could the loss be written down beside the spool: this line is all that tells it",
        );
    }
}

fn note(reply: &mut Reply, text: &str) {
    reply.stderr.push_str("smoltbot: ");
    // What cannot be understood is quoted.
    reply.stderr.push_str(&masked(text));
    reply.stderr.push('\n');
}

fn line(reply: &mut Reply, text: &str) {
    reply.stdout.push_str(text);
    reply.stdout.push('\n');
}

/// The answer when smoltbot is switched off: nothing, for each object.
pub fn pass(input: &[u8]) -> Reply {
    Reply {
        stdout: "{}\n".repeat(objects(input).count().max(1)),
        ..Reply::default()
    }
}

/// The answer of a program that broke over the input: who waits for a verdict is refused, for some agents would run the call
/// if they heard nothing.
pub fn broken(dialect: Dialect, input: &[u8]) -> Reply {
    let mut reply = Reply::default();
    note(
        &mut reply,
        "smoltbot broke over this event and did NOT record it; please report the line before this one",
    );
    let refusal = unjudged("smoltbot itself broke over it");
    let refused = dialect.answer(&refusal, Decision::Deny);
    let mut answered = false;
    for object in objects(input) {
        let ended = begun::is_an_end(object.get().as_bytes());
        line(&mut reply, if ended { "{}" } else { &refused });
        answered = true;
    }
    if !answered {
        line(&mut reply, &refused);
    }
    reply
}

fn objects(input: &[u8]) -> impl Iterator<Item = &RawValue> {
    Deserializer::from_slice(input)
        .into_iter::<&RawValue>()
        .map_while(Result::ok)
}
