//! A running process takes over the card when it changes: the next call is judged by it, and the edge gets it.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use aap::card::SignedCard;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use trace_plugin::Recorder;

use crate::agent::Agent;
use crate::cards;

/// What tells one state of the file from another.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    inode: u64,
    bytes: u64,
    at: (i64, i64),
}

fn look(agent: &Agent) -> Option<Seen> {
    let found = std::fs::metadata(agent.config.home.card_file()).ok()?;
    Some(Seen {
        inode: found.ino(),
        bytes: found.len(),
        at: (found.mtime(), found.mtime_nsec()),
    })
}

/// Follows the card until `stop`; `changed` tells when to look. `told` gets each card that is in force from then on, signed.
pub(crate) async fn follow(
    mut agent: Agent,
    roots: Vec<String>,
    recorder: Arc<Recorder>,
    told: watch::Sender<SignedCard>,
    changed: Arc<Notify>,
    stop: CancellationToken,
) {
    if let Err(error) = cards::keep(&agent.config.home, &agent.card, &agent.identity) {
        tracing::error!("the card in force is not kept as a version: {error:#}");
    }
    // Nothing is known of the time between the agent's start and this one, so the first look takes it over as well.
    let mut seen = None;
    loop {
        let now = look(&agent);
        if now != seen {
            seen = now;
            take_over(&mut agent, &roots, &recorder, &told).await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = changed.notified() => {}
        }
    }
}

async fn take_over(
    agent: &mut Agent,
    roots: &[String],
    recorder: &Recorder,
    told: &watch::Sender<SignedCard>,
) {
    let card = match cards::in_force(&agent.config.home, &agent.identity) {
        Ok((card, complaints)) => {
            for complaint in complaints {
                tracing::error!("{complaint}");
            }
            card
        }
        Err(error) => {
            tracing::error!("{} stays in force: {error:#}", agent.card.card_id);
            return;
        }
    };
    if card == agent.card {
        return;
    }
    // A version first, so that every card that a trace names can be shown.
    let version = match cards::keep(&agent.config.home, &card, &agent.identity) {
        Ok(version) => version,
        Err(error) => {
            tracing::error!("{} stays in force: {error:#}", agent.card.card_id);
            return;
        }
    };
    agent.card = card;
    recorder.replace_judge(agent.judge(roots.to_vec())).await;
    told.send_replace(version.signed);
    tracing::info!("{} is in force", agent.card.card_id);
}
