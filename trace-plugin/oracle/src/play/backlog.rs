//! What gathers in a day without an edge, and how much memory its way out takes.

use anyhow::{Context as _, Result, ensure};

use crate::call::{Call, Fate, Kind};
use crate::proxy::Trouble;
use crate::run::Run;

/// The most memory that a sidecar may take to ship any backlog, in KiB.
const MAX_PEAK_KIB: u64 = 40 * 1024;
/// Calls that are told at once.
const TOLD_AT_ONCE: usize = 100;

impl Run {
    /// `events` calls are recorded while the edge is away; then a sidecar that has just been started ships them.
    pub(super) fn backlog(&mut self, name: &'static str, events: usize, kind: Kind) -> Result<()> {
        self.proxy.always((name, Trouble::Refused));
        self.home.ensure_sidecar()?;
        let agent = "claude-code";
        let session = self.names.next("session");
        ensure!(events.is_multiple_of(TOLD_AT_ONCE), "whole pieces");
        for _ in 0..events / TOLD_AT_ONCE {
            let mut calls: Vec<Call> = (0..TOLD_AT_ONCE)
                .map(|_| {
                    let name = self.names.next("call");
                    Call::new(name, agent, session.clone(), kind)
                })
                .collect();
            let told: String = calls.iter().map(Call::after).collect();
            let said = self.home.ask(agent, &told)?.context("no answer")?;
            ensure!(said.stderr.is_empty(), "{}", said.stderr);
            ensure!(said.stdout.lines().count() == TOLD_AT_ONCE, "a line each");
            for call in &mut calls {
                call.after = Fate::Accepted;
            }
            self.calls.append(&mut calls);
        }
        let waiting = self.home.status()?["spool"]["waiting"].as_u64();
        let waiting = waiting.context("status tells no waiting")?;
        ensure!(
            waiting >= u64::try_from(events)?,
            "{events} traces wait, and the status says {waiting}"
        );
        self.home.kill_sidecar();
        self.proxy.calm();
        self.home.ensure_sidecar()?;
        self.drained()?;
        let peak = self.home.sidecar().context("no sidecar")?.peak_kib()?;
        println!("  {name}: {events} events, {peak} KiB at most");
        if peak > MAX_PEAK_KIB {
            self.findings.push(format!(
                "{name}: the sidecar took {peak} KiB to ship {events} events; {MAX_PEAK_KIB} are the most"
            ));
        }
        Ok(())
    }
}
