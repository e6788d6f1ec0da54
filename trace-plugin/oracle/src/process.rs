//! Processes of a run: their lines, their end, and what they keep in memory.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take to start or to end.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A process that stays, and is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Mutex<Receiver<String>>,
}

impl Process {
    /// Starts `command`; what it complains of is added to the file at `log`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().append(true).create(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        let out = child.stdout.take().context("no standard output")?;
        let (tell, lines) = channel();
        // Goes on until the process ends: one that cannot write its lines would stop.
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Ok(Self {
            child,
            lines: Mutex::new(lines),
        })
    }

    /// What follows `start` in the first line that begins so; none when the process ends before it.
    ///
    /// # Errors
    /// When there is no such line within [`PATIENCE`].
    pub fn line(&self, start: &str) -> Result<Option<String>> {
        let until = Instant::now() + PATIENCE;
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(start) {
                        return Ok(Some(rest.trim().to_owned()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => bail!("no line `{start}` within {PATIENCE:?}"),
            }
        }
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// As a crash would: no time for anything.
    pub fn kill(&mut self) {
        // Fails when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and the exit code; none when a signal ended it.
    ///
    /// # Errors
    /// When it goes on for longer than [`PATIENCE`].
    pub fn stop(&mut self) -> Result<Option<i32>> {
        if let Ok(pid) = i32::try_from(self.child.id())
            && !self.has_ended()
        {
            kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("it does not end within {PATIENCE:?} of SIGTERM")
    }

    /// The most memory that it ever held, in KiB, without the program's own code, which is as large as it was built.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let number = |key: &'static str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.split_whitespace().next());
            Ok(number.context(key)?.parse()?)
        };
        Ok(number("VmHWM:")?.saturating_sub(number("RssFile:")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks `question` until it answers, at most [`PATIENCE`] long.
///
/// # Errors
/// What `question` says last, or that it never answered.
pub fn once<T>(what: &str, mut question: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = question();
        if let Ok(Some(answer)) = answer {
            return Ok(answer);
        }
        if Instant::now() > until {
            answer?;
            bail!("{what}: not within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
