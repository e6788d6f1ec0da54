//! Edges as processes: started, killed, started again, weighed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait::block;
use edge_e2e::Client;

/// How long an edge may take to start, workerd's emulator included.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// How often is looked whether one has ended.
const LOOK: Duration = Duration::from_millis(10);
/// The header that Cloudflare names the client in. Its emulator takes it from who asks.
const CONNECTING_IP: &str = "cf-connecting-ip";
/// Lines of a log that are shown with a failure.
const LOG_LINES: usize = 60;
/// Ends what the test started when the test was killed: then the pipe closes.
const WATCHDOG: &str = "cat >/dev/null; kill -KILL \"$1\" 2>/dev/null; true";

/// Limits that are in the way of a storm of a few clients.
pub(crate) const NO_LIMITS: [(&str, &str); 3] = [
    ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "0"),
];

/// Which edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `smoltbot edge`.
    Native,
    /// The Worker in workerd.
    Worker,
}

impl Kind {
    /// The signal that ends it for good. What runs the Worker then takes everything down that it started.
    fn stop(self) -> Signal {
        match self {
            Self::Native => Signal::SIGKILL,
            Self::Worker => Signal::SIGTERM,
        }
    }
}

fn program(variable: &str) -> PathBuf {
    match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(path) => path.into(),
        None => panic!(
            "{variable} is not set: these tests start the built programs. `cargo xtask test` does all of it; by hand, after \
             `cargo build -p smoltbot -p xtask && cargo xtask worker build`: SMOLTBOT_BIN=target/debug/smoltbot \
             SMOLTBOT_XTASK=target/debug/xtask cargo test -p edge-e2e --test http_faults"
        ),
    }
}

/// The binary `smoltbot`.
pub(crate) fn binary() -> PathBuf {
    program("SMOLTBOT_BIN")
}

/// `wrangler.jsonc` as it is deployed.
pub(crate) fn worker_config() -> &'static str {
    include_str!("../../../worker/wrangler.jsonc")
}

/// Where an edge is asked.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    url: String,
    header: Option<String>,
}

impl Address {
    /// A client on a network of its own.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.url.clone(), self.header.clone())
    }
}

/// An edge that runs, or was killed.
pub(crate) struct Host {
    kind: Kind,
    database_url: String,
    settings: Vec<(String, String)>,
    /// Files over those that the Worker runs from.
    over: Option<PathBuf>,
    dir: TempDir,
    running: Option<Running>,
}

struct Running {
    process: Child,
    watchdog: Child,
    url: String,
}

impl Host {
    /// One over the database at `database_url`, once it serves; `settings` have the names that both hosts know.
    pub(crate) fn start(kind: Kind, database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_over(kind, database_url, settings, None)
    }

    /// The Worker without limits, with the files in `over` put over those that it runs from.
    pub(crate) fn worker_over(database_url: &str, over: &Path) -> Self {
        Self::start_over(
            Kind::Worker,
            database_url,
            &NO_LIMITS,
            Some(over.to_owned()),
        )
    }

    fn start_over(
        kind: Kind,
        database_url: &str,
        settings: &[(&str, &str)],
        over: Option<PathBuf>,
    ) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut host = Self {
            kind,
            database_url: database_url.to_owned(),
            settings: settings.iter().map(owned).collect(),
            over,
            dir: tempfile::tempdir().expect("a directory"),
            running: None,
        };
        host.start_again();
        host
    }

    /// Starts it as before.
    pub(crate) fn start_again(&mut self) {
        assert!(self.running.is_none(), "it runs");
        match block(|| self.launch()) {
            Ok(running) => self.running = Some(running),
            Err(why) => panic!("{:?} does not start: {why}", self.kind),
        }
    }

    /// The command, whose standard output tells where it serves.
    fn command(&self) -> Command {
        match self.kind {
            Kind::Native => {
                let mut command = edge_command(self.dir.path(), &self.database_url);
                command.envs(self.settings.iter().cloned());
                command
            }
            Kind::Worker => {
                let mut command = Command::new(program("SMOLTBOT_XTASK"));
                command
                    .args(["worker", "dev", "--no-build", "--port", "0"])
                    .args(["--database-url", &self.database_url]);
                for (name, value) in &self.settings {
                    command.arg("--var").arg(format!("{name}={value}"));
                }
                if let Some(over) = &self.over {
                    command.arg("--over").arg(over);
                }
                command
            }
        }
    }

    fn launch(&self) -> Result<Running, String> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .expect("a log");
        let mut process = self
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(process.id().to_string())
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let output = BufReader::new(process.stdout.take().expect("its output"));
        let (send, lines) = channel();
        // Reads on after the URL came: an edge that cannot write ends.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut running = Running {
            process,
            watchdog,
            url: String::new(),
        };
        loop {
            match lines.recv_timeout(START_PATIENCE) {
                Ok(line) => {
                    let line = line.trim();
                    let url = line.strip_prefix("edge").map_or(line, str::trim);
                    if url.starts_with("http://") {
                        url.clone_into(&mut running.url);
                        return Ok(running);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    running.end(self.kind.stop());
                    return Err(format!("no URL after {START_PATIENCE:?}\n{}", self.log()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = running.process.wait();
                    running.end(self.kind.stop());
                    return Err(format!("it ended with {status:?}\n{}", self.log()));
                }
            }
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Where it is asked.
    pub(crate) fn address(&self) -> Address {
        Address {
            url: self.running().url.clone(),
            header: (self.kind == Kind::Worker).then(|| CONNECTING_IP.to_owned()),
        }
    }

    /// A client on a network of its own.
    pub(crate) fn client(&self) -> Client {
        self.address().client()
    }

    /// What it wrote to standard error, over all its lives.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let from = text.lines().count().saturating_sub(LOG_LINES);
        text.lines().skip(from).collect::<Vec<_>>().join("\n")
    }

    /// Kills the process that serves (SIGKILL): no handler runs, no answer that was not written is.
    pub(crate) fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        block(|| {
            for pid in serving(running.process.id(), self.kind) {
                let _ = kill(pid, Signal::SIGKILL);
            }
            // What ran the Worker would start workerd again, sooner or later. Its own watchdog ends the rest of it.
            running.end(Signal::SIGKILL);
        });
    }

    /// Bytes of memory that the serving process has.
    pub(crate) fn resident(&self) -> u64 {
        let pids = serving(self.running().process.id(), self.kind);
        assert!(!pids.is_empty(), "no process of it serves");
        pids.into_iter().map(resident).sum()
    }
}

impl Running {
    fn end(&mut self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).expect("a process id");
        let _ = kill(Pid::from_raw(pid), signal);
        let _ = self.process.wait();
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.end(self.kind.stop());
        }
        if std::thread::panicking() {
            eprintln!("the log of {:?}:\n{}", self.kind, self.log());
        }
    }
}

/// Starts the native edge over a database that it has to refuse; what it says.
pub(crate) fn refusal(database_url: &str) -> String {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = edge_command(home.path(), database_url);
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().expect("its status") {
            break status;
        }
        if begun.elapsed() > START_PATIENCE {
            let _ = process.kill();
        }
        std::thread::sleep(LOOK);
    };
    let mut said = String::new();
    let mut errors = process.stderr.take().expect("its errors");
    errors.read_to_string(&mut said).expect("text");
    assert!(
        status.code().is_some_and(|code| code != 0),
        "{status}: {said}"
    );
    said
}

fn edge_command(home: &Path, database_url: &str) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("edge")
        // Settings of whoever runs the tests.
        .env_remove("SMOLTBOT_BIN")
        .env_remove("SMOLTBOT_XTASK")
        .env("SMOLTBOT_HOME", home)
        .env("SMOLTBOT_EDGE__LISTEN", "127.0.0.1:0")
        .env("SMOLTBOT_EDGE__DATABASE_URL", database_url);
    command
}

/// The processes that answer requests: the edge itself, or workerd below what runs the Worker.
fn serving(pid: u32, kind: Kind) -> Vec<Pid> {
    let pid = i32::try_from(pid).expect("a process id");
    if kind == Kind::Native {
        return vec![Pid::from_raw(pid)];
    }
    let (mut found, mut looked) = (Vec::new(), vec![pid]);
    while let Some(parent) = looked.pop() {
        for child in children(parent) {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if name.trim() == "workerd" {
                found.push(Pid::from_raw(child));
            }
            looked.push(child);
        }
    }
    found
}

/// The processes that `parent` started, by any of its threads.
fn children(parent: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|text| {
            let pids = text.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<_>>()
        })
        .collect()
}

fn resident(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.expect("VmRSS") * 1024
}
