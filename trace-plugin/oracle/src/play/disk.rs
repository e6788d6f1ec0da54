//! Disks that break, and files that were damaged while nobody looked.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::SMALL;
use crate::call::{Call, Fate, Kind};
use crate::fault::Damage;
use crate::proxy::Trouble;
use crate::run::Run;
use crate::shim::{Disk, Part};
use crate::small_disk::SmallDisk;
use crate::work::Way;

/// The least that a spool may be told to keep to, in bytes, and what it is given otherwise.
const SMALL_SPOOL: &str = "1048576";
const LARGE_SPOOL: &str = "268435456";
/// Loads until a disk that is about to break is written to.
const LOADS: usize = 10;

impl Run {
    pub(super) fn broken_disk(&mut self, disk: Disk, part: Part) -> Result<()> {
        // Who folds the log in is a process that leaves, as long as no sidecar is there for it.
        let folds = part == Part::Database || disk == Disk::TruncateError;
        if !folds && disk != Disk::ReadOnly && self.dice.once_in(2) {
            self.home.ensure_sidecar()?;
        } else {
            self.home.stop_sidecar()?;
        }
        self.load(1, SMALL.1, Way::Either, "")?;
        let after = self.dice.within(0..8);
        let struck = self.home.shim.struck()?;
        self.home.shim.disk(disk, part, after, false)?;
        for _ in 0..LOADS {
            self.load(SMALL.0, SMALL.1, Way::Either, "")?;
            if self.home.shim.struck()? > struck {
                break;
            }
        }
        ensure!(
            self.home.shim.struck()? > struck,
            "{disk:?} of {part:?} was never met"
        );
        self.home.shim.disk(Disk::Well, part, 0, false)?;
        // The sidecar is not started anew: it must get over it.
        self.load(1, SMALL.1, Way::Either, "").map(drop)
    }

    /// More is recorded than the spool may hold. Refusals have room of their own, and the losses are told when there is room.
    pub(super) fn spool_full(&mut self, name: &'static str) -> Result<()> {
        self.home.set("SMOLTBOT_SPOOL__MAX_BYTES", SMALL_SPOOL);
        self.home.kill_sidecar();
        self.home.ensure_sidecar()?;
        self.proxy.always((name, Trouble::Refused));
        // What goes first are contents; a call is lost when nothing else is left to go.
        let lost = |run: &Self| -> Result<u64> {
            let calls: u64 = run.calls.iter().map(|call| call.losses).sum();
            let contents = run.home.status()?["spool"]["contents_dropped"].as_u64();
            Ok(calls + contents.context("status tells no contents_dropped")?)
        };
        let before = lost(self)?;
        for _ in 0..LOADS {
            self.load(SMALL.0, SMALL.1, Way::Either, "")?;
            self.big(8)?;
            if lost(self)? > before + 5 {
                break;
            }
        }
        ensure!(lost(self)? > before, "a megabyte never filled up");
        let first = self.calls.len();
        self.load(SMALL.0, SMALL.1, Way::Either, "")?;
        let refusal = |call: &Call| call.kind == Kind::Refused && call.before == Fate::Lost;
        if self.calls[first..].iter().any(refusal) {
            self.findings
                .push("a refusal was lost with room reserved for it".to_owned());
        }
        let bytes = self.home.status()?["spool"]["bytes"].as_u64();
        if bytes.is_none_or(|bytes| bytes > SMALL_SPOOL.parse().unwrap_or(0)) {
            self.findings.push(format!(
                "the spool takes {bytes:?} bytes of {SMALL_SPOOL} that it may"
            ));
        }
        self.proxy.calm();
        self.drained()?;
        self.home.kill_sidecar();
        self.home.set("SMOLTBOT_SPOOL__MAX_BYTES", LARGE_SPOOL);
        Ok(())
    }

    /// Calls whose parameters fill a spool.
    fn big(&mut self, calls: u64) -> Result<()> {
        for _ in 0..calls {
            let agent = "openclaw";
            let id = self.names.next("big");
            let mut call = Call::new(id, agent, self.names.next("session"), Kind::Big);
            for (event, before) in [(call.before(), true), (call.after(), false)] {
                let said = match self.home.ask(agent, &event)? {
                    Some(said) => Some(said),
                    None => self.home.hook(agent, &event, "")?,
                };
                let fate = call.answered(said.as_ref());
                if before {
                    call.before = fate;
                } else {
                    call.after = fate;
                }
            }
            self.calls.push(call);
        }
        Ok(())
    }

    /// Everything runs on a small disk, which fills up and is emptied again.
    pub(super) fn really_full(&mut self) -> Result<()> {
        self.home.stop_sidecar()?;
        let mut disk = SmallDisk::over(&self.home.state())?;
        self.home.start_by(disk.inside());
        self.home.ensure_sidecar()?;
        self.load(1, SMALL.1, Way::Either, "")?;
        disk.fill()?;
        self.load(SMALL.0, SMALL.1 * 4, Way::Either, "")?;
        self.home.kill_sidecar();
        self.load(SMALL.0, SMALL.1, Way::Process, "")?;
        disk.free()?;
        self.load(1, SMALL.1, Way::Either, "")?;
        self.home.ensure_sidecar()?;
        self.drained()?;
        self.home.stop_sidecar()?;
        self.home.start_by(Vec::new());
        disk.leave()
    }

    pub(super) fn damage(&mut self, damage: Damage) -> Result<()> {
        // Something waits in it, and more of it in the log.
        self.load(1, SMALL.1, Way::Process, "")?;
        self.load(1, SMALL.1, Way::Process, "")?;
        for call in &mut self.calls {
            call.waived = true;
        }
        let [database, log, memory] = self.spool_files();
        match damage {
            Damage::DatabaseBits => self.turn_bits(&database, 3)?,
            Damage::LogBits => self.turn_bits(&log, 3)?,
            Damage::LogCut => cut(&log)?,
            Damage::DatabaseCut => cut(&database)?,
            Damage::SharedMemoryGone => fs::remove_file(memory).or_else(absent)?,
            Damage::SharedMemoryGarbage => fs::write(memory, vec![0x5a; 32 * 1024])?,
            Damage::HeaderGarbage => {
                let mut bytes = fs::read(&database)?;
                bytes[..64].fill(0x5a);
                fs::write(&database, bytes)?;
            }
        }
        self.load(SMALL.0, SMALL.1, Way::Process, "")?;
        for call in &mut self.calls {
            call.waived = true;
        }
        self.mend()
    }

    /// Where the spool cannot be used any more the program says what to do, and that is done.
    fn mend(&mut self) -> Result<()> {
        let works = self.home.status().and_then(|_| self.home.start_sidecar(""));
        if matches!(works, Ok(true)) && self.drained_soon() {
            return Ok(());
        }
        let said = match &works {
            Err(error) => format!("{error:#}"),
            Ok(_) => self.home.log(),
        };
        ensure!(
            said.contains("move it away"),
            "the spool is damaged, and nobody says what to do: {said}"
        );
        self.home.kill_sidecar();
        for file in self.spool_files() {
            if file.exists() {
                let away = file.with_extension(format!(
                    "away-{}",
                    file.extension()
                        .and_then(|end| end.to_str())
                        .unwrap_or("db")
                ));
                fs::rename(&file, away)?;
            }
        }
        Ok(())
    }

    /// Whether nothing waits within a few seconds.
    fn drained_soon(&mut self) -> bool {
        for _ in 0..60 {
            if let Ok(status) = self.home.status()
                && status["spool"]["waiting"] == 0
            {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        false
    }

    /// Turns some bits over; a file that is not there has none.
    fn turn_bits(&mut self, file: &Path, count: u64) -> Result<()> {
        let Ok(mut bytes) = fs::read(file) else {
            return Ok(());
        };
        let length = u64::try_from(bytes.len())?;
        for _ in 0..count.min(length) {
            let at = usize::try_from(self.dice.within(0..length))?;
            bytes[at] ^= 1 << self.dice.within(0..8);
        }
        fs::write(file, bytes).context("the damaged file cannot be written")
    }
}

/// Takes the last third of a file away, and not at the end of a page.
fn cut(file: &Path) -> Result<()> {
    let Ok(bytes) = fs::read(file) else {
        return Ok(());
    };
    let keep = (bytes.len() * 2 / 3) | 1;
    fs::write(file, &bytes[..keep.min(bytes.len())])?;
    Ok(())
}

fn absent(error: std::io::Error) -> Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Ok(());
    }
    bail!(error)
}
