//! A process with a recorder of its own, as our gateway is one.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::call::{Call, Fate, Kind, RECORDER};
use crate::run::Run;

/// Calls of one such process.
const CALLS: usize = 40;

impl Run {
    /// Has the driver record some calls, broken as `fault` says; it has accepted all of them when it says that it stopped.
    pub(super) fn recorder(&mut self, fault: &str) -> Result<()> {
        self.home.ensure_sidecar()?;
        let before = self.dropped()?;
        let mut child = self
            .home
            .recorder(fault)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let session = self.names.next("session");
        let mut calls: Vec<Call> = (0..CALLS)
            .map(|_| {
                let kind = *self.dice.one(&[
                    Kind::Allowed,
                    Kind::Allowed,
                    Kind::Allowed,
                    Kind::Failed,
                    Kind::Refused,
                ]);
                Call::new(self.names.next("call"), RECORDER, session.clone(), kind)
            })
            .collect();
        let mut stdin = child.stdin.take().context("no standard input")?;
        for call in &calls {
            let kind = match call.kind {
                Kind::Refused => "refused",
                Kind::Failed => "failed",
                _ => "allowed",
            };
            // One that is killed does not read.
            let _ = writeln!(stdin, "{} {} {kind}", call.id, call.session);
        }
        drop(stdin);
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let stopped = said.lines().any(|line| line == "stopped");
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            stopped || output.status.code().is_none(),
            "the recorder ended with {}: {complaint}",
            output.status
        );
        for call in &mut calls {
            let refused = said
                .lines()
                .any(|line| line == format!("refused {}", call.id));
            let fate = if stopped || refused {
                Fate::Accepted
            } else {
                Fate::Unanswered
            };
            match call.kind {
                Kind::Refused => call.before = fate,
                _ => call.after = fate,
            }
        }
        if fault.contains("enospc") {
            // Which of them were lost is not told, only how many.
            for call in &mut calls {
                call.waived = true;
            }
            let dropped = self.dropped()? - before;
            ensure!(dropped > 0, "calls were lost and none is counted");
        }
        self.calls.extend(calls);
        Ok(())
    }

    fn dropped(&self) -> Result<u64> {
        let status = self.home.status()?;
        status["spool"]["dropped"].as_u64().context("no dropped")
    }
}
