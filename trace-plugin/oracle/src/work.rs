//! The workload: agents' sessions, some of them at once, by hook processes or over the sidecar's socket.

use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::{Result, ensure};

use crate::call::{AGENTS, Call, Fate, Kind};
use crate::dice::Dice;
use crate::home::{Home, Said};

/// How an event reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A process of its own for each event.
    Process,
    /// The sidecar's socket.
    Socket,
    /// Now this, now that.
    Either,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    /// Sessions that run at once.
    pub sessions: u64,
    /// Calls of each.
    pub calls: u64,
    /// How their events come.
    pub way: Way,
    /// What every third hook process is told to break, see `trace_plugin::fault`.
    pub fault: &'a str,
    /// Whether there is poison among them.
    pub poison: bool,
}

/// Names calls, each once in a run.
#[derive(Debug, Default)]
pub struct Names {
    given: u64,
}

impl Names {
    /// The next name.
    pub fn next(&mut self, what: &str) -> String {
        self.given += 1;
        format!("{what}-{}", self.given)
    }
}

/// Does all of it, and tells what came of each call.
///
/// # Errors
/// When an agent was not answered as agents must be.
pub fn run(home: &Home, load: &Load<'_>, names: &mut Names, dice: &mut Dice) -> Result<Vec<Call>> {
    let mut sessions = Vec::new();
    for _ in 0..load.sessions {
        let agent = *dice.one(&AGENTS);
        let session = names.next("session");
        let mut calls: Vec<Call> = (0..load.calls)
            .map(|_| {
                let kind = *dice.one(&Kind::USUAL);
                Call::new(names.next("call"), agent, session.clone(), kind)
            })
            .collect();
        if load.poison {
            calls.push(Call::new(
                names.next("poison"),
                agent,
                session.clone(),
                Kind::Poison,
            ));
        }
        sessions.push((calls, dice.split()));
    }
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (calls, dice) in sessions {
            let done = &done;
            scope.spawn(move || {
                let outcome = session(home, load, calls, dice);
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(outcome);
            });
        }
    });
    let mut all = Vec::new();
    for outcome in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        all.extend(outcome?);
    }
    Ok(all)
}

fn session(
    home: &Home,
    load: &Load<'_>,
    mut calls: Vec<Call>,
    mut dice: Dice,
) -> Result<Vec<Call>> {
    for call in &mut calls {
        if call.kind.has_before() {
            let event = call.before();
            call.before = told(home, load, call, &event, &mut dice)?;
            if call.before == Fate::Unanswered && dice.once_in(2) {
                continue;
            }
        }
        if call.kind.has_after() {
            let event = call.after();
            call.after = told(home, load, call, &event, &mut dice)?;
        }
    }
    Ok(calls)
}

/// Tells one event, now and then twice: a hook may fire twice, and an agent may try again.
fn told(
    home: &Home,
    load: &Load<'_>,
    call: &mut Call,
    event: &str,
    dice: &mut Dice,
) -> Result<Fate> {
    let mut fate = Fate::Untold;
    for _ in 0..if dice.once_in(8) { 2 } else { 1 } {
        let said = tell(home, load, call, event, dice)?;
        let now = call.answered(said.as_ref());
        if fate != Fate::Accepted {
            fate = now;
        }
    }
    Ok(fate)
}

/// Tells one event, and looks whether the answer is one.
fn tell(
    home: &Home,
    load: &Load<'_>,
    call: &Call,
    event: &str,
    dice: &mut Dice,
) -> Result<Option<Said>> {
    let by_socket = match load.way {
        Way::Process => false,
        Way::Socket => true,
        Way::Either => dice.once_in(2),
    };
    let said = if by_socket {
        match home.ask(call.agent, event)? {
            Some(said) => Some(said),
            // As the plugins do it: without a sidecar, a process.
            None => home.hook(call.agent, event, "")?,
        }
    } else {
        let fault = if dice.once_in(3) { load.fault } else { "" };
        home.hook(call.agent, event, fault)?
    };
    if let Some(said) = &said {
        answered(call, event, said)?;
    }
    Ok(said)
}

/// One line for one event; a refusal refuses, whatever is broken.
fn answered(call: &Call, event: &str, said: &Said) -> Result<()> {
    ensure!(
        said.stdout.lines().count() == 1,
        "{}: one event, and the answer {:?}",
        call.id,
        said.stdout
    );
    let before = event == call.before();
    let refused = said.stdout.contains("\"permissionDecision\":\"deny\"")
        || said.stdout.contains("\"block\":true");
    ensure!(
        refused == (before && call.kind == Kind::Refused),
        "{}: {:?} is answered {:?}",
        call.id,
        call.kind,
        said.stdout
    );
    Ok(())
}
