//! `smoltbot card edit`: a copy of the card in an editor; what comes out of it is checked before it is in force.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use aap::card::{AlignmentCard, read};
use anyhow::{Context as _, bail};

use super::{plain, tell};
use crate::agent::{self, Agent, write_private};
use crate::{cards, lock, output};

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let home = &agent.config.home;
    // What is not in force yet is kept from one try to the next.
    let draft = home.path().join("card.draft.json");
    if draft.exists() {
        output::line(&format!("going on with the draft in {}", draft.display()))?;
    } else {
        // Also one that is not in force because something is wrong with it: here it is mended.
        let text = cards::text(&home.card_file());
        let text = text.or_else(|_| serde_json::to_string_pretty(&agent.card))?;
        write_private(&draft, text.trim_end())?;
    }
    if !edited(&draft)? {
        bail!(
            "the editor ended with an error; {} stays in force, and what was written is in {}",
            agent.card.card_id,
            draft.display()
        );
    }
    let text = cards::text(&draft)?;
    let checked = match read(&text, Some(agent.identity.agent_id())) {
        Ok(checked) => checked,
        Err(faults) => {
            output::line(&format!(
                "This is no valid card; {} stays in force.",
                plain(&agent.card.card_id)
            ))?;
            tell(&faults, "")?;
            output::line(&format!(
                "Mend it with `smoltbot card edit`: it goes on with {}. Delete that file to start again.",
                draft.display()
            ))?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let now = cards::in_force(home, &agent.identity)?.0;
    if now.card_id != agent.card.card_id {
        bail!(
            "{} was put in force meanwhile; what was written is in {}: compare the two, and run `smoltbot card edit` again",
            now.card_id,
            draft.display()
        );
    }
    tell(&checked.notes, "note: ")?;
    if checked.card == agent.card && cards::at(&home.card_file(), &agent.identity).is_ok() {
        fs::remove_file(&draft)?;
        output::line(&format!(
            "Nothing was changed; {} stays in force.",
            plain(&agent.card.card_id)
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let version = cards::put_in_force(home, checked.card, &agent.identity, &agent.card)?;
    fs::remove_file(&draft)?;
    let card = &version.signed.alignment_card;
    output::line(&format!(
        "{} is in force (version {}, signed, issued {}).",
        plain(&card.card_id),
        version.number,
        card.issued_at
    ))?;
    weaker(&agent.card, card)?;
    output::line(if lock::is_taken(&home.lock_file()) {
        "The running smoltbot judges by it within a second and sends it to the edge."
    } else {
        "Send it to the edge with `smoltbot card publish`; `smoltbot up` does so, too."
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says plainly where less is refused than before.
fn weaker(before: &AlignmentCard, after: &AlignmentCard) -> anyhow::Result<()> {
    use aap::card::Mode;
    if before.autonomy_mode == Mode::Enforce && after.autonomy_mode != Mode::Enforce {
        output::line("From now on nothing is stopped: autonomy_mode is not enforce.")?;
    }
    for entry in &before.autonomy.forbidden_actions {
        if !after.autonomy.forbidden_actions.contains(entry) {
            output::line(&format!("No longer forbidden: {}", plain(entry)))?;
        }
    }
    Ok(())
}

/// Opens the editor, which may be a command with arguments, and waits for it; whether it ended well.
fn edited(path: &Path) -> anyhow::Result<bool> {
    let named = ["VISUAL", "EDITOR"].map(std::env::var_os);
    let mut named = named.into_iter().flatten().filter(|name| !name.is_empty());
    let editor = named.next().unwrap_or_else(|| OsString::from("vi"));
    let mut line = editor.clone();
    line.push(" \"$1\"");
    let status = Command::new("sh")
        .arg("-c")
        .arg(line)
        .arg("sh")
        .arg(path)
        .status()
        .with_context(|| {
            format!(
                "the editor {} does not start; EDITOR names another",
                editor.display()
            )
        })?;
    Ok(status.success())
}
