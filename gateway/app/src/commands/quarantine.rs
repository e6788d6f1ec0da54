//! `smoltbot quarantine list|retry|drop`: contents that the edge would not take, or that were damaged on the disk.

use std::process::ExitCode;
use std::time::Duration;

use aap::TraceId;
use redact::{Level, Redactor};
use serde_json::{Value, json};
use trace_plugin::spool::{Dropped, Quarantined, Retried, Spool, Use};

use crate::agent::{self, Agent};
use crate::cli::{QuarantineTask, Which};
use crate::output;

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn run(task: QuarantineTask) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let config = &agent.config;
    let spool = Spool::open_repairing(
        &config.home.spool_file(),
        agent.identity.agent_id(),
        PATIENCE,
        Use::OneShot,
    )?;
    let mut spool = spool.bounded(config.spool.max_bytes);
    match task {
        QuarantineTask::List { json } => list(&spool, json),
        QuarantineTask::Retry(which) => {
            let ids = chosen(&spool, &which)?;
            let done = spool.retry_quarantined(&ids)?;
            let done = done.into_iter().map(|(id, what)| (id, retried(&what)));
            tell(&which, &done.collect::<Vec<_>>())
        }
        QuarantineTask::Drop(which) => {
            let ids = chosen(&spool, &which)?;
            let done = spool.drop_quarantined(&ids)?;
            // What was let go of is told in the chain at once.
            let (card, redactor) = (&agent.card, Redactor::new(Level::None));
            spool.transact(true, |tx| tx.tell_losses(card, &redactor))?;
            let done = done.into_iter().map(|(id, what)| (id, dropped(&what)));
            tell(&which, &done.collect::<Vec<_>>())
        }
    }
}

/// What became of one: a word for programs, whether it is what was asked for, a sentence for people.
struct Done {
    word: &'static str,
    as_asked: bool,
    sentence: &'static str,
}

fn retried(what: &Retried) -> Done {
    let done = |word, as_asked, sentence| Done {
        word,
        as_asked,
        sentence,
    };
    match what {
        Retried::Waiting => done(
            "waiting",
            true,
            "waits for the edge again, with its content",
        ),
        Retried::Unknown => done("unknown", false, "is not in quarantine"),
        Retried::Gone => done(
            "gone",
            false,
            "has no content any more; its place in the chain was sent",
        ),
        Retried::Unprovable => done(
            "unprovable",
            false,
            "is not what was recorded (it was damaged on the disk) and could not be proven",
        ),
    }
}

fn dropped(what: &Dropped) -> Done {
    match what {
        Dropped::Content => Done {
            word: "dropped",
            as_asked: true,
            sentence: "is gone; its place in the chain stands, and a record tells that",
        },
        Dropped::Unknown => Done {
            word: "unknown",
            as_asked: false,
            sentence: "is not in quarantine",
        },
    }
}

fn chosen(spool: &Spool, which: &Which) -> anyhow::Result<Vec<TraceId>> {
    if !which.all {
        return Ok(which.ids.clone());
    }
    let all = spool.quarantined()?;
    Ok(all.into_iter().map(|one| one.trace_id).collect())
}

/// Exit code 1 when something that was asked for could not be done.
fn tell(which: &Which, done: &[(TraceId, Done)]) -> anyhow::Result<ExitCode> {
    if which.json {
        let results: Vec<Value> = done
            .iter()
            .map(|(id, done)| json!({ "trace_id": id, "result": done.word }))
            .collect();
        output::line(&json!({ "results": results }).to_string())?;
    } else if done.is_empty() {
        output::line("nothing is in quarantine")?;
    } else {
        for (id, done) in done {
            output::line(&format!("{id}  {}", done.sentence))?;
        }
    }
    let all = done.iter().all(|(_, done)| done.as_asked);
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn list(spool: &Spool, as_json: bool) -> anyhow::Result<ExitCode> {
    let all = spool.quarantined()?;
    if as_json {
        let all: Vec<Value> = all.iter().map(as_value).collect();
        output::line(&json!({ "quarantined": all }).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        output::line("nothing is in quarantine")?;
        return Ok(ExitCode::SUCCESS);
    }
    for one in &all {
        let tool = one
            .header
            .as_ref()
            .map_or_else(String::new, |header| shown(&header.tool_name) + " ");
        let size = one
            .bytes
            .map_or("no content".to_owned(), |bytes| format!("{bytes} bytes"));
        output::line(&format!(
            "{}  {}  {tool}({size}): {}",
            one.trace_id,
            one.at,
            shown(&one.reason)
        ))?;
    }
    output::line("`smoltbot quarantine retry ID` sends one once more, `drop ID` lets go of it")?;
    Ok(ExitCode::SUCCESS)
}

/// Text from elsewhere, on one line and without what a terminal would obey.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

fn as_value(one: &Quarantined) -> Value {
    json!({
        "trace_id": one.trace_id,
        "at": one.at,
        "reason": one.reason,
        "bytes": one.bytes,
        "tool_name": one.header.as_ref().map(|header| &header.tool_name),
        "action_type": one.header.as_ref().map(|header| header.action_type),
    })
}
