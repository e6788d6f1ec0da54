//! What waits and what was lost, as far as the spool can be asked.

use std::time::Duration;

use aap::Timestamp;
use serde_json::{Value, json};
use trace_plugin::spool::{Depth, Spool, SpoolError, Use, told_beside};

use crate::agent::Agent;
use crate::output;

/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a mebibyte.
const MIB: u64 = 1024 * 1024;

/// What the spool says.
pub(super) struct Look {
    /// None when it cannot even be looked at.
    pub(super) depth: Option<Depth>,
    /// When each agent was last heard; none where it is not known.
    pub(super) heard: Option<Vec<(String, Timestamp)>>,
    /// What is wrong with it, and what of the rest is not known for that.
    pub(super) problem: Option<String>,
    /// Calls that were noted as lost beside it.
    beside: u64,
}

/// Asks the spool; if it cannot be written, it is only looked at; if not even that, it says so.
pub(super) fn look(agent: &Agent) -> Look {
    let path = agent.config.home.spool_file();
    let id = agent.identity.agent_id();
    let cap = agent.config.spool.max_bytes;
    let ask = |spool: Spool| -> Result<(Depth, Vec<(String, Timestamp)>), SpoolError> {
        let spool = spool.bounded(cap);
        Ok((spool.depth()?, spool.agents()?))
    };
    let beside = told_beside(&path);
    let told = |answer: Option<(Depth, Vec<(String, Timestamp)>)>, problem| {
        let (depth, heard) = answer.unzip();
        Look {
            depth,
            heard,
            problem,
            beside: beside.calls + beside.refusals,
        }
    };
    let error = match Spool::open(&path, id, PATIENCE, Use::OneShot).and_then(ask) {
        Ok(answer) => return told(Some(answer), None),
        Err(error) => error,
    };
    match Spool::open_to_look(&path, id, PATIENCE) {
        Ok((spool, whole)) => match ask(spool) {
            Ok(answer) if whole => told(Some(answer), Some(error.to_string())),
            Ok(answer) => {
                let newest = "what was written last could not be read: these figures may be older";
                told(Some(answer), Some(format!("{error}; {newest}")))
            }
            Err(_) => told(None, Some(error.to_string())),
        },
        Err(_) => told(None, Some(error.to_string())),
    }
}

impl Look {
    pub(super) fn json(&self) -> Value {
        let Some(depth) = &self.depth else {
            return json!({
                "waiting": null,
                "quarantined": null,
                "dropped": null,
                "contents_dropped": null,
                "untold": self.beside,
                "gaps": null,
                "bytes": null,
                "cap_bytes": null,
                "damaged": null,
                "problem": self.problem,
            });
        };
        json!({
            "waiting": depth.waiting,
            "quarantined": depth.quarantined,
            "dropped": depth.dropped,
            "contents_dropped": depth.contents_dropped,
            "untold": depth.untold,
            "gaps": depth.gaps,
            "bytes": depth.bytes,
            "cap_bytes": depth.cap_bytes,
            "damaged": depth.damaged,
            "problem": self.problem,
        })
    }

    /// The same for people.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let Some(depth) = &self.depth else {
            rows.push(("spool", "what waits is not known".to_owned()));
            rows.extend(self.problem.clone().map(|problem| ("problem", problem)));
            if self.beside > 0 {
                let lost = format!("{} noted beside it, perhaps more", calls(self.beside));
                rows.push(("losses", lost));
            }
            return rows;
        };
        rows.push((
            "spool",
            format!(
                "{} waiting, {} quarantined, {} dropped; {} of {} MiB",
                depth.waiting,
                depth.quarantined,
                depth.dropped,
                depth.bytes.div_ceil(MIB),
                depth.cap_bytes / MIB
            ),
        ));
        rows.extend(self.problem.clone().map(|problem| ("problem", problem)));
        if depth.dropped > 0 {
            let untold = match depth.untold {
                0 => "all told by records in the chain".to_owned(),
                untold => format!("{untold} of them not told by a record yet"),
            };
            rows.push(("losses", format!("{}, {untold}", calls(depth.dropped))));
        }
        if depth.contents_dropped > 0 {
            let what = "let go of for want of room; that they happened stands";
            let lost = format!("the contents of {}, {what}", calls(depth.contents_dropped));
            rows.push(("losses", lost));
        }
        for file in &depth.damaged {
            rows.push(("damaged", format!("a spool was, and is kept as {file}")));
        }
        if depth.quarantined > 0 {
            rows.push((
                "quarantine",
                "`smoltbot quarantine list` says why".to_owned(),
            ));
        }
        rows.push(("asked", asked(depth.asked)));
        let ack = depth.last_ack_at;
        let ack = ack.map_or("never".to_owned(), |at| at.to_string());
        rows.push(("last ack", ack));
        rows
    }
}

fn calls(number: u64) -> String {
    output::count(number, "call", "calls")
}

/// How many questions wait for a person, in words.
fn asked(questions: u64) -> String {
    match questions {
        0 => "no question waits for a person".to_owned(),
        1 => "1 question waits for a person".to_owned(),
        more => format!("{more} questions wait for a person"),
    }
}
