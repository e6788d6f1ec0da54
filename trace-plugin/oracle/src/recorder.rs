//! Drives the recorder of a process of its own, as our gateway does: reads a call a line, asks the gate, ends what may run.
//!
//! A line is `ID SESSION KIND`, where KIND is `refused`, `failed` or anything else. Prints `refused ID` when a refusal was
//! answered, and at the end `stopped` when everything that was handed over is committed or counted as lost.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aap::card::AlignmentCard;
use aap::gate::Gate;
use aap::{Outcome, ToolCall};
use anyhow::{Context as _, Result};
use conscience::Conscience;
use delivery_oracle::call::{Call, Kind, RECORDER};
use redact::{Level, Redactor};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, Recorder, TracePlugin, clock};

/// How long a refusal's commit may take.
const BUDGET: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<()> {
    let spool = PathBuf::from(std::env::args_os().nth(1).context("the spool's path")?);
    let home = spool.parent().context("a directory")?;
    let identity = Identity::load(&home.join("identity.key"))?;
    let card = AlignmentCard::default_for(identity.agent_id(), clock::now(), "");
    let judge = Judge::new(
        Arc::new(Conscience::builtin()),
        Machine::new(Vec::new()),
        Redactor::new(Level::Full),
        card,
    );
    let recorder = Recorder::start(Arc::new(judge), spool)?;
    let gate = Gate::new(Arc::new(TracePlugin::new(Arc::clone(&recorder), BUDGET)));
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ').map(str::to_owned);
        let (id, session) = words.next().zip(words.next()).context("ID SESSION KIND")?;
        let kind = match words.next().as_deref() {
            Some("refused") => Kind::Refused,
            Some("failed") => Kind::Failed,
            _ => Kind::Allowed,
        };
        let told = Call::new(id.clone(), RECORDER, session, kind);
        let call = ToolCall {
            session_id: Some(told.session.clone()),
            call_id: Some(id.clone()),
            ..ToolCall::new(RECORDER, "exec", told.params())
        };
        match gate.ask(call).await {
            Err(_) => {
                writeln!(out, "refused {id}")?;
                out.flush()?;
            }
            Ok(admitted) => {
                let outcome = match kind {
                    Kind::Failed => Outcome::failed(told.error(), 5),
                    _ => Outcome::completed(told.result(), 5),
                };
                admitted.finish(outcome);
            }
        }
    }
    drop(gate);
    recorder.stop();
    writeln!(out, "stopped")?;
    Ok(())
}
