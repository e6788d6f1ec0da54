//! Whether there is room, whether the spool takes what comes, and whether something was lost.

use std::time::Duration;

use rustix::fs::statvfs;
use smoltbot_config::Config;
use trace_plugin::Identity;
use trace_plugin::spool::{Spool, Use};

use super::Finding;
use crate::policies::Policies;

/// Below this much room a spool could fill the disk within a busy day.
const MIN_FREE_BYTES: u64 = 100 * 1024 * 1024;
/// How long a busy spool is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![disk(config), spool(config)];
    findings.extend(
        Policies::looked_at(config, None)
            .report()
            .complaints
            .into_iter()
            .map(|complaint| {
                Finding::wrong(
                    "conscience",
                    complaint,
                    "`smoltbot conscience lint` tells more",
                )
            }),
    );
    findings
}

fn disk(config: &Config) -> Finding {
    let name = "disk";
    let home = config.home.path();
    match statvfs(home) {
        Ok(found) => {
            let free = found.f_bavail * found.f_frsize;
            let what = format!("{} MB free for {}", free / 1_000_000, home.display());
            if free < MIN_FREE_BYTES {
                Finding::wrong(
                    name,
                    what,
                    "free some room: what cannot be recorded is counted as lost",
                )
            } else {
                Finding::well(name, what)
            }
        }
        Err(error) => Finding::wrong(
            name,
            format!("{}: {error}", home.display()),
            "run `smoltbot init`",
        ),
    }
}

fn spool(config: &Config) -> Finding {
    let name = "spool";
    let identity = match Identity::load(&config.home.key_file()) {
        Ok(identity) => identity,
        Err(error) => return Finding::wrong("identity", error.to_string(), "run `smoltbot init`"),
    };
    let path = config.home.spool_file();
    if !path.exists() {
        return Finding::well(name, "nothing was recorded yet");
    }
    let depth = Spool::open(&path, identity.agent_id(), PATIENCE, Use::OneShot)
        .and_then(|spool| spool.depth());
    let depth = match depth {
        Ok(depth) if !depth.damaged.is_empty() => {
            let what = format!(
                "it was damaged, and what was left of it is in {}",
                depth.damaged.join(", ")
            );
            let todo = "what could be read was taken over; the rest is told in the chain. Delete the file when you have seen it";
            return Finding::note(name, what, todo);
        }
        Ok(depth) => depth,
        Err(error) => {
            return Finding::wrong(
                name,
                error.to_string(),
                "until then calls are judged, and not recorded",
            );
        }
    };
    let what = format!(
        "{} waiting, {} quarantined, {} dropped",
        depth.waiting, depth.quarantined, depth.dropped
    );
    if depth.quarantined > 0 {
        Finding::wrong(
            name,
            what,
            "`smoltbot quarantine list` shows what the edge would not take, and why",
        )
    } else if depth.dropped > 0 {
        Finding::note(
            name,
            what,
            "what could not be recorded is lost; each loss has a record of its own among the traces",
        )
    } else {
        Finding::well(name, what)
    }
}
