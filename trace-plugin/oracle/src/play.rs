//! What happens in a round of each fault.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};

use crate::call::Call;
use crate::fault::{Damage, Fault};
use crate::home::Home;
use crate::process::once;
use crate::proxy::Trouble;
use crate::run::Run;
use crate::shim::{Disk, Part};
use crate::work::{Load, Way};

mod backlog;
mod disk;
mod recorder;
mod truth;

/// Between loads that keep a sidecar busy.
const BETWEEN_LOADS: Duration = Duration::from_millis(300);
/// Sessions at once, and calls of each, of a small load.
const SMALL: (u64, u64) = (2, 4);

impl Run {
    pub(crate) fn play(&mut self, name: &'static str, fault: Fault) -> Result<()> {
        match fault {
            Fault::Wire(trouble) => self.wire(name, trouble),
            Fault::Outage(trouble) => self.outage(name, trouble),
            Fault::Poison(status) => self.poison(status),
            Fault::EdgeKilled => self.edge_killed(),
            Fault::HookKilled(point) => {
                self.home.stop_sidecar()?;
                let fault = format!("{point}=kill");
                self.load(SMALL.0, SMALL.1 * 2, Way::Process, &fault)
                    .map(drop)
            }
            Fault::SidecarKilled(point) => self.sidecar_killed(point),
            Fault::WriterKilled(part) => self.writer_killed(part),
            Fault::Disk(disk, part) => self.broken_disk(disk, part),
            Fault::SpoolFull => self.spool_full(name),
            Fault::ReallyFull => self.really_full(),
            Fault::Commit(word) => {
                self.home.stop_sidecar()?;
                let fault = format!("spool.mid_commit={word}");
                self.load(SMALL.0, SMALL.1, Way::Process, &fault)?;
                // It may come to that before it serves; then it does not start.
                if !self.home.start_sidecar(&format!("{fault}@6"))? {
                    self.home.ensure_sidecar()?;
                }
                self.load(SMALL.0, SMALL.1, Way::Socket, "").map(drop)
            }
            Fault::Clock(off_by) => self.wrong_clock(off_by),
            Fault::Restored { whole } => self.restored(whole),
            Fault::Damaged(damage) => self.damaged(damage),
            Fault::TwoSidecars => {
                self.home.start_two_sidecars()?;
                self.load(SMALL.0, SMALL.1, Way::Either, "").map(drop)
            }
            Fault::SidecarRestarts => self.sidecar_restarts(),
            Fault::NoSidecar => {
                self.home.stop_sidecar()?;
                self.load(4, SMALL.1, Way::Process, "").map(drop)
            }
            Fault::Backlog(events, kind) => self.backlog(name, events, kind),
            Fault::Recorder => self.recorder(""),
            Fault::RecorderKilled("") => self.recorder("spool.mid_commit=enospc@6"),
            Fault::RecorderKilled(point) => {
                let times = self.dice.within(1..4);
                self.recorder(&format!("{point}=kill@{times}"))
            }
        }
    }

    fn wire(&mut self, name: &'static str, trouble: Trouble) -> Result<()> {
        self.home.ensure_sidecar()?;
        let times = self.dice.within(1..3);
        self.proxy.next((name, trouble), times);
        self.load(SMALL.0, SMALL.1, Way::Either, "")?;
        let proxy = &self.proxy;
        once("the trouble is met", || {
            Ok(proxy.seen().made.contains_key(name).then_some(()))
        })
    }

    /// With every request, so that what the status says meanwhile can be known.
    fn outage(&mut self, name: &'static str, trouble: Trouble) -> Result<()> {
        self.home.ensure_sidecar()?;
        self.drained()?;
        let acked = self.home.status()?["last_ack_at"].clone();
        self.proxy.always((name, trouble));
        let begun = SystemTime::now();
        let first = self.load(SMALL.0, SMALL.1, Way::Either, "")?;
        let proxy = &self.proxy;
        once("the outage is met", || {
            Ok(proxy.seen().made.contains_key(name).then_some(()))
        })?;
        let status = self.home.status()?;
        self.waits_as_told(&status, first);
        self.heard_as_told(&status, first, begun);
        if status["last_ack_at"] != acked {
            self.findings.push(format!(
                "{name}: nothing was acknowledged, and last_ack_at went from {acked} to {}",
                status["last_ack_at"]
            ));
        }
        if name.ends_with("a-day") || name.ends_with("overflow") {
            // It does as it is told; a person who knows better starts it again.
            self.proxy.calm();
            self.home.kill_sidecar();
        }
        Ok(())
    }

    fn poison(&mut self, status: u16) -> Result<()> {
        self.home.ensure_sidecar()?;
        self.proxy.poison(crate::call::POISON, status);
        self.work(&Load {
            sessions: SMALL.0,
            calls: SMALL.1,
            way: Way::Either,
            fault: "",
            poison: true,
        })?;
        self.drained()?;
        let poison = |call: &&Call| call.kind == crate::call::Kind::Poison;
        let poison = self.calls.iter().filter(poison).count();
        let status = self.home.status()?;
        if status["spool"]["quarantined"] != poison {
            self.findings.push(format!(
                "{poison} poisonous calls, and the status says {}",
                status["spool"]
            ));
        }
        Ok(())
    }

    fn edge_killed(&mut self) -> Result<()> {
        self.home.ensure_sidecar()?;
        self.load(SMALL.0, SMALL.1, Way::Either, "")?;
        self.edge.kill();
        self.load(1, SMALL.1, Way::Either, "")?;
        let address = self.edge.restart()?;
        self.proxy.edge_is(address);
        Ok(())
    }

    fn sidecar_killed(&mut self, point: &str) -> Result<()> {
        self.home.stop_sidecar()?;
        let times = self.dice.within(1..4);
        let started = self.home.start_sidecar(&format!("{point}=kill@{times}"))?;
        if started {
            self.load(SMALL.0, SMALL.1, Way::Socket, "")?;
        }
        // Batches come by themselves, as long as there is something to send.
        for _ in 0..20 {
            if !self.home.sidecar_runs() {
                break;
            }
            self.load(1, 2, Way::Socket, "")?;
            std::thread::sleep(BETWEEN_LOADS);
        }
        ensure!(
            !self.home.sidecar_runs(),
            "the sidecar never came to {point}"
        );
        Ok(())
    }

    fn writer_killed(&mut self, part: Part) -> Result<()> {
        if part == Part::Database {
            // Who folds the log in is killed: a process, when the log is long.
            self.home.stop_sidecar()?;
        } else if self.dice.once_in(2) {
            self.home.ensure_sidecar()?;
        } else {
            self.home.stop_sidecar()?;
        }
        let struck = self.home.shim.struck()?;
        for _ in 0..10 {
            let after = self.dice.within(0..12);
            self.home.shim.disk(Disk::Kill, part, after, true)?;
            self.load(SMALL.0, SMALL.1, Way::Either, "")?;
            if self.home.shim.struck()? > struck {
                return Ok(());
            }
        }
        anyhow::bail!("nobody wrote to {part:?}")
    }

    fn wrong_clock(&mut self, off_by: i64) -> Result<()> {
        self.home.ensure_sidecar()?;
        self.load(1, SMALL.1, Way::Either, "")?;
        self.home.shim.clock(off_by)?;
        self.load(SMALL.0, SMALL.1, Way::Either, "")?;
        if self.dice.once_in(2) {
            self.home.kill_sidecar();
            self.home.ensure_sidecar()?;
        }
        self.load(1, SMALL.1, Way::Either, "")?;
        self.home.shim.clock(0)?;
        self.load(1, SMALL.1, Way::Either, "").map(drop)
    }

    fn sidecar_restarts(&mut self) -> Result<()> {
        for _ in 0..4 {
            self.home.ensure_sidecar()?;
            self.load(1, SMALL.1, Way::Socket, "")?;
            if self.dice.once_in(3) {
                self.home.stop_sidecar()?;
            } else {
                self.home.kill_sidecar();
            }
            self.load(1, 1, Way::Process, "")?;
        }
        Ok(())
    }

    /// A backup with something waiting in it is put back after all of that, and more, was shipped: of the database alone, or
    /// of all that is kept beside it.
    fn restored(&mut self, whole: bool) -> Result<()> {
        self.home.stop_sidecar()?;
        self.load(1, SMALL.1, Way::Process, "")?;
        let of_spool = |home: &Home| -> Result<Vec<PathBuf>> {
            let files = fs::read_dir(home.state())?.map(|file| Ok(file?.path()));
            let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
            let is_its = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let database = ["spool.db", "spool.db-wal", "spool.db-shm"];
                name.starts_with("spool") && (whole || database.contains(&name.as_ref()))
            };
            Ok(files.into_iter().filter(is_its).collect())
        };
        let mut backup = Vec::new();
        for file in of_spool(&self.home)? {
            backup.push((file.clone(), fs::read(file)?));
        }
        self.home.ensure_sidecar()?;
        self.load(1, SMALL.1, Way::Either, "")?;
        self.drained()?;
        self.home.stop_sidecar()?;
        for call in &mut self.calls {
            // What it knew of calls that were open then, or are now, is of another time.
            call.waived = true;
        }
        for file in of_spool(&self.home)? {
            fs::remove_file(file)?;
        }
        for (file, content) in backup {
            fs::write(file, content)?;
        }
        self.load(1, SMALL.1, Way::Process, "").map(drop)
    }

    /// The database, its log, and their shared memory.
    pub(crate) fn spool_files(&self) -> [PathBuf; 3] {
        let spool = self.home.spool();
        ["", "-wal", "-shm"].map(|end| {
            let mut name = spool.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        })
    }

    fn damaged(&mut self, damage: Damage) -> Result<()> {
        self.drained()?;
        self.home.stop_sidecar()?;
        self.damage(damage)
    }
}
