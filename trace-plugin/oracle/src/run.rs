//! A run: one home, one proxy, one edge, round after round, and the reckoning.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::call::{Call, Fate, Kind};
use crate::dice::Dice;
use crate::edge::Edge;
use crate::fault::Fault;
use crate::home::Home;
use crate::process::once;
use crate::programs::Programs;
use crate::proxy::{Proxy, Seen};
use crate::settle::{self, Findings};
use crate::work::{self, Load, Names, Way};

/// How far the clock is set ahead for calls without an end: longer than anybody is waited for.
const MUCH_LATER_MS: i64 = 3_600_000;

/// What a run came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The rounds, by their faults.
    pub rounds: Vec<&'static str>,
    /// Calls that were issued.
    pub calls: usize,
    /// Calls of which something was answered.
    pub accepted: usize,
    /// Losses that agents were told of.
    pub lost: u64,
    /// Losses that nobody but the agent will ever be told of: there was nowhere to write.
    pub untold: u64,
    /// Events that nobody answered.
    pub unanswered: usize,
    /// What the wire saw.
    pub seen: Seen,
    /// What is wrong.
    pub findings: Findings,
}

/// A run in progress.
pub struct Run {
    /// The home.
    pub home: Home,
    /// The edge.
    pub edge: Edge,
    /// What is between them.
    pub proxy: Proxy,
    /// Every call by now.
    pub calls: Vec<Call>,
    /// Names for more.
    pub names: Names,
    /// Chance.
    pub dice: Dice,
    /// What is wrong by now.
    pub findings: Findings,
    /// Whose traces these are.
    pub agent: String,
    /// The rounds by now.
    rounds: Vec<&'static str>,
}

impl Run {
    /// A home and an edge (over `database`, else a file), and a first event that arrived. Every process of the home is broken
    /// as `always` says.
    ///
    /// # Errors
    /// When something does not start.
    pub fn start(
        programs: &Programs,
        dice: Dice,
        database: Option<String>,
        always: &str,
    ) -> Result<Self> {
        let edge = Edge::start(programs.smoltbot.clone(), database)?;
        let proxy = Proxy::start(edge.address())?;
        let home = Home::new(programs, &proxy.url(), always)?;
        let mut run = Self {
            home,
            edge,
            proxy,
            calls: Vec::new(),
            names: Names::default(),
            dice,
            findings: Findings::new(),
            agent: String::new(),
            rounds: Vec::new(),
        };
        // The first hook makes the home.
        run.load(1, 1, Way::Process, "")?;
        let status = run.home.status()?;
        let agent = status["agent_id"].as_str().context("no agent_id")?;
        agent.clone_into(&mut run.agent);
        Ok(run)
    }

    /// Some work; its calls.
    ///
    /// # Errors
    /// When an agent is not answered as it must be.
    pub fn load(&mut self, sessions: u64, calls: u64, way: Way, fault: &str) -> Result<usize> {
        self.work(&Load {
            sessions,
            calls,
            way,
            fault,
            poison: false,
        })
    }

    /// Some work; where its calls begin among all.
    ///
    /// # Errors
    /// When an agent is not answered as it must be.
    pub fn work(&mut self, load: &Load<'_>) -> Result<usize> {
        let begun = self.calls.len();
        let calls = work::run(&self.home, load, &mut self.names, &mut self.dice)?;
        self.calls.extend(calls);
        Ok(begun)
    }

    /// One round: the fault, and then everything is well again and a fresh event passes.
    ///
    /// # Errors
    /// When the programs do not do what they must, whatever is broken.
    pub fn round(&mut self, name: &'static str, fault: Fault) -> Result<()> {
        let begun = Instant::now();
        self.rounds.push(name);
        let broken = self
            .play(name, fault)
            .with_context(|| format!("in round {name}"));
        self.proxy.calm();
        self.home.shim.clock(0)?;
        self.home
            .shim
            .disk(crate::shim::Disk::Well, crate::shim::Part::Any, 0, false)?;
        broken?;
        self.recover()
            .with_context(|| format!("after round {name}\n{}", self.home.log()))?;
        if std::env::var_os("SMOLTBOT_ORACLE_TELL").is_some() {
            eprintln!(
                "  {name}: {:?}, {} calls",
                begun.elapsed(),
                self.calls.len()
            );
        }
        Ok(())
    }

    /// With everything well: a fresh event passes, and nothing is left waiting.
    fn recover(&mut self) -> Result<()> {
        self.home.ensure_sidecar()?;
        let agent = *self.dice.one(&crate::call::AGENTS);
        let id = self.names.next("fresh");
        let mut call = Call::new(id, agent, self.names.next("session"), Kind::Allowed);
        let before = self.home.hook(agent, &call.before(), "")?;
        let after = self.home.hook(agent, &call.after(), "")?;
        (call.before, call.after) = (Fate::of(before.as_ref()), Fate::of(after.as_ref()));
        ensure!(
            (call.before, call.after) == (Fate::Accepted, Fate::Accepted),
            "a fresh event is not accepted: {before:?} {after:?}"
        );
        self.calls.push(call);
        self.drained()
    }

    /// Waits until nothing waits.
    ///
    /// # Errors
    /// When something goes on waiting.
    pub fn drained(&mut self) -> Result<()> {
        let home = &mut self.home;
        once("the spool is empty", || {
            home.ensure_sidecar()?;
            let status = home.status()?;
            let waiting = status["spool"]["waiting"].as_u64();
            Ok((waiting.context("status tells no waiting")? == 0).then_some(()))
        })
        .with_context(|| {
            home.status()
                .map(|status| status.to_string())
                .unwrap_or_default()
        })
    }

    /// The reckoning: calls without an end are given up, everything is shipped, and each call is looked for.
    ///
    /// # Errors
    /// When it cannot be done: then nothing is proven.
    pub fn settle(mut self) -> Result<Report> {
        self.proxy.calm();
        self.home.stop_sidecar()?;
        self.home.shim.clock(MUCH_LATER_MS)?;
        self.recover()?;
        let open =
            |call: &&Call| !call.waived && call.before == Fate::Accepted && !call.is_linked();
        let open: Vec<String> = self
            .calls
            .iter()
            .filter(open)
            .map(|call| call.id.clone())
            .collect();
        let (edge, agent) = (&self.edge, &self.agent);
        // Looked for at the end once more, with words.
        let _ = once("calls without an end are told", || {
            let rows = edge.traces(agent)?;
            let told = |id: &String| {
                rows.iter()
                    .any(|row| row["metadata"]["tool_call_id"] == **id)
            };
            Ok(open.iter().all(told).then_some(()))
        });
        self.drained()?;
        self.home.stop_sidecar()?;
        self.home.shim.clock(0)?;
        let mut findings = settle::settle(&self.calls, &self.edge, &self.home, &self.agent)?;
        findings.append(&mut self.findings);
        let fates = || self.calls.iter().flat_map(|call| [call.before, call.after]);
        Ok(Report {
            rounds: self.rounds,
            calls: self.calls.len(),
            accepted: self.calls.iter().filter(|call| call.must_be_told()).count(),
            lost: self.calls.iter().map(|call| call.losses).sum(),
            untold: self.calls.iter().map(|call| call.untold).sum(),
            unanswered: fates().filter(|fate| *fate == Fate::Unanswered).count(),
            seen: self.proxy.seen(),
            findings,
        })
    }
}
