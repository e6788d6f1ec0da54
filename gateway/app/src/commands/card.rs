//! `smoltbot card`: the agent's alignment card, which the world sees and the conscience judges by.
//!
//! In scope: showing it in sentences, changing it into a new signed version, checking it, sending it to the edge, and its
//! versions. Not in scope: what makes a card a card (crate `aap`), what it means for a call (crate `conscience`), where
//! versions lie ([`crate::cards`]).

mod edge;
mod edit;
mod show;

use std::path::Path;
use std::process::ExitCode;

use aap::card::{Checked, Fault, read};
use serde_json::json;
use trace_plugin::Identity;

use crate::agent;
use crate::cli::CardTask;
use crate::{cards, output};

pub(crate) fn run(task: CardTask) -> anyhow::Result<ExitCode> {
    match task {
        CardTask::Show { json } => show::run(json),
        CardTask::Edit => edit::run(),
        CardTask::Validate { file, json } => validate(file.as_deref(), json),
        CardTask::Publish { json } => edge::publish(json),
        CardTask::History { json } => edge::history(json),
    }
}

/// Everything that is wrong with a card, and odd about it: a file's, else that of this home.
fn validate(file: Option<&Path>, as_json: bool) -> anyhow::Result<ExitCode> {
    let (text, name, owner) = if let Some(file) = file {
        // A file may be a draft for any agent.
        (cards::text(file)?, file.display().to_string(), None)
    } else {
        let home = agent::config()?.home;
        let identity = Identity::load(&home.key_file())?;
        let path = home.card_file();
        let name = path.display().to_string();
        (cards::text(&path)?, name, Some(identity.agent_id()))
    };
    let (card, faults, notes) = match read(&text, owner) {
        Ok(Checked { card, notes }) => (Some(card), Vec::new(), notes),
        Err(faults) => (None, faults, Vec::new()),
    };
    let code = ExitCode::from(u8::from(!faults.is_empty()));
    if as_json {
        let answer = json!({
            "file": name,
            "valid": faults.is_empty(),
            "card_id": card.map(|card| card.card_id),
            "faults": faults,
            "notes": notes,
        });
        output::line(&answer.to_string())?;
        return Ok(code);
    }
    if let Some(card) = &card {
        let id = plain(&card.card_id);
        output::line(&format!("{name} is a valid card: {id}"))?;
    } else {
        let things = output::count(faults.len(), "thing", "things");
        output::line(&format!("{name} is no valid card; {things} to mend:"))?;
    }
    tell(&faults, "")?;
    tell(&notes, "note: ")?;
    Ok(code)
}

/// Faults or notes, a line each; they come from a file and must not steer the terminal.
fn tell(faults: &[Fault], mark: &str) -> anyhow::Result<()> {
    for fault in faults {
        output::line(&format!("  {mark}{}", plain(&fault.to_string())))?;
    }
    Ok(())
}

/// A text without control characters.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
