//! The HTTP suite (`edge-worker/e2e`) and schemathesis against every host of the edge, one after the other.
//!
//! Each host is started twice, on a database of its own: with limits that the suite can reach, and without any for
//! schemathesis, which comes from one address with agents that nobody knows, and learns from what it finds. A host that cannot be started is a failure that says what is
//! missing.

mod host;
mod schemathesis;

use std::path::Path;

use anyhow::Result;

use crate::command::Line;
use crate::counts::Counts;
use crate::run::Run;

pub(crate) use host::{Host, Kind, Place, prepare};
pub(crate) use schemathesis::ensure;

/// The limits of the suite's host: the edge's own name, the suite's, the number.
const LIMITS: [(&str, &str, u32); 3] = [
    (
        "SMOLTBOT_EDGE__LIMIT_PER_MINUTE",
        "E2E_LIMIT_PER_MINUTE",
        20,
    ),
    (
        "SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE",
        "E2E_LIMIT_IP_PER_MINUTE",
        600,
    ),
    (
        "SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR",
        "E2E_LIMIT_NEW_AGENTS_PER_HOUR",
        60,
    ),
];

/// What became of the tests on one host.
pub(crate) struct Outcome {
    kind: Kind,
    counts: Counts,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { passed, failed, .. } = self.counts;
        write!(f, "{}: {passed} passed, {failed} failed", self.kind)
    }
}

/// Runs `suite` (a line that runs the suite's tests) and schemathesis against each of `kinds`.
pub(crate) fn all(
    run: &mut Run,
    kinds: &[Kind],
    binary: &Path,
    tools: &Path,
    suite: &Line,
    filtered: bool,
) -> Vec<Outcome> {
    let each = kinds.iter().map(|kind| {
        let before = run.counts();
        if let Err(error) = one(run, *kind, binary, tools, suite, filtered) {
            run.fail(&format!("the edge as {kind}"), &error, &again(*kind));
        }
        let counts = run.counts() - before;
        Outcome {
            kind: *kind,
            counts,
        }
    });
    each.collect()
}

/// What to type: the host that a line was run against is gone.
fn again(kind: Kind) -> String {
    format!("cargo xtask test --edge {}", kind.word())
}

fn one(
    run: &mut Run,
    kind: Kind,
    binary: &Path,
    tools: &Path,
    suite: &Line,
    filtered: bool,
) -> Result<()> {
    prepare(kind)?;
    let place = Place::new(kind, binary)?;
    let limits = LIMITS.map(|(name, _, limit)| (name, limit));
    let host = Host::start(&place, &limits)?;
    let mut line = suite.clone().env("BASE_URL", host.url());
    for (_, name, limit) in LIMITS {
        line = line.env(name, limit.to_string());
    }
    if let Some(header) = kind.address_header() {
        line = line.env("E2E_ADDRESS_HEADER", header);
    }
    let what = format!("the HTTP suite against {kind}");
    run.step_again(kind.word(), &what, &line, &again(kind));
    host.stop()?;
    if filtered {
        return Ok(());
    }
    let place = Place::new(kind, binary)?;
    let host = Host::start(&place, &LIMITS.map(|(name, ..)| (name, 0)))?;
    let (line, _directory) = schemathesis::line(tools, host.url())?;
    let name = format!("{}-description", kind.word());
    let what = format!("schemathesis asks {kind} what its description says");
    run.single(&name, &what, &line, &again(kind));
    host.stop()
}
