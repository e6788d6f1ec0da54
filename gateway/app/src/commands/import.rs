//! `smoltbot import`: past sessions into this agent's chain, or what there is to import.
//!
//! What a file is and what becomes of a call stands in `trace_plugin::import`; here are the files, the edge that is asked what was
//! recorded when it happened, and what people see.

mod find;
mod recorded;
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use trace_plugin::import::{Importer, Past, Read, read};
use trace_plugin::spool::{Spool, Use};

use crate::agent::{self, Agent};
use crate::cli::Import;
use crate::progress::Progress;
use crate::{lock, output};
use find::Found;
use recorded::Recorded;
use report::Report;

/// Calls of one commit.
const BATCH: usize = 200;
/// Bytes of a file after which what was read of it is committed: results may be large.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;
/// Links that may wait for the edge before an import waits, too: they share the spool with what happens now.
const MAX_WAITING: u64 = 5000;
/// How long an import waits for the spool to be shipped while nothing of it goes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long another process may hold the spool.
const BUSY: Duration = Duration::from_secs(5);

pub(crate) fn run(asked: &Import) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let found = if asked.files.is_empty() {
        find::everywhere()?
    } else {
        find::named(&asked.files)?
    };
    if asked.files.is_empty() && !asked.all {
        return list(&found, asked.json);
    }
    let agent = Agent::load(config)?;
    let mut import = Importing::new(agent)?;
    for (index, file) in found.iter().enumerate() {
        let done = import.file(file, index, found.len());
        if let Err(error) = done {
            import.progress.clear();
            import.report.show(asked.json)?;
            return Err(error.context("not everything was imported; what was is kept, and the same again goes on from there"));
        }
    }
    import.progress.clear();
    import.report.show(asked.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Says what there is, and imports nothing.
fn list(found: &[Found], json: bool) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let mut progress = Progress::new();
    for (index, file) in found.iter().enumerate() {
        report.begin(file);
        progress.show(|| format!("reading: file {} of {}", index + 1, found.len()));
        let outcome = read(&file.path, file.format, &mut |read| {
            match read {
                Read::Call(past) => report.see(file, &past),
                Read::Bad(line) => report.bad(file, &line),
                Read::Bytes(_) => {}
            }
            true
        });
        outcome.with_context(|| format!("{} cannot be read", file.path.display()))?;
    }
    progress.clear();
    report.list(json)?;
    Ok(ExitCode::SUCCESS)
}

/// An import on its way.
struct Importing {
    agent: Agent,
    importer: Importer,
    recorded: Recorded,
    report: Report,
    progress: Progress,
    batch: Vec<Past>,
}

impl Importing {
    fn new(agent: Agent) -> anyhow::Result<Self> {
        let path = agent.config.home.spool_file();
        let spool = Spool::open(&path, agent.identity.agent_id(), BUSY, Use::Resident)?;
        let shipped = spool.depth()?.last_ack_at.is_some();
        let judge = Arc::new(agent.judge(Vec::new()));
        Ok(Self {
            recorded: Recorded::new(&agent, shipped)?,
            importer: Importer::new(judge, spool)?,
            agent,
            report: Report::default(),
            progress: Progress::new(),
            batch: Vec::with_capacity(BATCH),
        })
    }

    fn file(&mut self, file: &Found, index: usize, files: usize) -> anyhow::Result<()> {
        self.report.begin(file);
        let mut flushed = 0;
        let mut failure = None;
        let outcome = read(&file.path, file.format, &mut |read| {
            let done = match read {
                Read::Call(past) => self.take(file, *past),
                Read::Bad(line) => {
                    self.report.bad(file, &line);
                    Ok(())
                }
                Read::Bytes(bytes) => {
                    let (new, percent) = (self.report.imported(), bytes * 100 / file.bytes.max(1));
                    self.progress.show(|| {
                        format!(
                            "importing: file {} of {files}, {percent} %, {}",
                            index + 1,
                            output::count(new, "call", "calls")
                        )
                    });
                    let full = bytes - flushed >= BATCH_BYTES;
                    flushed = if full { bytes } else { flushed };
                    if full { self.commit(file) } else { Ok(()) }
                }
            };
            failure = done.err();
            failure.is_none()
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        outcome.with_context(|| format!("{} cannot be read", file.path.display()))?;
        self.commit(file)
    }

    fn take(&mut self, file: &Found, past: Past) -> anyhow::Result<()> {
        self.report.see(file, &past);
        if self.importer.knows(&past)? || self.recorded.has(&past)? {
            self.report.known(1);
            return Ok(());
        }
        self.batch.push(past);
        if self.batch.len() < BATCH {
            return Ok(());
        }
        self.commit(file)
    }

    fn commit(&mut self, file: &Found) -> anyhow::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.wait_for_room()?;
        let recorded = self.importer.record(&self.batch)?;
        self.batch.clear();
        self.report.recorded(file, recorded);
        Ok(())
    }

    /// Waits until what was imported before is shipped.
    fn wait_for_room(&mut self) -> anyhow::Result<()> {
        let mut least = u64::MAX;
        let mut waited = Duration::ZERO;
        loop {
            let waiting = self.importer.spool().depth()?.waiting;
            if waiting < MAX_WAITING {
                return Ok(());
            }
            if !lock::is_taken(&self.agent.config.home.lock_file()) {
                bail!(
                    "{} in the spool and nothing ships them: start `smoltbot up`",
                    output::count(waiting, "trace waits", "traces wait")
                );
            }
            if waiting < least {
                (least, waited) = (waiting, Duration::ZERO);
            }
            if waited >= PATIENCE {
                bail!(
                    "{} in the spool and none of them goes: `smoltbot status` says when the edge last took one",
                    output::count(waiting, "trace waits", "traces wait")
                );
            }
            self.progress
                .show(|| format!("waiting: {waiting} on their way to the edge"));
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        }
    }
}
