//! `smoltbot card publish` and `history`: the card's versions here and at the edge.

use std::process::ExitCode;

use aap::card::AlignmentCard;
use aap::wire::{CardAnswer, Status};
use aap::{Timestamp, paths};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::plain;
use crate::agent::{self, Agent};
use crate::{cards, http, output};

/// Sends the card in force as a version, signed.
pub(crate) fn publish(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let base = agent::api_url(&agent.config);
    let version = cards::keep(&agent.config.home, &agent.card, &agent.identity)?;
    let id = agent.identity.agent_id();
    let (answer, there) = http::block_on(async {
        let client = http::client(agent.config.timeout)?;
        let path = paths::card(id);
        let answer: CardAnswer = http::put(&client, &base, &path, &version.signed).await?;
        let there: Option<Published> = match answer.status {
            Status::Queued => None,
            _ => Some(http::json(&client, &base, &path, &[]).await?),
        };
        Ok((answer, there))
    })?;
    let in_force = there.map(|there| there.alignment_card.card_id);
    if as_json {
        let answer = json!({
            "card_id": answer.card_id,
            "version": version.number,
            "edge": base,
            "status": answer.status,
            "in_force": in_force,
        });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let card = plain(&answer.card_id);
    match (answer.status, in_force) {
        (Status::Queued, _) => output::line(&format!(
            "{base} has taken {card} in and keeps it once its store is back."
        ))?,
        (_, Some(other)) if other != answer.card_id => output::line(&format!(
            "{base} has {card}, but the card in force there is {}, which was issued later.",
            plain(&other)
        ))?,
        _ => output::line(&format!("{base} has {card}; it is in force there."))?,
    }
    output::line(&format!("It is shown on {}", agent.page(&base)))?;
    Ok(ExitCode::SUCCESS)
}

/// What is read of the edge's card.
#[derive(Deserialize)]
struct Published {
    alignment_card: AlignmentCard,
}

/// A version as the edge lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    card_id: String,
    issued_at: Timestamp,
    received_at: Timestamp,
    superseded_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Listing {
    cards: Vec<Listed>,
}

/// A version, wherever it is.
#[derive(Debug, Serialize)]
struct Row {
    card_id: String,
    issued_at: Timestamp,
    /// Its number on this machine.
    version: Option<u32>,
    in_force: bool,
    /// When the edge received it.
    received_at: Option<Timestamp>,
    superseded_at: Option<Timestamp>,
}

/// The versions, newest first.
pub(crate) fn history(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let base = agent::api_url(&agent.config);
    let here = cards::versions(&agent.config.home)?;
    let there = http::block_on(async {
        let client = http::client(agent.config.timeout)?;
        let path = paths::cards(agent.identity.agent_id());
        let listing: Listing = http::json(&client, &base, &path, &[])
            .await
            .context("only the versions on this machine are told")?;
        Ok(listing.cards)
    });
    if let Err(error) = &there {
        // Without the edge there is still something to tell.
        output::complain(&anyhow::anyhow!("{error:#}"));
    }
    let is_known = there.is_ok();
    let rows = rows(&agent.card, &here, there.unwrap_or_default());
    if as_json {
        let answer = json!({ "edge": base, "edge_answers": is_known, "versions": rows });
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        let number = row
            .version
            .map_or("-".to_owned(), |number| number.to_string());
        let edge = match (row.received_at, row.superseded_at) {
            (Some(at), None) => format!("at the edge since {at}, in force there"),
            (Some(at), Some(until)) => {
                format!("at the edge since {at}, in force there until {until}")
            }
            (None, _) if is_known => "not at the edge".to_owned(),
            (None, _) => String::new(),
        };
        let force = if row.in_force { "in force" } else { "" };
        let line = format!(
            "{number:>3}  {}  issued {}  {force:<8}  {edge}",
            plain(&row.card_id),
            row.issued_at
        );
        output::line(line.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(card: &AlignmentCard, here: &[cards::Version], there: Vec<Listed>) -> Vec<Row> {
    let mut rows: Vec<Row> = here
        .iter()
        .map(|version| {
            let own = &version.signed.alignment_card;
            Row {
                card_id: own.card_id.clone(),
                issued_at: own.issued_at,
                version: Some(version.number),
                in_force: own == card,
                received_at: None,
                superseded_at: None,
            }
        })
        .collect();
    for listed in there {
        let known = rows
            .iter_mut()
            .find(|row| row.card_id == listed.card_id && row.issued_at == listed.issued_at);
        if let Some(row) = known {
            row.received_at = Some(listed.received_at);
            row.superseded_at = listed.superseded_at;
        } else {
            rows.push(Row {
                in_force: listed.card_id == card.card_id,
                card_id: listed.card_id,
                issued_at: listed.issued_at,
                version: None,
                received_at: Some(listed.received_at),
                superseded_at: listed.superseded_at,
            });
        }
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.issued_at, row.version)));
    rows
}
