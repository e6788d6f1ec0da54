//! One reading of a hook's input, the same in a sidecar that stays and in a process that is gone in milliseconds.

use aap::{Decision, Verdict};
use serde_json::value::RawValue;
use serde_json::{Deserializer, json};

use crate::desk::{Desk, Judgement};
use crate::dialect::{Dialect, Reply, Unreadable};
use crate::event::Event;
use crate::spool::SpoolError;

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
        let refusal = unjudged(&format!("its input is larger than {MAX_HOOK_BYTES} bytes"));
        line(
            &mut reply,
            &dialect.answer(&refusal, desk.judge().applied(&refusal)),
        );
        return reply;
    }
    let text = String::from_utf8_lossy(input);
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
    let recorded = match dialect.read(object) {
        Ok(Event::Before { call, can_ask }) => {
            let judgement = desk.judge_call(&call);
            let applied = desk.judge().applied_where(&judgement.verdict, can_ask);
            let recorded = desk.before(&call, &judgement, can_ask).map(drop);
            note_loss(desk, reply, recorded);
            return dialect.answer(&judgement.verdict, applied);
        }
        Ok(Event::After(call, seen)) => desk.after(&call, &seen).map(drop),
        Ok(Event::Answered(call, status, evidence)) => {
            desk.answered(&call, status, evidence).map(drop)
        }
        Ok(Event::TurnOver(session)) => desk.turn_over(&session).map(drop),
        Ok(Event::Other) => Ok(()),
        Err(Unreadable {
            what,
            call: Some(mut call),
        }) => {
            note(reply, &what);
            call.params = json!({ "unreadable": &what });
            let verdict = unjudged(&what);
            let applied = desk.judge().applied(&verdict);
            let answer = dialect.answer(&verdict, applied);
            let recorded = desk.before(&call, &Judgement::new(verdict), false);
            note_loss(desk, reply, recorded.map(drop));
            return answer;
        }
        Err(Unreadable { what, call: None }) => {
            note(reply, &what);
            Ok(())
        }
    };
    note_loss(desk, reply, recorded);
    "{}".to_owned()
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
fn note_loss(desk: &mut Desk, reply: &mut Reply, recorded: Result<(), SpoolError>) {
    let Err(error) = recorded else {
        return;
    };
    note(
        reply,
        &format!("this call was judged but NOT recorded: {error}"),
    );
    // Where even the count cannot be written, the line on standard error is all there is.
    let _ = desk.count_dropped(1);
}

fn note(reply: &mut Reply, text: &str) {
    reply.stderr.push_str("smoltbot: ");
    reply.stderr.push_str(text);
    reply.stderr.push('\n');
}

fn line(reply: &mut Reply, text: &str) {
    reply.stdout.push_str(text);
    reply.stdout.push('\n');
}

/// The answer when smoltbot is switched off: nothing, for each object.
pub fn pass(input: &[u8]) -> Reply {
    let objects = Deserializer::from_slice(input)
        .into_iter::<&RawValue>()
        .take_while(Result::is_ok)
        .count();
    Reply {
        stdout: "{}\n".repeat(objects.max(1)),
        ..Reply::default()
    }
}
