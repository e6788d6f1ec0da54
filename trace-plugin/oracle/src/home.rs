//! One machine's home: its hooks, its sidecar, its status; all of it the real binary.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::{PATIENCE, Process};
use crate::programs::Programs;
use crate::shim::Shim;

/// How long a request to the edge may take here: a slow answer is to be seen, and not waited for.
const TIMEOUT_MS: &str = "1000";
/// How long a hook may hold an agent up, whatever is broken, on a machine that has much else to do.
const HELD_UP: Duration = Duration::from_secs(15);
/// How long a sidecar may take to answer a hook over its socket.
const SOCKET_PATIENCE: Duration = Duration::from_secs(20);

/// A hook's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// A line for each object.
    pub stdout: String,
    /// Complaints.
    pub stderr: String,
}

/// A home, and the sidecar that may run in it.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    programs: Programs,
    url: String,
    /// What every process of this home is told to break.
    always: String,
    settings: Vec<(String, String)>,
    /// What starts every program, where it is not started by itself.
    prefix: Vec<String>,
    /// The disk and the clock.
    pub shim: Shim,
    sidecar: Option<Process>,
}

impl Home {
    /// A home whose sidecar ships to `url`, where everything goes wrong that `always` says (see `trace_plugin::fault`).
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(programs: &Programs, url: &str, always: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let shim = Shim::new(&dir.path().join("shim"))?;
        Ok(Self {
            dir,
            programs: programs.clone(),
            url: url.to_owned(),
            always: always.to_owned(),
            settings: Vec::new(),
            prefix: Vec::new(),
            shim,
            sidecar: None,
        })
    }

    /// Sets a variable for every process that starts from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts every program by `prefix` from now on.
    pub fn start_by(&mut self, prefix: Vec<String>) {
        self.prefix = prefix;
    }

    /// The directory of everything.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The directory that smoltbot keeps its state in.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The spool's file.
    pub fn spool(&self) -> PathBuf {
        self.state().join("spool.db")
    }

    /// The sidecar's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// What the sidecar has complained of, for reports.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn program(&self, program: &Path, arguments: &[&str], fault: &str) -> Command {
        let mut command = match self.prefix.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        let faults = [self.always.as_str(), fault].join(",");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("SMOLTBOT_HOME", self.state())
            .env("SMOLTBOT_API_URL", &self.url)
            .env("SMOLTBOT_TIMEOUT", TIMEOUT_MS)
            .env("SMOLTBOT_PUBLISH__LEVEL", "full")
            .env("SMOLTBOT_SIDECAR__SOCKET", self.socket())
            .env("SMOLTBOT_FAULT", faults)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .envs(self.shim.env());
        command
    }

    /// `smoltbot` with these arguments, to be broken as `fault` says.
    pub fn smoltbot(&self, arguments: &[&str], fault: &str) -> Command {
        self.program(&self.programs.smoltbot, arguments, fault)
    }

    /// The driver of the in-process recorder.
    pub fn recorder(&self, fault: &str) -> Command {
        let spool = self.spool();
        self.program(&self.programs.recorder, &[&spool.to_string_lossy()], fault)
    }

    /// What a command of `smoltbot` prints; it must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub fn tells(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.smoltbot(arguments, "");
        let output = command.stdin(Stdio::null()).output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {complaint}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// `smoltbot status --json`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.tells(&["status", "--json"])?)?)
    }

    /// `smoltbot hook AGENT` with `input`; none when it was killed.
    ///
    /// # Errors
    /// When it does not start, or ends with a code that an agent would take for more than an answer.
    pub fn hook(&self, agent: &str, input: &str, fault: &str) -> Result<Option<Said>> {
        let begun = Instant::now();
        let mut child = self
            .smoltbot(&["hook", agent], fault)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        // One that is killed does not read.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output()?;
        let took = begun.elapsed();
        ensure!(took < HELD_UP, "a hook held an agent up for {took:?}");
        let Some(code) = output.status.code() else {
            return Ok(None);
        };
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(code == 0, "a hook ended with {code}: {stderr}");
        Ok(Some(Said {
            stdout: String::from_utf8(output.stdout)?,
            stderr,
        }))
    }

    /// The same over the sidecar's socket, as a plugin that stays does it; none when the sidecar does not answer.
    ///
    /// # Errors
    /// When it answers something that is no reply.
    pub fn ask(&self, agent: &str, input: &str) -> Result<Option<Said>> {
        let Ok(answer) = self.request(agent, input) else {
            return Ok(None);
        };
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let Some(end) = end.filter(|_| answer.starts_with(b"HTTP/1.1 200")) else {
            return Ok(None);
        };
        let Ok(reply) = serde_json::from_slice::<Value>(&answer[end + 4..]) else {
            // Cut off: it was killed while it wrote.
            return Ok(None);
        };
        let text = |key: &str| reply[key].as_str().map(str::to_owned);
        Ok(Some(Said {
            stdout: text("stdout").context("a reply without stdout")?,
            stderr: text("stderr").context("a reply without stderr")?,
        }))
    }

    fn request(&self, agent: &str, input: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(SOCKET_PATIENCE))?;
        write!(
            stream,
            "POST /v1/hook/{agent} HTTP/1.1\r\nhost: sidecar\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            input.len()
        )?;
        stream.write_all(input.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Starts the sidecar, to be broken as `fault` says; false when it ended before it shipped.
    ///
    /// # Errors
    /// When it neither starts nor ends.
    pub fn start_sidecar(&mut self, fault: &str) -> Result<bool> {
        self.kill_sidecar();
        let log = self.dir.path().join("log");
        let process = Process::start(&mut self.smoltbot(&["sidecar"], fault), &log)?;
        let ships = process.line("shipping")?.is_some();
        self.sidecar = Some(process);
        Ok(ships)
    }

    /// Starts the sidecar unless it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub fn ensure_sidecar(&mut self) -> Result<()> {
        if self.sidecar_runs() {
            return Ok(());
        }
        ensure!(self.start_sidecar("")?, "the sidecar ended: {}", self.log());
        Ok(())
    }

    /// Whether the sidecar runs.
    pub fn sidecar_runs(&mut self) -> bool {
        self.sidecar
            .as_mut()
            .is_some_and(|process| !process.has_ended())
    }

    /// The sidecar that was started last.
    pub fn sidecar(&self) -> Option<&Process> {
        self.sidecar.as_ref()
    }

    /// As a crash would.
    pub fn kill_sidecar(&mut self) {
        self.sidecar = None;
    }

    /// SIGTERM, and waits until it has ended.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub fn stop_sidecar(&mut self) -> Result<()> {
        if let Some(mut process) = self.sidecar.take() {
            let code = process.stop()?;
            ensure!(code == Some(0), "the sidecar ended with {code:?}");
        }
        Ok(())
    }

    /// Two sidecars started at once: whether exactly one stayed.
    ///
    /// # Errors
    /// When neither does, or the other does not say why.
    pub fn start_two_sidecars(&mut self) -> Result<()> {
        self.kill_sidecar();
        let logs = [self.dir.path().join("log"), self.dir.path().join("log2")];
        let start = |log: &PathBuf| Process::start(&mut self.smoltbot(&["sidecar"], ""), log);
        let two = [start(&logs[0])?, start(&logs[1])?];
        let begun = Instant::now();
        let mut stayed = Vec::new();
        for mut process in two {
            if process.line("shipping")?.is_some() && !process.has_ended() {
                stayed.push(process);
            }
            ensure!(begun.elapsed() < PATIENCE, "two sidecars take too long");
        }
        ensure!(
            stayed.len() == 1,
            "of two sidecars {} stayed: {}",
            stayed.len(),
            self.log()
        );
        self.sidecar = stayed.pop();
        Ok(())
    }
}
